"""Doctor against a real broker: each way a source can be wrong in its own words, and nothing consumed."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from backend.settings import SourceConfig
from tests.support import eve
from tests.support.broker import Broker, start_broker
from tests.support.doctoring import check_source, steps
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer

_NUMBERS = itertools.count()
ALERT = eve.lines([eve.alert(7, severity=1)]).rstrip()
UNTIL_TOPIC = [("address", "ok"), ("settings", "ok"), ("TCP", "ok"), ("login", "ok")]


def fresh() -> str:
    return f"doctor{os.getpid()}-{next(_NUMBERS)}"


def uri(broker: Broker, topic: str) -> str:
    return f"kafka://{broker.bootstrap}/{topic}?group=g-{topic}"


async def produce(broker: Broker, topic: str, *values: bytes | None, partition: int = 0) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"k", partition=partition)
    finally:
        await producer.stop()


async def commit(broker: Broker, topic: str, offset: int) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=f"g-{topic}", enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): offset})
    finally:
        await consumer.stop()


async def groups_and_topics(broker: Broker, topic: str) -> tuple[set[str], dict[int, int], set[str]]:
    """Every group, what the topic's own has committed by partition, and every topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        groups = {name for name, *_ in await admin.list_consumer_groups()}
        parts = [TopicPartition(topic, number) for number in range(2)]
        offsets = await admin.list_consumer_group_offsets(f"g-{topic}", partitions=parts)
        topics = set(await admin.list_topics())
    finally:
        await admin.close()
    return groups, {tp.partition: stored.offset for tp, stored in offsets.items()}, topics


async def test_a_good_topic_is_read_at_its_end_and_nothing_is_consumed(
    tmp_path: Path, kafka_broker: Broker
) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic, 2)
    await produce(kafka_broker, topic, *[b"{}"] * 30, ALERT)
    await commit(kafka_broker, topic, 3)
    before = await groups_and_topics(kafka_broker, topic)
    assert before[1][0] == 3
    found = await check_source(tmp_path, uri(kafka_broker, topic))
    assert steps(found) == [
        *UNTIL_TOPIC, ("topic", "ok"), ("brokers", "ok"), ("group", "ok"), ("sample", "ok"),
    ]  # fmt: skip
    said = {check.check: check.found for check in found}
    assert said["topic"] == f"{topic}: 2 partitions"
    assert said["group"] == f"g-{topic}: 28 of 31 records wait"
    assert said["sample"].startswith(f"{topic}/0 offset 30: suricata_eve, High, lane high: TEST")
    assert await groups_and_topics(kafka_broker, topic) == before


async def test_no_group_is_made_where_there_is_none(tmp_path: Path, kafka_broker: Broker) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic, 2)
    await produce(kafka_broker, topic, ALERT)
    before = await groups_and_topics(kafka_broker, topic)
    found = await check_source(tmp_path, uri(kafka_broker, topic))
    group = next(check for check in found if check.check == "group")
    assert group.state == "ok"
    assert group.found == f"g-{topic} does not exist yet: reading starts at the beginning, 1 records wait"
    after = await groups_and_topics(kafka_broker, topic)
    assert after == before
    assert f"g-{topic}" not in after[0]


async def test_a_wrong_topic_is_named_with_its_nearest_and_not_made(
    tmp_path: Path, kafka_broker: Broker
) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic)
    wrong = f"{topic}x"
    found = await check_source(tmp_path, uri(kafka_broker, wrong))
    assert steps(found) == [*UNTIL_TOPIC, ("topic", "failed")]
    assert found[-1].found == f"no topic {wrong} at the broker"
    assert f"did you mean {topic}?" in found[-1].mend
    assert wrong not in (await groups_and_topics(kafka_broker, topic))[2]
    one_of_two = await check_source(tmp_path, uri(kafka_broker, f"{topic},{wrong}"))
    assert steps(one_of_two)[-2:] == [("topic", "ok"), ("topic", "failed")]


async def test_an_empty_topic_is_said(tmp_path: Path, kafka_broker: Broker) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic)
    last = (await check_source(tmp_path, uri(kafka_broker, topic)))[-1]
    assert (last.check, last.state) == ("sample", "warn")
    assert "the topic is empty" in last.found
    assert f"watchfloor replay FILE --to kafka://{kafka_broker.bootstrap}/{topic}" in last.mend


async def test_a_record_that_cant_be_read_is_told_with_its_place(
    tmp_path: Path, kafka_broker: Broker
) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker, topic, ALERT, b'{"event_type":"alert","alert":{"sig')
    last = (await check_source(tmp_path, uri(kafka_broker, topic)))[-1]
    assert (last.check, last.state) == ("sample", "failed")
    assert last.found.startswith(f"{topic}/0 offset 1 can't be read: JSON ends before it is complete")
    assert last.mend


async def test_a_group_that_is_ahead_of_the_topic_is_said(tmp_path: Path, kafka_broker: Broker) -> None:
    topic = fresh()
    await kafka_broker.create_topic(topic)
    await produce(kafka_broker, topic, ALERT)
    await commit(kafka_broker, topic, 500)
    group = next(c for c in await check_source(tmp_path, uri(kafka_broker, topic)) if c.check == "group")
    assert (group.state, "ends before what was read of it" in group.found) == ("warn", True)


async def test_the_network_on_the_way_to_a_broker(tmp_path: Path, kafka_broker: Broker) -> None:
    topic, closed = fresh(), free_port()
    await kafka_broker.create_topic(topic)
    refused = await check_source(tmp_path, f"kafka://127.0.0.1:{closed}/{topic}")
    assert steps(refused)[-1] == ("TCP", "failed")
    assert "the connection is refused" in refused[-1].found
    unknown = await check_source(tmp_path, f"kafka://no-such-broker.invalid/{topic}")
    assert steps(unknown)[-1] == ("DNS", "failed")
    assert "no-such-broker.invalid" in unknown[-1].found
    assert "/etc/hosts" in unknown[-1].mend
    one_of_two = f"kafka://127.0.0.1:{closed},{kafka_broker.bootstrap}/{topic}"
    found = await check_source(tmp_path, one_of_two)
    assert steps(found)[2:6] == [("TCP", "ok"), ("TCP", "warn"), ("login", "ok"), ("topic", "ok")]
    async with TcpProxy(kafka_broker.host, kafka_broker.port) as proxy:
        proxy.blackhole = True
        silent = await check_source(tmp_path, f"kafka://127.0.0.1:{proxy.port}/{topic}")
        assert steps(silent)[-2:] == [("TCP", "ok"), ("login", "failed")]
        assert "no answer a Kafka broker would within 3 s" in silent[-1].found
        proxy.heal()
        proxy.refuse = True
        cut = await check_source(tmp_path, f"kafka://127.0.0.1:{proxy.port}/{topic}")
        assert steps(cut)[-1] == ("login", "failed")
        assert "broke off" in cut[-1].found
        assert "password_env" in cut[-1].mend


async def test_a_server_that_is_no_broker(tmp_path: Path, redis_server: RedisServer) -> None:
    found = await check_source(tmp_path, f"kafka://127.0.0.1:{redis_server.port}/alerts")
    assert steps(found)[-1] == ("login", "failed")
    assert "the broker's port" in found[-1].mend


def _forward_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while block := await source.read(65536):
                to.write(block)

        await asyncio.wait(
            [
                asyncio.ensure_future(pump(reader, there_writer)),
                asyncio.ensure_future(pump(there_reader, writer)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for end in (there_writer, writer):
            end.transport.abort()

    return forward


async def test_a_broker_that_sends_clients_astray(tmp_path: Path) -> None:
    advertised = free_port()
    with start_broker(advertised=advertised) as broker:
        forward = await asyncio.start_server(_forward_to(broker.port), "127.0.0.1", advertised)
        await broker.create_topic("alerts")  # while the address it gives still works
        forward.close()
        found = await check_source(tmp_path, f"kafka://{broker.bootstrap}/alerts")
    assert steps(found) == [*UNTIL_TOPIC, ("topic", "ok"), ("brokers", "failed")]
    assert f"127.0.0.1:{advertised}" in found[-1].found
    assert "advertised.listeners" in found[-1].mend


async def test_a_broker_that_asks_for_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECRET", "hunter2")
    with start_broker("--authentication") as broker:
        uri = f"kafka://{broker.bootstrap}/alerts"
        nameless = await check_source(tmp_path, uri)
        assert steps(nameless)[-1] == ("login", "failed")
        assert "set username and password_env" in nameless[-1].mend
        config = SourceConfig(uri=uri, username="ann", password_env="KAFKA_SECRET")
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            config.sasl_mechanism = mechanism
            refused = await check_source(tmp_path, config)
            assert steps(refused)[-1] == ("login", "failed")
            assert "correct username, password and sasl_mechanism" in refused[-1].mend
            assert "hunter2" not in repr(refused)


async def test_a_broker_without_logins_or_tls(
    tmp_path: Path, kafka_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_SECRET", "hunter2")
    uri = f"kafka://{kafka_broker.bootstrap}/alerts"
    login = await check_source(tmp_path, SourceConfig(uri=uri, username="ann", password_env="KAFKA_SECRET"))
    assert steps(login)[-1] == ("login", "failed")
    assert "offers no login by PLAIN" in login[-1].found
    tls = await check_source(tmp_path, SourceConfig(uri=uri, tls=True))
    assert steps(tls)[-1] == ("TLS", "failed")
    assert f"127.0.0.1:{kafka_broker.port}" in tls[-1].found
