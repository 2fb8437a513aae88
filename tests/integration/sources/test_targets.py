"""Replay's targets against real servers: what was sent is there when `send` returns."""

from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from backend.sources.base import SourceError
from backend.sources.registry import open_target
from tests.support.broker import Broker
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

RECORDS = [b'{"n":%d,"src":{"ip":"10.0.0.%d"}}' % (n, n % 3) for n in range(1_500)]


async def test_kafka_confirms_and_keys(kafka_broker: Broker) -> None:
    await kafka_broker.create_topic("replayed", 2)
    target = open_target(f"kafka://{kafka_broker.bootstrap}/replayed?key=src.ip")
    await target.open()
    await target.send(RECORDS)
    await target.send([b"no json"])
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("replayed", 0), TopicPartition("replayed", 1)])
    messages: list[Any] = []
    while len(messages) < len(RECORDS) + 1:
        for batch in (await consumer.getmany(timeout_ms=2_000)).values():
            messages += batch
    await consumer.stop()
    await target.close()
    for digit in range(3):
        keyed = [m for m in messages if m.key == b"10.0.0.%d" % digit]
        assert [m.value for m in keyed] == RECORDS[digit::3]
        assert len({m.partition for m in keyed}) == 1
    assert [m.key for m in messages if m.value == b"no json"] == [None]


async def test_redis_adds_in_order(redis_server: RedisServer) -> None:
    target = open_target(f"{redis_server.url}/replayed")
    await target.open()
    await target.send(RECORDS)
    redis = Redis(host=redis_server.host, port=redis_server.port)
    entries: Any = await redis.xrange("replayed")
    await redis.aclose()
    await target.close()
    assert [fields[b"data"] for _, fields in entries] == RECORDS


async def test_file_appends_one_line_a_record(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    path.write_bytes(b"before\n")
    target = open_target(str(path))
    await target.open()
    await target.send([b'{\n  "a": 1\n}', b"two\nlines", b"plain\r\n"])
    assert path.read_bytes() == b'before\n{"a":1}\ntwo lines\nplain\n'
    await target.close()


@pytest.mark.parametrize("scheme", ["kafka", "redis", "http", "syslog"])
async def test_nobody_there_is_said(scheme: str) -> None:
    target = open_target(f"{scheme}://127.0.0.1:{free_port()}/x")
    with pytest.raises(SourceError, match=r"no (Kafka|Redis|HTTP server|syslog receiver) at 127\.0\.0\.1"):
        await target.open()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    target = open_target(f"file://{tmp_path}/none/out.ndjson")
    with pytest.raises(SourceError, match="can't be written"):
        await target.open()
