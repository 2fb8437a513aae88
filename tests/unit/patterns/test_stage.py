"""The stage in front of and behind a real journal: alerts at their own positions, findings once."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from backend.alerts.recognise import Parser
from backend.alerts.registry import build_alert
from backend.clock import SystemClock
from backend.journal import JournalError
from backend.journal.store import Journal
from backend.patterns import matching, stage
from backend.patterns.documents import SOURCE
from backend.patterns.event import Event
from backend.patterns.findings import MinerLimits
from backend.patterns.stage import PATTERN_PARSERS, Patterns
from backend.pipeline.ingest import Ingest
from backend.pipeline.job import Job
from backend.pipeline.route import Router
from backend.settings import Settings
from backend.telemetry.stages import StageTimes
from tests.support.engines import eve_alert
from tests.support.intake import until
from tests.unit.patterns.building import loaded
from tests.unit.pipeline.builders import open_journal, record

RULE = "CommandLine|contains: 'mimikatz'"


def process(command: str) -> bytes:
    return msgspec.json.encode(
        {
            "Event": {
                "System": {
                    "EventID": 1,
                    "Channel": "Microsoft-Windows-Sysmon/Operational",
                    "Computer": "ws-7",
                },
                "EventData": {"Image": "C:\\x.exe", "CommandLine": command, "User": "CORP\\ann"},
            }
        }
    )


class Floor:
    """An intake with its journal and patterns stage."""

    def __init__(self, journal: Journal, patterns: Patterns) -> None:
        self.jobs: list[Job] = []
        self.journal = journal
        self.patterns = patterns
        self.ingest = Ingest(
            journal,
            Router(Settings()),
            StageTimes(),
            SystemClock(),
            deliver=self.jobs.extend,
            raw_lane=patterns,
        )
        self.ingest.register("s", Parser())
        self.ingest.register(SOURCE, PATTERN_PARSERS[SOURCE])
        self._task: asyncio.Task[None] | None = None

    async def put(self, *lines: bytes, start: int = 0) -> None:
        await (await self.ingest.put([record(start + place, line) for place, line in enumerate(lines)]))

    def run(self) -> None:
        self._task = asyncio.create_task(self.patterns.run(self.ingest))

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.patterns.close()

    def rows(self) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.journal.path)
        try:
            return connection.execute(
                "select p.source, a.offset, a.sub, a.lane from alerts a"
                " join partitions p on p.id = a.partition_id order by a.id"
            ).fetchall()
        finally:
            connection.close()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with open_journal(tmp_path) as opened:
        yield opened


@pytest.fixture
async def floor(journal: Journal, tmp_path: Path) -> AsyncIterator[Floor]:
    (tmp_path / "rules").mkdir()
    rules = loaded(tmp_path / "rules", RULE, title="Credential dumper")
    limits = MinerLimits(learn_ms=0, learn_lines=0)
    made = Floor(journal, Patterns(SystemClock(), tmp_path, rules=rules, limits=limits))
    yield made
    await made.end()


async def test_an_event_that_matches_is_an_alert_at_its_own_position(floor: Floor) -> None:
    await floor.put(process("notepad"), process("Mimikatz.exe"), eve_alert(1), process("x"))
    assert [(job.head.title, job.lane) for job in floor.jobs] == [
        (floor.jobs[0].head.title, floor.jobs[0].lane),
        ("Credential dumper", "high"),
    ]
    head = floor.jobs[1].head
    assert (head.format, head.hostname, head.user, head.product) == (
        "pattern",
        "ws-7",
        "CORP\\ann",
        "Sigma rules",
    )
    ((_, _, first_sub, _), (source, offset, sub, lane)) = floor.rows()
    assert (first_sub, source, offset, sub, lane) == (0, "s", 1, 1 << 20, 1)
    assert floor.ingest.totals.events == 3
    assert (floor.patterns.view.matches, floor.patterns.view.events_tried) == (1, 3)


async def test_the_alert_shows_the_event_and_what_matched(floor: Floor) -> None:
    await floor.put(process("mimikatz \u202e"))
    row = await floor.journal.read(lambda reader: reader.open_alerts(9)[0])
    alert = build_alert(row.raw, row.head)
    facts = {str(fact.name): fact for fact in alert.facts}
    assert alert.process.cmd_line.startswith("mimikatz")
    assert "matched CommandLine" in facts
    assert facts["Event.EventData.Image"].attacker
    assert alert.parse_errors == ()


async def test_records_read_again_make_no_second_alert(floor: Floor) -> None:
    batch = [process("mimikatz"), process("b")]
    await floor.put(*batch)
    await floor.put(*batch, process("mimikatz again"))
    assert [row[1] for row in floor.rows()] == [0, 2]


async def test_a_match_is_in_the_same_transaction_as_its_position(floor: Floor) -> None:
    """A kill between the two can't be: either both are on disk or neither is."""
    other = sqlite3.connect(floor.journal.path, isolation_level=None)
    other.execute("begin immediate")
    future = await floor.ingest.put([record(0, process("mimikatz"))])
    await asyncio.sleep(0.1)
    assert floor.rows() == []
    assert await floor.ingest.position("s", "p0") is None
    other.execute("rollback")
    other.close()
    await future
    assert len(floor.rows()) == 1
    assert await floor.ingest.position("s", "p0") == 1


async def test_each_partition_and_item_keeps_its_place(floor: Floor) -> None:
    array = b"[" + b",".join([process("a"), process("mimikatz 1"), process("mimikatz 2")]) + b"]"
    first = record(0, array)
    records = [first, msgspec.structs.replace(record(0, array), partition="p1"), record(1, array)]
    await (await floor.ingest.put(records))
    places = [(row[1], row[2]) for row in floor.rows()]
    subs = [(1 << 20) + 1, (1 << 20) + 2]
    assert sorted(places) == sorted((offset, sub) for offset in (0, 0, 1) for sub in subs)


async def test_batches_of_a_source_keep_their_order_while_events_are_examined(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    run = matching.Matcher.run

    def slow(self: matching.Matcher, chosen: Sequence[matching.Chosen]) -> matching.Tried:
        gate.wait(5)
        return run(self, chosen)

    monkeypatch.setattr(matching.Matcher, "run", slow)
    first = asyncio.create_task(floor.put(process("mimikatz"), start=0))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(floor.put(eve_alert(1), start=1))
    third = asyncio.create_task(floor.put(process("mimikatz"), start=2))
    await asyncio.sleep(0.1)
    assert floor.rows() == []
    gate.set()
    await asyncio.gather(first, second, third)
    assert [row[1] for row in floor.rows()] == [0, 1, 2]


async def test_alerts_do_not_pass_through_the_stage(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Patterns, events: object) -> None:
        raise AssertionError("an alert is no raw event")

    monkeypatch.setattr(Patterns, "examine", never)
    monkeypatch.setattr(Patterns, "offer", never)
    await floor.put(*[eve_alert(number) for number in range(20)])
    assert len(floor.jobs) == 20


async def test_too_many_events_are_counted_only_and_that_is_said(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "BATCH_BUDGET_S", -1.0)
    monkeypatch.setattr(stage, "MAX_MINED", 1)
    await floor.put(process("mimikatz"), process("b"))
    await floor.put(process("c"), start=2)
    assert floor.jobs == []
    assert floor.ingest.totals.events == 3
    told = " ".join(floor.patterns.trouble())
    assert "Sigma rules" in told
    assert "patterns" in told
    assert floor.patterns.view.counted_only == 3 + 1


async def test_new_patterns_reach_the_journal_once_however_often_they_are_found(
    floor: Floor, tmp_path: Path
) -> None:
    floor.run()
    lines = [f"app: reactor {number} is critical".encode() for number in range(3)]
    await floor.put(*lines)
    await until(lambda: len(floor.jobs) == 1, 20)
    head = floor.jobs[0].head
    assert head.title.startswith("New log pattern: ")
    assert (floor.jobs[0].lane, head.severity_id) == ("low", 2)
    await until(lambda: floor.patterns.idle, 20)
    assert floor.patterns.view.new == 1
    again = Floor(
        floor.journal,
        Patterns(SystemClock(), tmp_path / "elsewhere", limits=MinerLimits(learn_ms=0, learn_lines=0)),
    )
    again.run()  # as after a kill before anything was saved
    await again.put(*lines, start=3)
    await until(lambda: again.patterns.view.new == 1, 20)
    await again.end()
    assert again.jobs == []
    assert [row[0] for row in floor.rows()] == [SOURCE]


async def test_what_matched_a_rule_is_not_mined(floor: Floor) -> None:
    floor.run()
    await floor.put(process("mimikatz"), process("b"))
    await until(lambda: floor.patterns.view.lines == 1, 20)
    await until(lambda: floor.patterns.view.lines_per_minute == 1, 20)


async def test_what_was_learnt_is_there_after_a_clean_end(floor: Floor, tmp_path: Path) -> None:
    floor.run()
    await floor.put(*[f"app: job {number} done".encode() for number in range(5)])
    await until(lambda: floor.patterns.idle and floor.patterns.view.lines == 5, 20)
    await floor.end()
    again = Floor(
        floor.journal, Patterns(SystemClock(), tmp_path, limits=MinerLimits(learn_ms=0, learn_lines=0))
    )
    again.run()
    await again.put(*[f"app: job {number} done".encode() for number in range(5, 9)], start=5)
    await until(lambda: again.patterns.view.lines == 4, 20)
    await until(lambda: again.patterns.idle, 20)
    assert (again.patterns.view.new, again.patterns.view.templates) == (0, 1)
    await again.end()


async def test_findings_wait_for_a_journal_that_can_not_be_written(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "RETRY_S", 0.05)
    put, tries = floor.ingest.put, 0

    async def failing(records: Sequence[object]) -> "asyncio.Future[None]":
        nonlocal tries
        if records[0].source == SOURCE:  # type: ignore[attr-defined]  # a record
            tries += 1
            if tries < 3:
                raise JournalError("no space left on the device")
        return await put(records)  # type: ignore[arg-type]  # the same records

    monkeypatch.setattr(floor.ingest, "put", failing)
    floor.run()
    await floor.put(*[f"app: reactor {number} is critical".encode() for number in range(3)])
    await until(lambda: len(floor.jobs) == 1, 20)
    assert tries == 3


def test_an_event_reads_nothing_it_is_not_asked_for() -> None:
    event = Event("plain", "line", b"x" * 10)
    assert event._obj is False
    assert event._fields is None
