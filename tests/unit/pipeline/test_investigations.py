import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.alerts.text import SafeText
from backend.analysis.model import (
    AttemptEnded,
    AttemptStarted,
    Decided,
    Delta,
    QuestionAsked,
    TranscriptEvent,
)
from backend.api import Claim, Decide
from backend.journal.stored import Decision
from backend.pipeline.investigations import INDENTED_SHOWN, RAW_SHOWN, in_order, raw_text
from backend.pipeline.questions import exchanges
from tests.support.intake import until
from tests.unit.pipeline.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


async def test_a_watched_alert_is_published_and_again_when_it_changes(desk: Desk) -> None:
    watching = desk.investigations
    assert watching.detail(1) is None
    watching.watch(1)
    await until(lambda: watching.detail(1) is not None, 20)
    before = watching.detail(1)
    assert before is not None
    assert (before.row.state, before.trail) == ("triaged", ())
    await desk.do(Decide((1,), "Benign", "ann", "scanner"))
    await until(lambda: (d := watching.detail(1)) is not None and d.row.state == "closed", 20)
    after = watching.detail(1)
    assert after is not None
    assert [(note.actor, note.what) for note in after.trail] == [("ann", "closed it as Benign: scanner")]
    watching.unwatch(1)
    assert watching.detail(1) is None


async def test_it_stays_published_until_the_last_who_looks_has_gone(desk: Desk) -> None:
    watching = desk.investigations
    watching.watch(1)
    watching.watch(1)
    await until(lambda: watching.detail(1) is not None, 20)
    watching.unwatch(1)
    assert watching.detail(1) is not None
    watching.unwatch(1)
    assert watching.detail(1) is None


async def test_many_changes_at_once_end_in_the_newest_state(desk: Desk) -> None:
    desk.investigations.watch(3)
    for actor in ("ann", "bob", "cleo"):
        await desk.do(Claim((3,), actor))
    await until(
        lambda: (d := desk.investigations.detail(3)) is not None and len(d.trail) == 3, 5, "all three claims"
    )


async def test_an_alert_that_can_not_be_shown_does_not_stop_the_publishing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("parser bug")

    monkeypatch.setattr(desk.investigations, "_build_alert", broken)
    desk.investigations.watch(1)
    await asyncio.sleep(0.1)
    assert desk.investigations.detail(1) is None
    monkeypatch.undo()
    desk.investigations.changed(1)
    await until(lambda: desk.investigations.detail(1) is not None, 20)


def test_the_story_is_told_by_the_time_of_each_event() -> None:
    turns: list[TranscriptEvent] = [
        QuestionAsked(1, SafeText("why?"), "ann", 20),
        Delta(1, SafeText("because")),
        QuestionAsked(2, SafeText("sure?"), "ann", 40),
        Delta(2, SafeText("yes")),
    ]
    decisions = [Decision(1, "claim", "", "ann", "", 10), Decision(1, "decide", "Benign", "ann", "", 30)]
    told = in_order(turns, decisions)
    assert [type(event) for event in told] == [Decided, QuestionAsked, Delta, Decided, QuestionAsked, Delta]
    assert [(one.question, one.answer) for one in exchanges(list(told))] == [
        ("why?", "because"),
        ("sure?", "yes"),
    ]
    ended = [
        AttemptEnded(1, "fake", "m", "truncated", SafeText("")),
        AttemptEnded(2, "fake", "m", "complete", SafeText("")),
    ]
    assert [one.cut for one in exchanges([*turns, *ended])] == [True, False]


def test_a_raw_record_is_indented_safe_and_capped() -> None:
    assert raw_text(b'{"a":{"b":1}}') == '{\n  "a": {\n    "b": 1\n  }\n}'
    assert raw_text(b"\x1b[31mred \xff") == "␛[31mred �"
    long = raw_text(b"x" * (RAW_SHOWN + 1_000))
    assert long.endswith("… 1,000 more bytes, kept in the journal")
    assert raw_text(b'{"cut') == '{"cut'


def test_a_record_nested_to_fill_memory_with_indentation_is_shown_as_it_came() -> None:
    deep = b"[" * 900 + b",".join([b"1"] * 20_000) + b"]" * 900
    assert len(raw_text(deep)) < INDENTED_SHOWN
    endless = b"[" * 30_000 + b"]" * 30_000
    assert len(raw_text(endless)) < INDENTED_SHOWN


async def test_an_answer_is_being_read_only_while_it_is_written_and_somebody_has_it_open(desk: Desk) -> None:
    watching = desk.investigations
    transcript = watching.writing(2)
    transcript.append(AttemptStarted(0, "anthropic", "m", 1, 1))
    assert not watching.being_read
    watching.watch(2)
    assert watching.being_read
    watching.unwatch(2)
    assert not watching.being_read
    watching.watch(2)
    transcript.finish()
    assert not watching.being_read
