"""The Kafka source against Apache Kafka itself: restarts, transactions, deleted records."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.integration.sources.test_kafka import committed, fresh, numbered, produce, running
from tests.support.apache_kafka import NOT_FOUND, ApacheKafka, kafka_libs, start_apache_kafka
from tests.support.intake import FakeIntake, until

pytestmark = pytest.mark.skipif(kafka_libs() is None, reason=NOT_FOUND)


@pytest.fixture(scope="module")
def apache_kafka() -> Iterator[ApacheKafka]:
    with start_apache_kafka() as broker:
        yield broker


def address(bootstrap: str, topic: str) -> str:
    return f"kafka://{bootstrap}/{topic}?group=g-{topic}"


async def delete_below(bootstrap: str, topic: str, offset: int) -> None:
    """Have the broker drop partition 0 up to `offset`, as its retention would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        partition = TopicPartition(topic, 0)
        low = await admin.delete_records({partition: RecordsToDelete(before_offset=offset)}, 10_000)
        assert low == {partition: offset}
    finally:
        await admin.close()


async def test_stopped_and_started_again_nothing_is_lost_or_read_twice(apache_kafka: ApacheKafka) -> None:
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    await apache_kafka.create_topic(topic, 3)
    await produce(bootstrap, topic, numbered(0, 5_000), 3)
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up, what="caught up")
        assert (source.status().state, source.status().lag) == ("live", 0)
        assert source.status().records == 5_000
        assert await committed(bootstrap, topic, 3) == intake.next_offsets()
    await produce(bootstrap, topic, numbered(5_000, 600), 3)
    # A journal that knows nothing: the offsets committed at the broker alone say where to go on.
    second = FakeIntake()
    async with running(address(bootstrap, topic), second) as source:
        await until(lambda: source.status().caught_up, what="caught up again")
        assert source.status().records == 600
    assert intake.duplicates == second.duplicates == 0
    assert sorted(intake.data()) == sorted(numbered(0, 5_000))  # type: ignore[type-var]  # none is None
    assert sorted(second.data()) == sorted(numbered(5_000, 600))  # type: ignore[type-var]  # none is None


async def test_records_of_an_aborted_transaction_are_not_delivered(apache_kafka: ApacheKafka) -> None:
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    await apache_kafka.create_topic(topic)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"x-{topic}")
    await producer.start()
    try:
        for start, keep in ((0, True), (100, False), (200, True), (300, False)):
            await producer.begin_transaction()
            sent = [await producer.send(topic, value, partition=0) for value in numbered(start, 100)]
            await asyncio.gather(*sent)
            await (producer.commit_transaction() if keep else producer.abort_transaction())
    finally:
        await producer.stop()
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up, what="caught up past the last marker")
        # Markers and aborted records leave holes between offsets, and none of them is a gap.
        assert (source.status().lag, source.status().detail) == (0, "")
    assert intake.data() == [*numbered(0, 100), *numbered(200, 100)]
    # Each transaction ends in a marker that takes an offset: the third began at 202.
    assert [intake.records[n].offset for n in (0, 99, 100, 199)] == [0, 99, 202, 301]


async def test_an_open_transaction_is_delivered_only_once_it_commits(apache_kafka: ApacheKafka) -> None:
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    await apache_kafka.create_topic(topic)
    await produce(bootstrap, topic, numbered(0, 10))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"x-{topic}")
    await producer.start()
    try:
        async with running(address(bootstrap, topic), intake):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"within", partition=0)
            await until(lambda: len(intake.records) == 10)
            await asyncio.sleep(0.5)  # many fetches
            assert intake.data() == numbered(0, 10)
            await producer.commit_transaction()
            await until(lambda: len(intake.records) == 11, what="the committed record")
    finally:
        await producer.stop()
    assert intake.data()[-1] == b"within"


async def test_records_deleted_before_they_were_read_are_said_as_a_gap(apache_kafka: ApacheKafka) -> None:
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    await apache_kafka.create_topic(topic)
    await produce(bootstrap, topic, numbered(0, 100))
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up)
        assert "gap" not in source.status().detail
    await produce(bootstrap, topic, numbered(100, 200))
    await delete_below(bootstrap, topic, 150)
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: source.status().caught_up)
        assert f"{topic}/0: gap of 50 records (100 to 149)" in source.status().detail
    assert intake.data() == [*numbered(0, 100), *numbered(150, 150)]
    assert intake.duplicates == 0


async def test_a_broker_killed_half_way_and_started_again_is_read_to_the_end(
    apache_kafka: ApacheKafka,
) -> None:
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    # 10 MB: several times what the client fetches ahead, so that the rest is still at the broker.
    values = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 2_000) for n in range(5_100)]
    await apache_kafka.create_topic(topic, 2)
    await produce(bootstrap, topic, [*values[:5_000]], 2)
    intake.commit_s = 0.1
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: len(intake.records) > 500, what="half way")
        apache_kafka.kill()
        await until(lambda: source.status().state == "reconnecting", what="loss noticed")
        assert 500 < source.status().records < 5_000
        assert not source.status().caught_up
        await asyncio.to_thread(apache_kafka.start)
        await produce(bootstrap, topic, [*values[5_000:]], 2)
        await until(lambda: source.status().caught_up, 40.0, "caught up after the restart")
        assert await committed(bootstrap, topic, 2) == {f"{topic}/0": 2_550, f"{topic}/1": 2_550}
    assert intake.duplicates == 0
    assert sorted(intake.data()) == sorted(values)
