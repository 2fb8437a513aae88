"""The feed as a source: pace, resuming, backpressure, and a journal that fails for a while."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from backend.alerts.model import Record
from backend.clock import SystemClock
from backend.journal import JournalError
from backend.sources.base import SourceError
from backend.sources.demo.source import NOTICE, DemoSource
from tests.unit.demo.reading import START_MS, first


class FakeClock(SystemClock):
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def mono(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return START_MS + round((self.now - 100.0) * 1000)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class FakeIntake:
    """Keeps what it is given; `room` closes it, `failures` makes it refuse, `wanted` ends the run."""

    def __init__(self, wanted: int, position: int | None = None) -> None:
        self.records: list[Record] = []
        self.room = asyncio.Event()
        self.room.set()
        self.failures = 0
        self.full = asyncio.Event()
        self.puts = 0
        self.wanted = wanted
        self.at = position

    async def put(self, records: Sequence[Record]) -> asyncio.Future[None]:
        self.puts += 1
        await self.room.wait()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.failures:
            self.failures -= 1
            future.set_exception(JournalError("disk full"))
            return future
        self.records += records
        future.set_result(None)
        if len(self.records) >= self.wanted:
            self.full.set()
        return future

    async def position(self, source: str, partition: str) -> int | str | None:
        assert (source, partition) == ("demo:seed=7", "seed=7")
        return self.at


@contextlib.asynccontextmanager
async def playing(source: DemoSource, intake: FakeIntake) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run(intake))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def played(source: DemoSource, intake: FakeIntake) -> list[Record]:
    async with playing(source, intake), asyncio.timeout(20):
        await intake.full.wait()
    return intake.records


async def test_the_backlog_is_there_at_once_on_a_real_clock() -> None:
    source, intake = DemoSource(clock=SystemClock()), FakeIntake(wanted=1)
    await played(source, intake)
    assert len(intake.records) >= 40
    assert intake.puts <= 2


async def test_records_are_the_feed_numbered_from_nought() -> None:
    clock = FakeClock()
    records = await played(DemoSource(clock=clock), FakeIntake(wanted=400))
    assert [r.offset for r in records] == list(range(len(records)))
    assert [r.next_offset for r in records] == [n + 1 for n in range(len(records))]
    assert {(r.source, r.partition) for r in records} == {("demo:seed=7", "seed=7")}
    assert [r.data for r in records[:60]] == [e.data for e in first(60)]


async def test_each_record_comes_when_it_is_due() -> None:
    clock = FakeClock()
    records = await played(DemoSource(clock=clock), FakeIntake(wanted=600))
    for record, event in zip(records, first(len(records)), strict=True):
        assert (record.received_ms - START_MS) / 1000 == pytest.approx(max(0.0, event.at_s), abs=0.01)


async def test_speed_multiplies_the_pace() -> None:
    clock = FakeClock()
    records = await played(DemoSource(speed=20, clock=clock), FakeIntake(wanted=600))
    due = first(len(records))[-1].at_s
    assert clock.now - 100 == pytest.approx(due / 20, rel=0.05)


async def test_it_goes_on_where_the_journal_left_off() -> None:
    clock = FakeClock()
    records = await played(DemoSource(clock=clock), FakeIntake(wanted=50, position=5_000))
    assert [r.offset for r in records][:50] == list(range(5_000, 5_050))
    assert records[0].received_ms == START_MS
    assert clock.now - 100 < 120


async def test_a_full_intake_holds_the_feed_and_then_gets_all_of_it() -> None:
    clock = FakeClock()
    source, intake = DemoSource(clock=clock), FakeIntake(wanted=300)
    intake.room.clear()
    async with playing(source, intake), asyncio.timeout(20):
        for _ in range(50):
            await asyncio.sleep(0)
        assert intake.puts == 1
        assert 40 <= (source.status().lag or 0) <= 64
        assert not source.status().caught_up
        clock.now += 60
        intake.room.set()
        await intake.full.wait()
    assert [r.offset for r in intake.records] == list(range(len(intake.records)))


async def test_what_could_not_be_stored_is_sent_again() -> None:
    clock = FakeClock()
    source, intake = DemoSource(clock=clock), FakeIntake(wanted=100)
    intake.failures = 2
    seen: set[str] = set()
    async with playing(source, intake), asyncio.timeout(20):
        while not intake.full.is_set():
            status = source.status()
            seen.add(status.state)
            if status.state == "reconnecting":
                assert "disk full" in status.detail
            await asyncio.sleep(0)
    assert "reconnecting" in seen
    assert [r.offset for r in intake.records] == list(range(len(intake.records)))
    assert source.status().state == "live"


async def test_status_says_that_it_is_a_demonstration() -> None:
    source, intake = DemoSource(clock=FakeClock()), FakeIntake(wanted=100)
    assert (source.status().state, source.status().caught_up) == ("starting", False)
    await played(source, intake)
    status = source.status()
    assert (status.name, status.kind, status.state) == ("demo:seed=7", "demo", "live")
    assert status.detail == NOTICE == "demonstration data, not your network"
    assert status.records >= 64
    assert status.last_record_ms >= START_MS


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_can_not_be_is_refused(speed: float) -> None:
    with pytest.raises(SourceError, match="speed"):
        DemoSource(speed=speed, clock=FakeClock())
