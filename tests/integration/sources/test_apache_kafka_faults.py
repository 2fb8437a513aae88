"""The Kafka source against Apache Kafka: a lost coordinator, refused commits, records of every bad kind."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from backend.alerts.recognise import Parser
from backend.clock import SystemClock
from backend.pipeline.ingest import Ingest
from backend.pipeline.route import Router
from backend.settings import Settings
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source
from backend.telemetry.stages import StageTimes
from tests.integration.sources.test_apache_kafka import address, delete_below
from tests.integration.sources.test_kafka import committed, fresh, numbered, produce, running
from tests.integration.sources.test_kafka_secure import running as running_as
from tests.support.apache_kafka import (
    NOT_FOUND,
    ApacheKafka,
    SecondNode,
    kafka_libs,
    start_apache_kafka,
)
from tests.support.engines import eve_alert
from tests.support.intake import FakeIntake, until
from tests.support.secure_kafka import GUEST, GUEST_PASSWORD, SecureKafka
from tests.unit.pipeline.builders import open_journal

pytestmark = pytest.mark.skipif(kafka_libs() is None, reason=NOT_FOUND)


@pytest.fixture(scope="module")
def apache_kafka() -> Iterator[ApacheKafka]:
    with start_apache_kafka() as broker:
        yield broker


@contextlib.asynccontextmanager
async def administrator(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def place(bootstrap: str, topic: str, node: int, **configs: str) -> None:
    """Create a topic of one partition on one node."""
    async with administrator(bootstrap) as admin:
        new = NewTopic(topic, -1, -1, replica_assignments={0: [node]}, topic_configs=configs)
        reply = await admin.create_topics([new])
    assert [error for _, error, *_ in reply.topic_errors] == [0]


async def test_the_coordinator_goes_and_comes_back_while_the_partition_stays() -> None:
    """The group lives on the second node, the records on the first, which is never away."""
    topic, intake = fresh(), FakeIntake()
    with (
        tempfile.TemporaryDirectory(prefix="watchfloor-kafka-") as folder,
        start_apache_kafka() as first,
        contextlib.closing(SecondNode(first, Path(folder))) as second,
    ):
        await asyncio.to_thread(second.start)
        await place(first.bootstrap, "__consumer_offsets", 2, **{"cleanup.policy": "compact"})
        await place(first.bootstrap, topic, 1)
        await produce(first.bootstrap, topic, numbered(0, 200))
        async with running(address(first.bootstrap, topic), intake) as source:
            await until(lambda: source.status().caught_up, 40.0, "caught up")
            second.kill()
            await produce(first.bootstrap, topic, numbered(200, 200))
            await until(lambda: len(intake.records) == 400, what="read on without a coordinator")
            assert not source.status().caught_up  # what was read is not committed
            await asyncio.to_thread(second.start)
            await produce(first.bootstrap, topic, numbered(400, 200))
            await until(lambda: source.status().caught_up and len(intake.records) == 600, 60.0)
            assert await committed(first.bootstrap, topic) == {f"{topic}/0": 600}
    assert intake.data() == numbered(0, 600)
    assert intake.duplicates == 0


async def test_commits_that_are_refused_and_then_allowed_again(secure_kafka: SecureKafka) -> None:
    broker, topic, intake = secure_kafka.broker, fresh(), FakeIntake()
    await broker.create_topic(topic)
    await secure_kafka.allow(GUEST, topic=topic)
    await secure_kafka.allow(GUEST, group=f"g-{topic}")
    options = SourceOptions(username=GUEST, password=GUEST_PASSWORD)
    async with running_as(secure_kafka.uri("SASL_PLAINTEXT", topic), options, intake) as source:
        await produce(broker.bootstrap, topic, numbered(0, 100))
        await until(lambda: source.status().caught_up and len(intake.records) == 100, 40.0, "caught up")
        await secure_kafka.forbid(GUEST, group=f"g-{topic}")
        await produce(broker.bootstrap, topic, numbered(100, 100))
        await until(lambda: source.status().state == "reconnecting", 40.0, "the refusal noticed")
        await until(lambda: f"let {GUEST} use the group g-{topic}" in source.status().detail, 40.0)
        assert await committed(broker.bootstrap, topic) == {f"{topic}/0": 100}
        await secure_kafka.allow(GUEST, group=f"g-{topic}")
        await until(lambda: source.status().caught_up and len(intake.records) == 200, 60.0, "goes on")
        assert await committed(broker.bootstrap, topic) == {f"{topic}/0": 200}
    assert intake.data() == numbered(0, 200)
    assert intake.duplicates == 0


async def test_records_deleted_under_a_source_that_is_behind_are_said_as_a_gap(
    apache_kafka: ApacheKafka,
) -> None:
    """Offset out of range in the middle of reading, not at its start."""
    topic, intake, bootstrap = fresh(), FakeIntake(), apache_kafka.bootstrap
    await apache_kafka.create_topic(topic)
    await produce(bootstrap, topic, [b"%06d" % n + b"x" * 2_000 for n in range(12_000)])
    intake.room.clear()
    async with running(address(bootstrap, topic), intake) as source:
        await until(lambda: source.status().state == "paused", what="paused")
        await asyncio.sleep(1.0)  # what is fetched ahead is let go
        await delete_below(bootstrap, topic, 11_000)
        intake.room.set()
        await until(lambda: source.status().caught_up, 40.0, "caught up")
        detail = source.status().detail
    numbers = [int(record.data[:6]) for record in intake.records]
    before = numbers.index(11_000)
    assert numbers == [*range(before), *range(11_000, 12_000)]
    assert 0 < before < 11_000
    assert f"{topic}/0: gap of {11_000 - before} records ({before} to 10999)" in detail
    assert intake.duplicates == 0


async def test_bad_records_become_dead_letters_and_the_partition_moves_on(
    apache_kafka: ApacheKafka, tmp_path: Path
) -> None:
    topic, bootstrap, size = fresh(), apache_kafka.bootstrap, 20_000_000
    await place(bootstrap, topic, 1, **{"max.message.bytes": str(size)})
    large = eve_alert(2, payload="x" * 10_000_000)
    records: list[tuple[bytes | None, bytes | None]] = [
        (b"\xff\x00\xfe", eve_alert(1)),  # a binary key
        (b"k", b'{"event_type": "alert", "alert": {'),  # JSON that ends too early
        (b"k", None),  # a tombstone
        (b"k", b""),
        (b"k", b"\x00\xff\x80" * 1_000),
        (b"k", large),
        (b"k", eve_alert(3)),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=size)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key, partition=0)
    finally:
        await producer.stop()
    uri = address(bootstrap, topic)
    async with open_journal(tmp_path) as journal:
        ingest = Ingest(journal, Router(Settings()), StageTimes(), SystemClock(), deliver=lambda _: None)
        ingest.register(open_source(uri, clock=SystemClock()).name, Parser())
        async with running(uri, ingest) as source:  # type: ignore[arg-type]  # the real intake
            await until(lambda: source.status().caught_up, 40.0, "caught up")
        letters = await journal.read(lambda reader: list(reader.dead_letters()))
        kept = await journal.write(
            lambda connection: connection.execute("select offset, raw from alerts order by offset").fetchall()
        )
        alerts = dict(await kept)
    assert await committed(bootstrap, topic) == {f"{topic}/0": len(records)}
    assert [letter.offset for letter in letters] == [1, 2, 3, 4]
    assert [bytes(letter.raw) for letter in letters] == [value or b"" for _, value in records[1:5]]
    assert all(letter.reason for letter in letters)
    assert alerts.keys() == {0, 5, 6}
    assert bytes(alerts[5]) == large
