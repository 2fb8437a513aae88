from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.analysis.model import Decided
from backend.api import AddNote, Ask, Claim, Decide, Investigate, SetFilter, SetOrder, Undo
from backend.pipeline.restore import open_rows
from tests.unit.pipeline.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


async def test_claiming_shows_at_once_and_stands_in_the_trail(desk: Desk) -> None:
    reply = await desk.do(Claim((1, 3), "ann"))
    assert (reply.ok, reply.text, reply.alert_ids) == (True, "claimed 2 alerts", (1, 3))
    assert [(desk.row(n).state, desk.row(n).decided_by) for n in (1, 3)] == [("claimed", "ann")] * 2
    assert [(d.kind, d.actor) for d in await desk.trail(3)] == [("claim", "ann")]


async def test_deciding_closes_with_disposition_and_note_and_teaches_the_history(desk: Desk) -> None:
    reply = await desk.do(Decide((1, 2), "Benign", "ann", "known scanner\x1b[31m"))
    assert reply.text == "closed 2 alerts as Benign"
    shown = desk.row(1)
    assert (shown.state, shown.verdict, shown.decided_by, shown.has_note) == ("closed", "Benign", "ann", True)
    (decision,) = await desk.trail(1)
    assert (decision.kind, decision.disposition) == ("decide", "Benign")
    assert "known scanner" in decision.note
    assert "\x1b" not in decision.note
    known = await desk.known()
    assert known is not None
    assert (known.human, known.last_human, known.last_human_actor) == ({"Benign": 2}, "Benign", "ann")
    assert "analysts closed 2 of 2 as Benign" in await desk.findings()


async def test_undo_takes_back_one_gesture_with_all_that_followed_from_it(desk: Desk) -> None:
    await desk.do(Decide((1, 2, 3), "Benign", "ann"))
    await desk.findings()  # the history is in memory now
    reply = await desk.do(Undo("ann"))
    assert (reply.text, reply.alert_ids) == ("undone: Benign on 3 alerts", (1, 2, 3))
    assert [(desk.row(n).state, desk.row(n).verdict, desk.row(n).decided_by) for n in (1, 3)] == [
        ("triaged", "Suspicious", ""),
        ("queued", "", ""),
    ]
    known = await desk.known()
    assert known is not None
    assert sum(known.human.values()) == 0
    assert "closed" not in await desk.findings()
    (decision,) = await desk.trail(1)
    assert decision.undone_ms is not None
    assert not (await desk.do(Undo("ann"))).ok


async def test_undo_brings_an_earlier_decision_back_into_force(desk: Desk) -> None:
    await desk.do(Decide((1,), "True Positive", "ann"))
    await desk.do(Decide((1,), "Benign", "ann"))
    await desk.do(Undo("ann"))
    shown = desk.row(1)
    assert (shown.state, shown.verdict, shown.decided_by) == ("closed", "True Positive", "ann")


async def test_undo_touches_only_the_actors_own(desk: Desk) -> None:
    await desk.do(Claim((1,), "ann"))
    assert not (await desk.do(Undo("bob"))).ok
    assert desk.row(1).state == "claimed"
    assert (await desk.do(Undo("ann"))).text == "undone: claim on 1 alert"
    assert desk.row(1).state == "triaged"


async def test_a_note_is_kept_without_deciding(desk: Desk) -> None:
    assert (await desk.do(AddNote((3,), "ask the owner", "ann"))).text == "noted on 1 alert"
    assert (desk.row(3).has_note, desk.row(3).state) == (True, "queued")
    assert not (await desk.do(AddNote((3,), "  ", "ann"))).ok
    await desk.do(Undo("ann"))
    assert not desk.row(3).has_note


async def test_claiming_does_not_open_what_is_closed(desk: Desk) -> None:
    await desk.do(Decide((1,), "Benign", "ann"))
    assert not (await desk.do(Claim((1,), "bob"))).ok
    assert (await desk.do(Claim((1, 2), "bob"))).alert_ids == (2,)
    assert (desk.row(1).state, desk.row(2).state) == ("closed", "claimed")


async def test_a_verdict_that_falls_later_leaves_a_human_decision_alone(desk: Desk) -> None:
    await desk.do(Claim((3,), "ann"))
    await desk.do(Decide((4,), "Benign", "ann"))
    for alert_id in (3, 4):
        await desk.analysed(alert_id, "True Positive")
    assert [(desk.row(n).state, desk.row(n).verdict) for n in (3, 4)] == [
        ("claimed", "True Positive"),
        ("closed", "Benign"),
    ]


async def test_after_a_restart_the_board_is_as_people_left_it(desk: Desk) -> None:
    await desk.do(Claim((2,), "ann"))
    await desk.do(AddNote((3,), "look again", "bob"))
    await desk.do(Decide((4,), "Benign", "ann"))
    again = {one.id: one for one in await open_rows(desk.journal)}
    assert sorted(again) == [1, 2, 3]
    assert (again[1].state, again[1].verdict) == ("triaged", "Suspicious")
    assert (again[2].state, again[2].decided_by) == ("claimed", "ann")
    assert again[3].state == "queued"


async def test_investigating_puts_it_ahead_once_and_is_in_the_trail(desk: Desk) -> None:
    assert (await desk.do(Investigate(3))).text == "investigating"
    assert (await desk.do(Investigate(3))).text == "already being investigated"
    job = await desk.scheduler.take()
    assert (job.alert_id, job.asked_for) == (3, True)
    assert [d.kind for d in await desk.trail(3)] == ["investigate"]
    assert not (await desk.do(Undo("ann"))).ok  # an investigation can't be taken back


async def test_the_transcript_tells_what_people_did(desk: Desk) -> None:
    await desk.do(Claim((3,), "ann"))
    await desk.do(Decide((3,), "Benign", "ann", "scanner"))
    await desk.do(Undo("ann"))
    told = [e.what for e in desk.investigations.slice(3, 0).events if isinstance(e, Decided)]
    assert told == ["claimed it", "closed it as Benign: scanner", "took back: closed it as Benign: scanner"]


async def test_a_transcript_that_is_not_in_memory_is_rebuilt_whole(desk: Desk) -> None:
    await desk.do(Claim((1,), "ann"))  # analysed earlier, nobody has opened it yet
    await desk.investigations.load(1)
    kinds = [type(event).__name__ for event in desk.investigations.slice(1, 0).events]
    assert kinds == ["AttemptStarted", "VerdictReady", "Delta", "AttemptEnded", "Decided"]


async def test_questions_are_passed_on(desk: Desk) -> None:
    assert (await desk.do(Ask(1, "why?"))).ok
    assert desk.asked == [(1, "why?")]


@pytest.mark.parametrize(
    "command", [Claim((77,), "ann"), Decide((77,), "Benign", "ann"), Investigate(77), Ask(77, "?")]
)
async def test_what_is_gone_is_said(desk: Desk, command: Claim | Decide | Investigate | Ask) -> None:
    reply = await desk.do(command)
    assert (reply.ok, reply.text) == (False, "1 alert not in the queue any more")


async def test_the_view_follows_filter_and_order(desk: Desk) -> None:
    assert (await desk.do(SetFilter("verdict:none"))).ok
    assert [one.id for one in desk.board.rows()] == [3, 4]
    bad = await desk.do(SetFilter("nope:1"))
    assert (bad.ok, "nope" in bad.text) == (False, True)
    await desk.do(SetFilter(""))
    await desk.do(SetOrder("newest"))
    assert [one.id for one in desk.board.rows()] == [4, 3, 2, 1]
