"""Text from outside in every field of every type, on every screen: no crash, no markup, no control byte."""

import itertools
import re

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot

from backend.alerts.model import Head
from backend.alerts.text import SafeText
from backend.analysis.model import AttemptEnded, AttemptStarted, Decided, Delta, QuestionAsked, VerdictReady
from backend.api import AddNote, Detail, Reply, Row, Verdict
from console.app import WatchfloorApp
from tests.support import scene
from tests.support.console import make_app, settle, until
from tests.support.fake_engine import FakeEngine

PAYLOADS = (
    "[/b]",
    "[@click=app.quit()]x[/]",
    "[link=http://evil.example]x[/link] [not a tag] [192.168.1.1]",
    "\x1b]52;c;ZXZpbA==\x07 \x1b[2J \x1b[6n \x1bc",
    "\x9b2J \x9d0;t\x9c \x90q\x9c",
    "\u202egnp.exe\u2066 \u200b\ufeff \U000e0041",
    "a\r\nb\tc\x00\x7f\u2028d",
    "C:\\x\\[a] ${jndi:ldap://x} {{7*7}}",
    "[bold red on blue]" * 40 + "\u0301" * 500,
)  # fmt: skip

FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\U000e0000-\U000e007f]"
)


class Poison:
    """Hands out the payloads in turn, from a different one on for each run, so that fields get all kinds."""

    def __init__(self, first: int) -> None:
        self._turn = itertools.cycle(PAYLOADS[first:] + PAYLOADS[:first])

    def text(self) -> SafeText:
        return SafeText(next(self._turn))

    def into(self, value: object) -> object:
        """The same value with a payload in every string of it, at any depth."""
        if isinstance(value, str):
            return self.text()
        if isinstance(value, tuple):
            return tuple(self.into(item) for item in value)
        if isinstance(value, msgspec.Struct):
            changed: dict[str, object] = {}
            for field in msgspec.structs.fields(value):
                old = getattr(value, field.name)
                if field.name in KEPT or isinstance(old, bytes):
                    continue
                changed[field.name] = self.into(old)
            return msgspec.structs.replace(value, **changed)
        return value


KEPT = {"latency_ms", "output_valid"}
"""Fields that are no text."""


def hostile_engine(poison: Poison) -> FakeEngine:
    engine = scene.engine()
    rows = tuple(row for row in map(poison.into, scene.ROWS) if isinstance(row, Row))
    detail = poison.into(scene.detail())
    verdict = poison.into(scene.VERDICT)
    assert isinstance(detail, Detail)
    assert isinstance(verdict, Verdict)
    names = ("sources", "models", "lanes", "stages", "cost", "filter_text", "filter_error")
    changes = {name: poison.into(getattr(scene.SCENE, name)) for name in names}
    engine.publish(rows=rows, trouble=(poison.text(), poison.text()), **changes)
    engine.failed = poison.text()
    engine.details = dict.fromkeys((row.id for row in rows), detail)
    text = poison.text
    engine.transcripts[1] = [
        AttemptStarted(0, text(), text(), scene.NOW_MS),
        Delta(0, text(), "facts"),
        VerdictReady(0, verdict, text(), text(), 10.0),
        *(Delta(0, SafeText(f"## {payload}\n- {payload}\n```\n{payload}\n")) for payload in PAYLOADS),
        AttemptEnded(0, text(), text(), "error", text(), ungrounded=PAYLOADS),
        QuestionAsked(1, text(), text(), scene.NOW_MS),
        Decided(text(), text(), scene.NOW_MS),
        Delta(1, text(), "raw"),
    ]
    engine._answer = lambda command: Reply(True, text())
    return engine


def on_screen(app: WatchfloorApp) -> str:
    """Every character that would be drawn."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def click_everywhere(app: WatchfloorApp, pilot: Pilot[int]) -> None:
    width, height = app.size
    for y in range(2, height, 9):
        for x in range(1, width, 31):
            await pilot.click(offset=(x, y))


@pytest.mark.parametrize("first", [0, 1, 3, 6])
async def test_hostile_text_does_nothing_on_any_screen(first: int) -> None:
    engine = hostile_engine(Poison(first))
    app = make_app(engine)
    async with app.run_test(size=(170, 42), notifications=True) as pilot:
        await until(lambda: app.main.pane.alert_id == 1, "the first alert opens")
        for tab in ("evidence", "waterfall", "raw", "trail", "investigation"):
            app.main.action_show_tab(tab)
            await pilot.pause()
            assert not FORBIDDEN.search(on_screen(app))
        for key in "w$dn/":
            await pilot.press(key)
            assert not FORBIDDEN.search(on_screen(app)), key
            await pilot.press("escape")
        await pilot.press("u", "a")
        await settle(pilot)
        assert not FORBIDDEN.search(on_screen(app))
        if first < 2:
            await click_everywhere(app, pilot)
        assert app.is_running
        assert app.title == "watchfloor"


async def test_a_click_on_a_payload_runs_nothing() -> None:
    payload = "[@click=app.exit()]" + "x" * 60 + "[/]"
    engine = scene.engine()
    head: Head = msgspec.structs.replace(scene.ROWS[0].head, title=SafeText(payload))
    engine.publish_rows([msgspec.structs.replace(scene.ROWS[0], head=head)])
    app = make_app(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.click("#queue", offset=(25, 1))
        await pilot.click("#detail-title", offset=(12, 0))
        await settle(pilot)
        assert app.is_running
        assert "[@click=app.exit()]" in on_screen(app)


async def test_what_is_pasted_is_made_safe_before_it_is_drawn_or_sent() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n")
        app.screen.post_message(events.Paste("ok \x1b]52;c;ZXZpbA==\x07 \u202egnp"))
        await settle(pilot)
        assert not FORBIDDEN.search(on_screen(app))
        await pilot.press("enter")
        await settle(pilot)
        command = engine.last()
        assert isinstance(command, AddNote)
        assert command.note == "ok ·]52;c;ZXZpbA==· ·gnp"
