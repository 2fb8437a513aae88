"""What a partition's offsets mean, against a client that answers as Apache Kafka does after retention."""

import pytest
from aiokafka import TopicPartition

from backend.clock import SystemClock
from backend.sources.kafka import group_timing
from backend.sources.kafka_partitions import Part, Partitions
from backend.sources.state import Tally
from backend.sources.uri import parse_address
from tests.support.intake import FakeIntake

TP = TopicPartition("t", 0)


class FakeConsumer:
    """Offsets of one partition."""

    def __init__(self, begin: int, end: int, committed: int | None, position: int = 0) -> None:
        self.begin, self.end, self.position_now = begin, end, position
        self.committed_offset = committed

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.begin)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self.end)

    async def committed(self, tp: TopicPartition) -> int | None:
        return self.committed_offset

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    async def position(self, tp: TopicPartition) -> int:
        return self.position_now

    def highwater(self, tp: TopicPartition) -> int:
        return self.end


def partitions(consumer: FakeConsumer, intake: FakeIntake) -> tuple[Partitions, Tally]:
    tally = Tally("s", "kafka", SystemClock())
    return Partitions(consumer, intake, "s", tally, SystemClock()), tally


async def test_records_deleted_before_they_were_read_are_a_named_gap() -> None:
    intake = FakeIntake()
    intake.set_position("s", "t/0", 100)
    opened, tally = partitions(FakeConsumer(begin=250, end=400, committed=90), intake)
    part = await opened.open(TP)
    assert part.next == 250
    assert "gap of 150 records (100 to 249)" in tally.snapshot().detail


@pytest.mark.parametrize(
    ("stored", "group", "start", "owed"),
    [
        (100, 90, 100, 100),
        (100, None, 100, 100),
        (100, 100, 100, None),
        (80, 90, 90, None),
        (None, 90, 90, None),
    ],
)
async def test_what_is_stored_and_was_not_committed_is_committed_at_once(
    stored: int | None, group: int | None, start: int, owed: int | None
) -> None:
    intake = FakeIntake()
    if stored is not None:
        intake.set_position("s", "t/0", stored)
    opened, _ = partitions(FakeConsumer(begin=0, end=400, committed=group), intake)
    opened.parts[TP] = part = await opened.open(TP)
    assert part.next == start
    assert opened.committable() == ({} if owed is None else {TP: owed})


async def test_a_first_read_is_no_gap() -> None:
    opened, tally = partitions(FakeConsumer(begin=250, end=400, committed=None), FakeIntake())
    assert (await opened.open(TP)).next == 250
    assert tally.snapshot().detail == ""


async def test_a_jump_is_a_gap_only_where_the_broker_deleted() -> None:
    consumer = FakeConsumer(begin=0, end=400, committed=None)
    opened, tally = partitions(consumer, FakeIntake())
    part = await opened.open(TP)
    part.next = 100
    await opened.check_jump(part, 120)  # compaction, or markers of a transaction
    assert tally.snapshot().detail == ""
    consumer.begin = 300
    await opened.check_jump(part, 300)
    assert "gap of 200 records (100 to 299)" in tally.snapshot().detail


async def test_a_position_sent_back_to_the_beginning_is_a_new_life() -> None:
    consumer = FakeConsumer(begin=0, end=10, committed=500)
    intake = FakeIntake()
    intake.set_position("s", "t/0", 500)
    opened, tally = partitions(consumer, intake)
    part = await opened.open(TP)
    assert part.next == 500
    assert await opened.look(part)
    renewed = await opened.begin_anew(part)
    assert (renewed.next, renewed.generation.partition, renewed.journaled) == (0, "t/0#2", 0)
    assert "t/0 ends before offset 500" in tally.snapshot().detail


async def test_a_restart_goes_on_in_the_newest_life() -> None:
    intake = FakeIntake()
    intake.set_position("s", "t/0", 800)
    intake.set_position("s", "t/0#2", 30)
    opened, _ = partitions(FakeConsumer(begin=0, end=35, committed=25), intake)
    part = await opened.open(TP)
    assert (part.next, part.generation.partition) == (30, "t/0#2")


async def test_an_end_that_lags_for_a_moment_is_believed_only_if_it_lasts() -> None:
    """A new leader's high watermark may be behind right after an election."""
    consumer = FakeConsumer(begin=0, end=90, committed=None, position=100)
    opened, _ = partitions(consumer, FakeIntake())
    part = Part(TP, (await opened.open(TP)).generation, 100)
    assert not await opened.look(part)
    consumer.end = 120
    assert not await opened.look(part)
    assert part.beyond_since is None and part.lag == 20


def test_a_killed_member_is_forgotten_soon_unless_it_has_a_fixed_name() -> None:
    plain = group_timing(parse_address("kafka://h/t"))
    assert plain == {
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 2_000,
        "rebalance_timeout_ms": 60_000,
    }
    fixed = group_timing(parse_address("kafka://h/t?instance=w1"))
    assert (fixed["session_timeout_ms"], fixed["heartbeat_interval_ms"]) == (30_000, 3_000)
