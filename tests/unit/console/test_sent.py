"""The key that shows what was sent to models."""

from backend.alerts.text import safe_lines
from backend.engine import SentItem, SentView
from console.screens.sent import SentScreen
from console.view_models.sent import sent_text
from tests.support import scene
from tests.support.console import make_app, settle
from tests.support.pressing import NARROW, WIDE, press

SENT = SentItem(
    "anthropic:test-model", "api.example.net", 4_120, safe_lines('{\n  "model": "test-model"\n}'), True,
    wall_ms=1_767_225_600_000, kind="analysis", input_tokens=1_032, output_tokens=210, usd=0.0123,
    outcome="complete",
)  # fmt: skip
NEXT = SentItem("openai:own", "127.0.0.1", 99, safe_lines('{"model": "[b]own[/b]"}'), False, kind="analysis")


def test_each_request_is_told_in_a_line() -> None:
    text = sent_text(SentView(1, (SENT,), NEXT, "its evidence joins when its turn comes"))
    assert (
        "anthropic:test-model at api.example.net · analysis · 4,120 bytes · 1,032 tokens in, 210 out" in text
    )
    assert "$0.0123 · complete · names hidden" in text
    assert "next, not sent yet · openai:own at 127.0.0.1" in text
    assert "names in clear · its evidence joins" in text
    assert "nothing has been sent" in sent_text(SentView(1, note="no such alert"))


async def test_the_key_opens_it_and_escape_closes_it() -> None:
    for size in (NARROW, WIDE):
        engine = scene.engine()
        app = make_app(engine)
        async with app.run_test(size=size) as pilot:
            row = app.main.queue.current()
            assert row is not None
            engine.sent_views[row.id] = SentView(row.id, (SENT,), NEXT)
            await press(pilot, "S")
            assert isinstance(app.screen, SentScreen)
            await settle(pilot)
            shown = app.export_screenshot().replace("&#160;", " ")
            assert "anthropic:test-model" in shown
            assert "[b]own[/b]" in shown.replace("&#x27;", "'")
            await press(pilot, "escape")
            assert not isinstance(app.screen, SentScreen)
