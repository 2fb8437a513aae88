"""The application: themes, keys, the bridge and what every screen shares. The rest is in the screens."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.driver import Driver

from backend.api import LANES, Command, Reply, Undo
from console.bindings import APP_KEYS, bindings, by_id, key_words, unknown_ids
from console.bridge import FRAME_S, POLL_S, Bridge
from console.commands import KeyCommands, ThemeCommands
from console.outbox import Outbox
from console.port import EnginePort
from console.screens.dialogs import ConfirmDialog
from console.screens.help import HelpScreen
from console.screens.main import MainScreen
from console.view_models.replies import toast
from themes import WIDGETS_TCSS
from themes.definitions import THEMES, VARIABLE_DEFAULTS, install
from widgets.governor import GovernedApp
from widgets.safe import Shown, shown
from widgets.stream import StreamPane
from widgets.table import VirtualTable

if TYPE_CHECKING:
    from backend.engine import Settings

SSH_FRAME_S = 0.1
"""Least time between frames over SSH."""


def system_now_ms() -> int:
    """Wall clock, ms since the epoch."""
    return time.time_ns() // 1_000_000


class WatchfloorApp(GovernedApp[int], inherit_bindings=False):
    """The console over an engine that is already running, or about to."""

    TITLE = "watchfloor"
    CSS_PATH: ClassVar[list[str | PurePath]] = [WIDGETS_TCSS, "app.tcss", "screens/main.tcss"]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands, ThemeCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(APP_KEYS),
        Binding("ctrl+c", "hint_quit", "How to quit", show=False, id="app.hint_quit", system=True),
    ]
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        engine: EnginePort,
        settings: "Settings",
        *,
        driver_class: type[Driver] | None = None,
        now_ms: Callable[[], int] = system_now_ms,
        mono: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`now_ms` and `mono` are the clocks of what is shown; `environ` tells a remote terminal."""
        super().__init__(driver_class=driver_class)
        self.engine = engine
        self.settings = settings
        self.key_overrides: dict[str, str] = dict(settings.ui.keys)
        self.remote = bool(environ.get("SSH_CONNECTION"))
        self.animation_level = "none"
        self._now_ms = now_ms
        self._mono = mono
        self._clashes: set[str] = set()
        self._outbox = Outbox(engine, self._answered)
        if self.remote:
            self.frame_interval_s = SSH_FRAME_S
        install(self, f"watchfloor-{settings.ui.theme}")
        self.main = MainScreen(
            engine,
            send=self.send,
            actor=settings.ui.actor,
            sla_s={lane: settings.sla_s(lane) or 0.0 for lane in LANES},
            now_ms=now_ms,
            hints_of=self.hints_of,
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our meanings under a theme that does not define them."""
        return VARIABLE_DEFAULTS

    def get_default_screen(self) -> MainScreen:
        """The main screen."""
        return self.main

    def on_mount(self) -> None:
        """Set the keys and start the clocks."""
        self.set_keymap(self.key_overrides)
        for name in unknown_ids(self.key_overrides, self._known_ids()):
            self.notify(
                f"[ui.keys] names no key '{shown(name)}'; ? lists them", severity="warning", markup=False
            )
        if self.remote:
            self.main.pane.stream.frame_s = SSH_FRAME_S
        bridge = Bridge(self.engine, self.main, self._mono)
        self.set_interval(POLL_S, bridge.poll, name="bridge")
        self.set_interval(SSH_FRAME_S if self.remote else FRAME_S, self._frame, name="frames")

    def _frame(self) -> None:
        """While the open alert is being written, its text comes at the rate of frames."""
        if self.main.pane.live:
            self.main.pump()

    # --- commands ---------------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """Hand a command to the engine; its reply becomes a toast."""
        self._outbox.send(command)

    def _answered(self, command: Command, reply: Reply) -> None:
        said = toast(command, reply)
        if not self.is_running:
            return
        if isinstance(command, Undo) and reply.ok and reply.alert_ids:
            self.main.queue.come_back_to(reply.alert_ids[0])
        if said is not None:
            self.notify(said[0], severity=said[1], timeout=4, markup=False)

    # --- keys -------------------------------------------------------------------------------------------

    def _known_ids(self) -> set[str]:
        return set(by_id()) | set(_widget_keys())

    def keys_of(self, binding_id: str) -> str:
        """The keys of a binding as they are printed on a keyboard, after remapping."""
        own = by_id().get(binding_id)
        default = own.keys if own is not None else _widget_keys().get(binding_id, "")
        return key_words(self.key_overrides.get(binding_id, default))

    def hints_of(self, ids: tuple[str, ...]) -> list[tuple[Shown, Shown]]:
        """First key and short words of each, for the line at the foot."""
        known = by_id()
        words = {name: known[name].hint or known[name].words.lower() for name in ids if name in known}
        words["table.open"] = "open"
        return [(shown(self.keys_of(name).split(" ")[0]), shown(words.get(name, ""))) for name in ids]

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """A key of the configuration takes another's: said once."""
        fresh = {b.id or b.action for b in clashed_bindings} - self._clashes
        if fresh:
            self._clashes |= fresh
            names = ", ".join(sorted(fresh))
            self.notify(f"[ui.keys] takes the key of {shown(names)}", severity="warning", markup=False)

    # --- actions of every screen ------------------------------------------------------------------------

    def action_console_help(self) -> None:
        """Every key."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.keys_of))

    def action_next_theme(self) -> None:
        """Dark, light, high contrast, and round."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_leave(self) -> None:
        """Quit; ask first while the open alert is being written: it would be paid for twice."""
        if not self.main.pane.live:
            self.exit(0)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit(0)

        text = "The analysis you are looking at is still being written. It starts again at the next start."
        self.push_screen(
            ConfirmDialog("Quit?", [[(Shown(text), "text")]], "y or q quits · n or esc stays"), answered
        )

    def action_hint_quit(self) -> None:
        """ctrl+c copies a selection; without one it tells how to quit."""
        self.notify(
            f"{self.keys_of('app.quit')} quits · {self.keys_of('app.help')} lists every key", markup=False
        )


def _widget_keys() -> dict[str, str]:
    found = (b for b in (*VirtualTable.BINDINGS, *StreamPane.BINDINGS) if isinstance(b, Binding) and b.id)
    return {b.id: b.key for b in found if b.id}
