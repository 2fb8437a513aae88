"""What the machine closes: in the trail with its reasons, out of the queue, taken back by a key."""

from pathlib import Path

import msgspec
import pytest

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.model import RecommendedAction, Ruling, Verdict
from backend.api import MACHINE, Approve, Claim, Deny, Reopen, Row, Undo
from backend.journal import outcomes
from backend.journal.stored import Result
from backend.pipeline.gates import machine_close
from backend.pipeline.record import verdict_record
from backend.pipeline.verdicts import analysed_row
from tests.unit.pipeline.builders import head, result
from tests.unit.pipeline.desk import Desk, open_desk

CLOSE = Ruling("close", "Benign", 2, False, (safe("2 facts borne out"),))


def closing(**verdict: object) -> Result:
    done = result("Benign")
    about = msgspec.structs.replace(done.analysis.verdict, **verdict)
    return msgspec.structs.replace(
        done, analysis=msgspec.structs.replace(done.analysis, verdict=about, ruling=CLOSE)
    )


async def closed(room: Desk, alert_id: int, done: Result | None = None) -> Row:
    """As `Work` stores it: verdict and closing in one transaction."""
    stored = done or closing()
    decision = machine_close(alert_id, stored)
    assert decision is not None
    did: list[bool] = []

    def put(connection: object) -> None:
        outcomes.put_result(connection, alert_id, stored)  # type: ignore[arg-type]  # the writer's connection
        did.append(outcomes.close_by_machine(connection, decision))  # type: ignore[arg-type]  # the same

    await (await room.journal.write(put))
    room.board.put(analysed_row(room.row(alert_id), stored, did[0] or None))
    return room.row(alert_id)


async def test_it_is_closed_marked_and_out_of_sight(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as room:
        before = room.board.open_total
        row = await closed(room, 3)
        assert (row.state, row.decided_by, row.verdict, row.closed_by_machine) == (
            "closed",
            MACHINE,
            "Benign",
            True,
        )
        assert (room.board.open_total, row.id in {one.id for one in room.board.rows()}) == (before - 1, False)
        assert row.verdict_ms > 0
        trail = await room.journal.read(lambda reader: reader.decisions([3]))
        assert [(d.kind, d.actor, d.disposition) for d in trail] == [("decide", MACHINE, "Benign")]
        assert "2 facts borne out" in trail[0].note
        still = await room.journal.read(lambda reader: [one.id for one in reader.open_alerts(100)])
        assert 3 not in still
        record = verdict_record(Alert(head(3), b"{}"), closing(), 0, tuple(trail))
        assert record["decision"]["actor"] == MACHINE  # type: ignore[index]  # it is a table
        assert record["ruling"]["outcome"] == "close"  # type: ignore[index]  # as above


async def test_a_person_reopens_it_and_nobody_elses_undo_does(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as room:
        await closed(room, 3)
        assert not (await room.commands.run(Undo("ann"))).ok
        assert room.row(3).state == "closed"
        reply = await room.commands.run(Reopen((3,), "ann"))
        assert (reply.ok, reply.text) == (True, "reopened 1 alert")
        row = room.row(3)
        assert (row.state, row.decided_by, row.verdict) == ("triaged", "", "Benign")
        trail = await room.journal.read(lambda reader: reader.decisions([3]))
        assert [(d.kind, d.actor, d.undone_ms is None) for d in trail] == [
            ("decide", MACHINE, False),
            ("reopen", "ann", True),
        ]
        assert not (await room.commands.run(Reopen((3,), "ann"))).ok


async def test_what_a_person_holds_is_never_closed_under_them(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as room:
        await room.commands.run(Claim((3,), "ann"))
        row = await closed(room, 3)
        assert (row.state, row.decided_by) == ("claimed", "ann")
        assert not [d for d in await room.journal.read(lambda r: r.decisions([3])) if d.actor == MACHINE]


BLOCK = RecommendedAction("block_ip", safe("198.51.100.7"), True)
WATCH = RecommendedAction("watch", safe("web-01"), False)


async def recommended(room: Desk) -> None:
    done = result("True Positive")
    verdict = Verdict("True Positive", 0.9, safe("x"), actions=(BLOCK, WATCH))
    done = msgspec.structs.replace(done, analysis=msgspec.structs.replace(done.analysis, verdict=verdict))
    await (await room.journal.write(lambda c: outcomes.put_result(c, 1, done)))


async def test_an_approval_is_typed_recorded_once_and_undone(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as room:
        await recommended(room)
        ask = Approve(1, "block_ip", "198.51.100.7", "198.51.100.7", "ann")
        reply = await room.commands.run(ask)
        assert reply.ok
        assert "no sink carries actions out" in reply.text
        again = await room.commands.run(ask)
        assert (again.ok, "already" in again.text) == (False, True)
        trail = await room.journal.read(lambda reader: reader.decisions([1]))
        assert (trail[-1].kind, trail[-1].disposition, trail[-1].actor) == (
            "approve",
            "block_ip 198.51.100.7",
            "ann",
        )
        assert room.row(1).state != "closed"
        record = verdict_record(Alert(head(1), b"{}"), result(), 0, tuple(trail))
        assert record["approvals"][0]["answer"] == "approve"  # type: ignore[index]  # it is a list of tables
        assert (await room.commands.run(Undo("ann"))).text == "undone: approval on 1 alert"
        assert (await room.commands.run(Deny(1, "block_ip", "198.51.100.7", "ann", "no"))).ok


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Approve(1, "block_ip", "198.51.100.7", "198.51.100.", "ann"), "type 198.51.100.7 exactly"),
        (Approve(1, "block_ip", "198.51.100.8", "198.51.100.8", "ann"), "not recommended"),
        (Approve(1, "watch", "web-01", "web-01", "ann"), "needs no approval"),
        (Deny(4, "block_ip", "198.51.100.7", "ann"), "no verdict yet"),
    ],
)
async def test_what_is_not_so_is_refused_in_words(
    tmp_path: Path, command: Approve | Deny, words: str
) -> None:
    async with open_desk(tmp_path) as room:
        await recommended(room)
        reply = await room.commands.run(command)
        assert (reply.ok, words in reply.text) == (False, True), reply.text
