import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backend.alerts.model import DeadLetter, Head, ParsedEvent
from backend.alerts.text import SafeText
from backend.analysis.model import Analysis, QuestionAsked, Verdict
from backend.journal import JournalError, inbox, outcomes
from backend.journal.schema import APPLICATION_ID, MIGRATIONS, migrate
from backend.journal.store import Journal, open_reader
from backend.journal.stored import Decision, Result, Routed, Slice, Stored, decode_event, encode_event


def entry(offset: int | str, *, lane: int = 2, subs: int = 1, partition: str = "p0") -> Slice:
    """One record, with `subs` alerts in it."""
    raw = f"raw-{offset}".encode()
    return part(offset, partition=partition)(
        alerts=[
            Routed(
                Head(f"u{offset}.{sub}", "suricata_eve", 1000, 3, SafeText("t")),
                raw,
                lane,
                1_000,
                5_000,
                offset,
                sub,
            )
            for sub in range(subs)
        ]
    )


def part(offset: int | str, *, partition: str = "p0") -> Callable[..., Slice]:
    """A slice of one record, still without what came out of it."""
    offsets: Any = [offset]
    next_offset = offset + 1 if isinstance(offset, int) else offset
    made = functools.partial(Slice, partition, offsets, next_offset)
    return lambda alerts=(), events=(), dead=(): made(list(alerts), list(events), list(dead))


def result(verdict: str = "Benign") -> Result:
    analysis = Analysis(
        Verdict(verdict, 0.7, SafeText("s")), SafeText("n"), "playbook", "playbook", "playbook"
    )
    return Result(analysis, (), {"total": 3.0}, verdict_ms=2_000)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    opened.open()
    yield opened
    opened.close()


async def put(journal: Journal, entries: Sequence[Slice], source: str = "s") -> Stored:
    return await (await journal.store(source, entries))


async def test_alert_position_and_job_are_one_transaction(journal: Journal) -> None:
    stored = await put(journal, [entry(0), entry(1), entry(2, subs=3)])
    assert stored.ids == [1, 2, 3, 4, 5]
    assert await journal.read(lambda r: r.position("s", "p0")) == 3
    assert [a.id for a in await journal.read(lambda r: r.queued(2, 0, 10))] == [1, 2, 3, 4, 5]


async def test_a_replayed_batch_changes_nothing(journal: Journal) -> None:
    batch = [entry(n) for n in range(5)]
    await put(journal, batch)
    again = await put(journal, [*batch[2:], entry(5)])
    assert (again.duplicates, len(again.alerts)) == (3, 1)
    assert len(await journal.read(lambda r: list(r.records(0)))) == 6


async def test_redelivered_stream_entries_are_recognised_out_of_order(journal: Journal) -> None:
    await put(journal, [entry("5-0"), entry("7-0")])
    again = await put(journal, [entry("6-0"), entry("5-0"), entry("7-0"), entry("8-0")])
    assert (again.duplicates, [a.head.uid for a in again.alerts]) == (2, ["u6-0.0", "u8-0.0"])


async def test_partitions_and_sources_are_told_apart(journal: Journal) -> None:
    await put(journal, [entry(0)])
    assert len((await put(journal, [entry(0, partition="p1")])).alerts) == 1
    assert len((await put(journal, [entry(0)], source="other")).alerts) == 1


async def test_dead_letters_and_events_count_once(journal: Journal) -> None:
    batch = [
        part(0)(dead=[(0, 10, DeadLetter("not JSON", b"\xff{"))]),
        part(1)(events=[(1, 11, ParsedEvent("suricata_eve", "flow"))] * 2),
    ]
    first = await put(journal, batch)
    second = await put(journal, batch)
    assert (first.dead, first.events, second.dead, second.events) == (1, 2, 0, 0)
    letters = await journal.read(lambda r: list(r.dead_letters()))
    assert [(d.reason, d.raw, d.source, d.offset) for d in letters] == [("not JSON", b"\xff{", "s", 0)]
    assert await journal.read(lambda r: r.events()) == [("suricata_eve", "flow", 2)]


async def test_kinds_of_events_are_bounded_and_every_event_is_counted(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_KINDS", 3)
    batch = [part(n)(events=[(n, 10, ParsedEvent("syslog", f"kind {n}"))]) for n in range(10)]
    await put(journal, batch)
    await put(journal, [part(10)(events=[(10, 12, ParsedEvent("syslog", "kind 99"))])])
    counted = await journal.read(lambda r: r.events())
    assert sum(count for _, _, count in counted) == 11
    assert len(counted) == 4
    assert counted[0] == ("syslog", inbox.OTHER_KINDS, 8)


async def test_unfinished_work_is_there_after_a_new_start(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j.db")
    first.open()
    await put(first, [entry(0), entry(1), entry(2, lane=0)])
    await (await first.write(lambda c: outcomes.put_result(c, 1, result())))
    first.close()
    second = Journal(tmp_path / "j.db")
    second.open()
    assert await second.read(lambda r: r.count_queued()) == {2: 1, 0: 1}
    row = await second.read(lambda r: r.alert(1))
    assert row is not None
    assert row.result is not None
    assert (row.raw, row.result.analysis.verdict.verdict) == (b"raw-0", "Benign")
    second.close()


async def test_one_bad_operation_does_not_take_its_group_with_it(journal: Journal) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("insert into alerts (id) values (1)")

    good = await journal.store("s", [entry(0)])
    bad = await journal.write(broken)
    later = await journal.store("s", [entry(1)])
    results = await asyncio.gather(good, bad, later, return_exceptions=True)
    assert isinstance(results[1], sqlite3.IntegrityError)
    assert len(await journal.read(lambda r: list(r.records(0)))) == 2


async def test_decisions_close_and_undo_opens_again(journal: Journal) -> None:
    await put(journal, [entry(0), entry(1)])
    await (await journal.write(lambda c: outcomes.put_decisions(c, [Decision(1, "claim", "", "ann", "", 5)])))
    both = [Decision(n, "decide", "Benign", "ann", "known scanner", 6) for n in (1, 2)]
    await (await journal.write(lambda c: outcomes.put_decisions(c, both)))
    assert await journal.read(lambda r: r.open_alerts(100)) == []
    undone = await (await journal.write(lambda c: outcomes.undo(c, "ann", 7)))
    assert [d.alert_id for d in undone] == [1, 2]
    assert [(a.id, a.closed) for a in await journal.read(lambda r: r.open_alerts(100))] == [(1, 1), (2, 0)]
    assert await (await journal.write(lambda c: outcomes.undo(c, "bob", 7))) == []


async def test_history_is_summed_per_rule_and_entity(journal: Journal) -> None:
    for verdict, actor in (("Benign", ""), ("Benign", ""), ("Suspicious", ""), ("Benign", "ann")):
        add = functools.partial(
            outcomes.put_history, rule_key="r", entity_key="e", verdict=verdict, when_ms=9, human_actor=actor
        )
        await (await journal.write(add))
    row = await journal.read(lambda r: r.history("r", "e"))
    assert row is not None
    assert (row.seen, row.verdicts, row.human, row.last_human_actor) == (
        3, {"Benign": 2, "Suspicious": 1}, {"Benign": 1}, "ann",
    )  # fmt: skip
    assert await journal.read(lambda r: r.history("r", "other")) is None


def test_events_of_a_transcript_survive_packing() -> None:
    asked = QuestionAsked(1, SafeText("why?"), "ann", 5)
    assert decode_event(encode_event(asked)) == asked


async def test_a_second_process_is_refused_and_a_reader_is_not(journal: Journal) -> None:
    await put(journal, [entry(0)])
    with pytest.raises(JournalError, match="another watchfloor"):
        Journal(journal.path).open()
    reader = open_reader(journal.path)
    assert len(list(reader.records(0))) == 1
    reader.close()


async def test_a_locked_database_makes_writes_wait_and_lose_nothing(journal: Journal) -> None:
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("begin immediate")
    future = await journal.store("s", [entry(0)])
    await asyncio.sleep(2.6)
    assert "intake waits" in journal.stalled
    assert not future.done()
    other.execute("rollback")
    other.close()
    assert len((await future).alerts) == 1
    assert journal.stalled == ""


def test_a_foreign_or_newer_file_is_refused(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "f.db", isolation_level=None)
    foreign.execute("create table theirs (x)")
    with pytest.raises(JournalError, match="another program"):
        migrate(foreign)
    foreign.close()
    newer = sqlite3.connect(tmp_path / "n.db", isolation_level=None)
    newer.execute(f"pragma application_id = {APPLICATION_ID}")
    newer.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(JournalError, match="upgrade"):
        migrate(newer)
    newer.close()


def test_a_damaged_file_is_found_at_start(tmp_path: Path) -> None:
    (tmp_path / "j.db").write_bytes(b"SQLite format 3\x00" + b"\x07" * 4096)
    with pytest.raises(JournalError, match="can't be used"):
        Journal(tmp_path / "j.db").open()


async def test_only_the_owner_may_read_it(journal: Journal) -> None:
    await put(journal, [entry(0)])
    modes = {path.name: path.stat().st_mode & 0o077 for path in journal.path.parent.glob("journal.*")}
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm", "journal.lock"), 0)
