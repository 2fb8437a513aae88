import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.alerts.model import DeadLetter, Parsed, ParsedAlert, ParsedEvent, Record
from backend.clock import SystemClock
from backend.journal import JournalError
from backend.journal.store import Journal
from backend.pipeline import ingest as module
from backend.pipeline.ingest import Ingest
from backend.pipeline.job import Job
from backend.pipeline.route import Router
from backend.settings import LaneConfig, Settings
from backend.telemetry.stages import StageTimes
from tests.support.intake import until
from tests.unit.pipeline.builders import head, open_journal, record


class Parser:
    """`a` is an alert of severity 5, `e` an event, anything else a dead letter; one item a byte."""

    def parse(self, data: bytes, received_ms: int) -> list[Parsed]:
        del received_ms
        kinds: dict[str, Parsed] = {
            "a": ParsedAlert(head(severity_id=5), data),
            "e": ParsedEvent("suricata_eve", "flow"),
        }
        if data == b"boom":
            raise RuntimeError("parser bug")
        return [kinds.get(chr(byte), DeadLetter("not ours", data)) for byte in data]


class Caught:
    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.dead: list[tuple[Record, DeadLetter]] = []


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with open_journal(tmp_path) as opened:
        yield opened


@pytest.fixture
def caught() -> Caught:
    return Caught()


@pytest.fixture
def ingest(journal: Journal, caught: Caught) -> Ingest:
    settings = Settings(lanes={"critical": LaneConfig(sla_s=7)})
    made = Ingest(
        journal,
        Router(settings),
        StageTimes(),
        SystemClock(),
        deliver=caught.jobs.extend,
        dead=lambda record, letter: caught.dead.append((record, letter)),
    )
    made.register("s", Parser())
    return made


async def test_everything_in_a_record_is_counted_kept_and_routed(ingest: Ingest, caught: Caught) -> None:
    await (await ingest.put([record(0, b"a"), record(1, b"e"), record(2, b"x")]))
    assert [(job.lane, job.deadline_ms) for job in caught.jobs] == [("critical", 1_000 + 7_000)]
    assert [(at.offset, letter.reason) for at, letter in caught.dead] == [(2, "not ours")]
    totals = ingest.totals
    assert (totals.records, totals.alerts, totals.events, totals.dead) == (3, 1, 1, 1)
    assert await ingest.position("s", "p0") == 3
    assert ingest.waiting == 0


async def test_records_that_come_again_make_no_second_job(ingest: Ingest, caught: Caught) -> None:
    batch = [record(0, b"a"), record(1, b"a")]
    await (await ingest.put(batch))
    await (await ingest.put([*batch, record(2, b"a")]))
    assert len(caught.jobs) == 3
    assert ingest.totals.duplicates == 2


async def test_jobs_come_only_after_their_commit(ingest: Ingest, caught: Caught, journal: Journal) -> None:
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("begin immediate")
    future = await ingest.put([record(0, b"a")])
    await asyncio.sleep(0.2)
    assert (future.done(), caught.jobs, ingest.waiting) == (False, [], 1)
    other.execute("rollback")
    other.close()
    await asyncio.wait_for(future, 20)
    assert len(caught.jobs) == 1


async def test_a_source_that_no_longer_waits_does_not_cost_its_alerts(ingest: Ingest, caught: Caught) -> None:
    future = await ingest.put([record(0, b"a")])
    future.cancel()
    await until(lambda: len(caught.jobs) == 1, 20)
    assert ingest.totals.alerts == 1


async def test_sources_wait_while_too_much_waits_for_its_commit(
    ingest: Ingest, caught: Caught, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("begin immediate")
    await ingest.put([record(0, b"a"), record(1, b"a")])
    third = asyncio.create_task(ingest.put([record(2, b"a")]))
    await asyncio.sleep(0.1)
    assert not third.done()
    other.execute("rollback")
    other.close()
    await asyncio.wait_for(await asyncio.wait_for(third, 20), 20)
    assert [job.alert_id for job in caught.jobs] == [1, 2, 3]


async def test_a_parser_that_raises_leaves_no_room_taken(ingest: Ingest) -> None:
    with pytest.raises(RuntimeError, match="parser bug"):
        await ingest.put([record(0, b"boom")])
    assert ingest.waiting == 0


async def test_a_journal_that_refuses_fails_the_future_and_acknowledges_nothing(
    tmp_path: Path, ingest: Ingest, caught: Caught, journal: Journal
) -> None:
    def break_table(connection: sqlite3.Connection) -> None:
        connection.execute("alter table alerts rename to gone")

    await (await journal.write(break_table))
    future = await ingest.put([record(0, b"a")])
    with pytest.raises(sqlite3.OperationalError):
        await asyncio.wait_for(future, 20)
    assert caught.jobs == []
    assert ingest.waiting == 0


async def test_a_closed_journal_takes_nothing(tmp_path: Path, caught: Caught) -> None:
    closed = Journal(tmp_path / "never.db")
    made = Ingest(closed, Router(Settings()), StageTimes(), SystemClock(), deliver=caught.jobs.extend)
    made.register("s", Parser())
    with pytest.raises(JournalError):
        await made.put([record(0, b"a")])
    assert made.waiting == 0


async def test_an_empty_batch_is_done_at_once(ingest: Ingest) -> None:
    assert (await ingest.put([])).done()
