import asyncio
import random

from backend.alerts.model import Record
from backend.clock import SystemClock
from backend.sources.backoff import Backoff
from backend.sources.delivery import MAX_BYTES, MAX_RECORDS, batches, deliver
from backend.sources.generations import newest
from backend.sources.state import Tally
from tests.support.intake import FakeIntake, until


def record(offset: int, data: bytes = b"x", partition: str = "p") -> Record:
    return Record("s", partition, offset, data, 0, offset + 1)


def test_batches_are_bounded_by_records_and_bytes_and_keep_order() -> None:
    records = [record(i, b"x" * 300_000 if i % 700 == 0 else b"x") for i in range(5_000)]
    cut = list(batches(records))
    assert [r for batch in cut for r in batch] == records
    assert max(map(len, cut)) <= MAX_RECORDS
    assert max(sum(len(r.data) for r in batch) for batch in cut) <= MAX_BYTES
    assert len(list(batches([record(0, b"x" * 5 * MAX_BYTES), record(1)]))) == 2
    assert list(batches([])) == []


async def test_a_batch_the_journal_refuses_is_offered_again_and_said() -> None:
    intake, tally = FakeIntake(), Tally("s", "test", SystemClock())
    intake.fail = 2
    task = asyncio.create_task(deliver(intake, [record(0), record(1)], tally, SystemClock()))
    await until(lambda: tally.snapshot().state == "paused", what="trouble shown")
    assert "no space left" in tally.snapshot().detail
    assert tally.snapshot().records == 0
    await task
    assert [r.offset for r in intake.records] == [0, 1]
    assert intake.batches == [2, 2, 2]
    assert tally.snapshot().records == 2 and "no space" not in tally.snapshot().detail


async def test_waiting_for_room_is_shown_as_a_pause() -> None:
    intake, tally = FakeIntake(), Tally("s", "test", SystemClock())
    tally.say("live")
    intake.room.clear()
    task = asyncio.create_task(deliver(intake, [record(0)], tally, SystemClock()))
    await until(lambda: tally.snapshot().state == "paused", what="pause shown")
    intake.room.set()
    await task
    assert tally.snapshot().state == "live"


async def test_cancelling_a_delivery_leaves_the_journals_future_alone() -> None:
    intake, tally = FakeIntake(), Tally("s", "test", SystemClock())
    intake.stored.clear()
    task = asyncio.create_task(deliver(intake, [record(0)], tally, SystemClock()))
    await until(lambda: bool(intake.batches))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    intake.stored.set()
    await until(lambda: len(intake.records) == 1)


def test_backoff_doubles_to_its_cap_with_jitter() -> None:
    backoff = Backoff(base_s=1.0, cap_s=8.0, rng=random.Random(7))
    delays = [backoff.next_s() for _ in range(2_000)]
    for delay, window in zip(delays, [1, 2, 4, 8, 8, 8], strict=False):
        assert window / 2 <= delay <= window
    assert len(set(delays[4:])) > 1_000
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_notes_stay_while_states_pass_and_are_bounded() -> None:
    tally = Tally("s", "test", SystemClock())
    for number in range(10):
        tally.note(f"gap {number}\x1b[2J")
    tally.say("live")
    detail = tally.snapshot().detail
    assert "gap 9" in detail and "gap 6" not in detail and detail.isprintable()


async def test_the_newest_life_of_a_partition_is_found() -> None:
    intake, tally = FakeIntake(), Tally("s", "test", SystemClock())
    assert (await newest(intake, "s", "t/0")).partition == "t/0"
    for partition in ("t/0", "t/0#2", "t/0#3"):
        await deliver(intake, [record(4, partition=partition)], tally, SystemClock())
    found = await newest(intake, "s", "t/0")
    assert (found.partition, found.position) == ("t/0#3", 5)
    assert found.following().partition == "t/0#4"
