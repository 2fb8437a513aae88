"""The Kafka source against a real broker, with an intake that can be slow, stuck or broken."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from backend.clock import SystemClock
from backend.sources.base import Source
from backend.sources.registry import open_source
from tests.support.broker import Broker, start_broker
from tests.support.intake import FakeIntake, until
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy

_NUMBERS = itertools.count()


def fresh() -> str:
    return f"t{os.getpid()}-{next(_NUMBERS)}"


def address(bootstrap: str, topic: str) -> str:
    # The test broker waits half the session timeout before a group's first assignment.
    return f"kafka://{bootstrap}/{topic}?group=g-{topic}&session_timeout_s=2"


async def produce(bootstrap: str, topic: str, values: list[bytes | None], partitions: int = 1) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    await producer.start()
    try:
        sent = [
            await producer.send(topic, value, key=b"\xff\x00", partition=n % partitions)
            for n, value in enumerate(values)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def committed(bootstrap: str, topic: str, partitions: int = 1) -> dict[str, int | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"g-{topic}", enable_auto_commit=False)
    await consumer.start()
    try:
        return {f"{topic}/{n}": await consumer.committed(TopicPartition(topic, n)) for n in range(partitions)}
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def running(uri: str, intake: FakeIntake) -> AsyncIterator[Source]:
    source = open_source(uri, clock=SystemClock())
    task = asyncio.create_task(source.run(intake))
    try:
        yield source
    finally:
        if task.done():
            task.result()  # it was not to end: its own error says more than a wait that timed out
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def numbered(start: int, count: int) -> list[bytes | None]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


async def test_everything_arrives_once_in_order_and_is_committed(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic, 3)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 5_000), 3)
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up, what="caught up")
        status = source.status()
        assert (status.state, status.lag, status.records, status.detail) == ("live", 0, 5_000, "")
        assert await committed(kafka_broker.bootstrap, topic, 3) == intake.next_offsets()
    assert sorted(intake.data()) == sorted(numbered(0, 5_000))  # type: ignore[type-var]  # none is None
    for partition in range(3):
        mine = [r for r in intake.records if r.partition == f"{topic}/{partition}"]
        assert [r.offset for r in mine] == list(range(len(mine)))
        assert [r.data for r in mine] == numbered(0, 5_000)[partition::3]
    assert intake.records[0].key == b"\xff\x00"


async def test_stopped_anywhere_and_started_again_loses_nothing(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic, 2)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 5_000), 2)
    intake.commit_s = 0.03
    for turn in range(1, 3):
        async with running(address(kafka_broker.bootstrap, topic), intake):
            await until(lambda wanted=turn * 700: len(intake.records) > wanted)
        assert len(intake.records) < 5_000
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up)
    assert sorted(intake.data()) == sorted(numbered(0, 5_000))  # type: ignore[type-var]  # none is None


async def test_offsets_are_committed_only_for_what_the_journal_holds(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 300))
    intake.stored.clear()
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: bool(intake.batches))
        await asyncio.sleep(1.5)  # longer than the time between commits
        assert await committed(kafka_broker.bootstrap, topic) == {f"{topic}/0": None}
        assert not source.status().caught_up
    again = FakeIntake()  # killed before anything was stored: all of it comes again
    async with running(address(kafka_broker.bootstrap, topic), again) as source:
        await until(lambda: source.status().caught_up)
    assert again.data() == numbered(0, 300)
    intake.stored.set()


async def test_the_journal_may_be_ahead_of_the_group(kafka_broker: Broker) -> None:
    """Killed between the journal's commit and Kafka's: nothing is read twice."""
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 400))
    uri = address(kafka_broker.bootstrap, topic)
    intake.set_position(open_source(uri, clock=SystemClock()).name, f"{topic}/0", 350)
    async with running(uri, intake) as source:
        await until(lambda: source.status().caught_up)
        assert await committed(kafka_broker.bootstrap, topic) == {f"{topic}/0": 400}
    assert intake.data() == numbered(350, 50)


async def test_the_group_may_be_ahead_of_the_journal(kafka_broker: Broker) -> None:
    """Another worker read on, and its journal is not ours."""
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 400))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_broker.bootstrap, group_id=f"g-{topic}", enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.commit({TopicPartition(topic, 0): 100})
    await consumer.stop()
    uri = address(kafka_broker.bootstrap, topic)
    intake.set_position(open_source(uri, clock=SystemClock()).name, f"{topic}/0", 50)
    async with running(uri, intake) as source:
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(100, 300)


async def test_what_the_journal_refuses_is_stored_later_and_in_order(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 2_500))
    intake.fail = 3
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: "no space left" in source.status().detail)
        assert source.status().state == "paused"
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 2_500)


async def test_a_stuck_pipeline_pauses_reading_and_keeps_the_group(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic, 2)
    await produce(kafka_broker.bootstrap, topic, [b"x" * 500] * 12_000, 2)
    intake.room.clear()
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: source.status().state == "paused", what="paused")
        await asyncio.sleep(3.0)  # longer than a session
        assert "no room" in source.status().detail
        assert intake.batches == []
        intake.room.set()
        await until(lambda: source.status().caught_up)
    assert len(intake.records) == 12_000
    assert intake.duplicates == 0  # a lost group would have fetched them again


async def test_tombstones_and_large_records_do_not_stop_a_partition(kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, [b"a", None, b"x" * 900_000, b"\xff\xfe", b"z"])
    async with running(address(kafka_broker.bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up)
    assert [len(data) for data in intake.data()] == [1, 0, 900_000, 2, 1]


async def test_two_workers_share_and_one_takes_over(kafka_broker: Broker) -> None:
    topic, one, two = fresh(), FakeIntake(), FakeIntake()
    await kafka_broker.create_topic(topic, 2)
    uri = address(kafka_broker.bootstrap, topic)
    async with running(uri, one) as first:
        await until(lambda: first.status().state == "live")
        async with running(uri, two) as second:
            await until(lambda: second.status().state == "live", what="second joined")
            await until(lambda: first.status().state == "live", what="first rejoined")
            await produce(kafka_broker.bootstrap, topic, numbered(0, 1_000), 2)
            await until(lambda: len(one.records) + len(two.records) >= 1_000)
            assert len(one.records) == len(two.records) == 500
            await until(lambda: second.status().caught_up)
        await produce(kafka_broker.bootstrap, topic, numbered(1_000, 1_000), 2)
        await until(lambda: len(one.records) >= 1_500, what="taken over")
        await until(lambda: first.status().caught_up)
    assert len(one.records) == 1_500
    assert sorted(one.data() + two.data()) == sorted(numbered(0, 2_000))  # type: ignore[type-var]  # none is None


async def test_a_broker_that_comes_back_empty_is_said_and_read_from_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.sources.kafka_partitions.BEYOND_END_S", 0.5)
    topic, intake = fresh(), FakeIntake()
    with start_broker() as broker:
        await broker.create_topic(topic)
        await produce(broker.bootstrap, topic, numbered(0, 800))
        async with running(address(broker.bootstrap, topic), intake) as source:
            await until(lambda: source.status().caught_up)
            broker.kill()
            await until(lambda: source.status().state == "reconnecting", 8.0, "loss noticed")
            assert not source.status().caught_up
            broker.start()
            await broker.create_topic(topic)
            await produce(broker.bootstrap, topic, numbered(5_000, 30))
            await until(lambda: len(intake.records) == 830, 40.0, "read after the restart")
            assert f"{topic}/0 ends before offset 800" in source.status().detail
            await until(lambda: source.status().caught_up)
            assert await committed(broker.bootstrap, topic) == {f"{topic}/0": 30}
    assert intake.data() == [*numbered(0, 800), *numbered(5_000, 30)]
    assert intake.duplicates == 0


async def test_a_network_that_swallows_everything_is_noticed_and_survived() -> None:
    topic, intake = fresh(), FakeIntake()
    with start_broker() as broker:
        await broker.create_topic(topic)
        await produce(broker.bootstrap, topic, numbered(0, 100))
        async with running(address(broker.bootstrap, topic), intake) as source:
            await until(lambda: source.status().caught_up)
            broker.freeze()
            await until(lambda: source.status().state == "reconnecting", 8.0, "silence noticed")
            assert "no answer" in source.status().detail
            broker.thaw()
            await produce(broker.bootstrap, topic, numbered(100, 100))
            await until(lambda: source.status().caught_up and len(intake.records) == 200)
    assert intake.data() == numbered(0, 200)
    assert intake.duplicates == 0


async def test_a_broker_that_is_not_there_yet(tcp_proxy: type[TcpProxy], kafka_broker: Broker) -> None:
    topic, intake = fresh(), FakeIntake()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker.bootstrap, topic, numbered(0, 10))
    async with tcp_proxy(kafka_broker.host, kafka_broker.port) as proxy:
        proxy.refuse = True
        async with running(address(f"127.0.0.1:{proxy.port}", topic), intake) as source:
            await until(lambda: source.status().state == "reconnecting")
            assert f"127.0.0.1:{proxy.port} broke off" in source.status().detail
            proxy.heal()
            await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 10)


async def test_a_port_where_nothing_listens_is_said() -> None:
    async with running(address(f"127.0.0.1:{free_port()}", fresh()), FakeIntake()) as source:
        await until(lambda: source.status().state == "reconnecting")
        assert source.status().detail.startswith("no Kafka at 127.0.0.1:")
        assert "trying again in" in source.status().detail
