"""Keys: every action has one that any terminal sends; ids are unique; the configuration remaps them."""

import re

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from backend.api import Claim
from console.app import WatchfloorApp
from console.bindings import APP_KEYS, DETAIL_HINTS, GROUPS, MOVES, QUEUE_HINTS, SCREEN_KEYS, by_id, key_words
from console.screens.dialogs import ConfirmDialog, DecideDialog, NoteDialog, Popup, SelectDialog
from console.screens.help import HelpScreen
from console.screens.main import MainScreen
from tests.support import scene
from tests.support.console import ACTOR, make_app, settle
from widgets.stream import StreamPane
from widgets.table import VirtualTable

SCREENS = (MainScreen, DecideDialog, NoteDialog, Popup, ConfirmDialog, SelectDialog, HelpScreen)

NAMED = {
    "tab", "shift+tab", "escape", "enter", "space", "up", "down", "left", "right", "home",
    "end", "pageup", "pagedown", "slash", "question_mark", "colon", "asterisk", "dollar_sign",
    "left_square_bracket", "right_square_bracket",
}  # fmt: skip
CONTROL = {"ctrl+p", "ctrl+z", "ctrl+c"}
"""The palette, job control and interrupt: every terminal sends them, no multiplexer takes them."""


def own_bindings() -> list[Binding]:
    nodes: tuple[type[DOMNode], ...] = (WatchfloorApp, VirtualTable, StreamPane, *SCREENS)
    return [b for node in nodes for b in node.BINDINGS if isinstance(b, Binding)]


def reachable(key: str) -> bool:
    """Sent by any terminal, with no help from its settings."""
    return bool(re.fullmatch(r"[a-zA-Z0-9]|f([1-9]|1[0-2])", key)) or key in NAMED or key in CONTROL


def test_every_action_has_a_key_any_terminal_sends() -> None:
    for binding in own_bindings():
        keys = [key.strip() for key in binding.key.split(",")]
        assert any(reachable(key) for key in keys), binding
        for key in keys:
            assert not re.search(r"ctrl\+[absq]$|alt\+|super\+|hyper\+|ctrl\+shift", key), binding


def test_the_app_binds_no_inherited_control_key() -> None:
    keys = {key for key, _ in WatchfloorApp._merge_bindings()}
    assert keys & {"ctrl+q", "ctrl+s", "ctrl+a", "ctrl+b"} == set()


def test_every_binding_has_its_own_id() -> None:
    names = [binding.id for binding in own_bindings()]
    assert None not in names
    assert len(names) == len(set(names))


def test_every_main_key_has_one_meaning() -> None:
    keys = [key for entry in (*SCREEN_KEYS, *APP_KEYS) for key in entry.keys.split(",")]
    assert len(keys) == len(set(keys))


def test_every_action_exists() -> None:
    for entry in SCREEN_KEYS:
        assert hasattr(MainScreen, f"action_{entry.action.partition('(')[0]}"), entry
    for entry in APP_KEYS:
        assert hasattr(WatchfloorApp, f"action_{entry.action.partition('(')[0]}"), entry


def test_hints_and_help_name_real_bindings() -> None:
    known = set(by_id()) | {b.id for b in VirtualTable.BINDINGS if isinstance(b, Binding)}
    assert set(QUEUE_HINTS) | set(DETAIL_HINTS) | {name for name, _ in MOVES} <= known
    assert {entry.group for entry in by_id().values()} <= set(GROUPS)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("escape", "esc"),
        ("j,down", "j ↓"),
        ("dollar_sign", "$"),
        ("T", "T"),
        ("enter", "enter"),
        ("tab", "tab"),
    ],
)
def test_keys_are_named_as_on_a_keyboard(keys: str, words: str) -> None:
    assert key_words(keys) == words


async def test_the_configuration_remaps_keys_and_the_hints_follow() -> None:
    engine = scene.engine()
    app = make_app(engine, alert__claim="f2", table__down="ö")
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("a")
        await settle(pilot)
        assert engine.commands == []
        await pilot.press("ö", "f2")
        await settle(pilot)
        assert engine.commands == [Claim((2,), ACTOR)]
        assert "f2" in app.export_screenshot()


async def test_a_slip_in_the_configuration_is_said() -> None:
    app = make_app(alert__clame="f2")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert any("alert.clame" in n.message for n in app._notifications)
