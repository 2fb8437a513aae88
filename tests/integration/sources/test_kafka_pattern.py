"""Topics by regular expression, also those that are created later."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from backend.clock import SystemClock
from backend.sources.base import SourceError
from backend.sources.registry import open_source
from backend.sources.uri import parse_address
from tests.support.broker import Broker
from tests.support.intake import FakeIntake, until


async def send(broker: Broker, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def test_every_topic_that_matches_is_read(kafka_broker: Broker) -> None:
    for topic in ("pat-edr", "pat-ids", "other-pat"):
        await kafka_broker.create_topic(topic)
    await send(kafka_broker, "pat-edr", b"one")
    await send(kafka_broker, "pat-ids", b"two")
    await send(kafka_broker, "other-pat", b"not me")
    intake = FakeIntake()
    uri = f"kafka://{kafka_broker.bootstrap}/^pat-.*?group=pattern&session_timeout_s=2"
    source = open_source(uri, clock=SystemClock())
    reading = asyncio.create_task(source.run(intake))
    try:
        await until(lambda: sorted(intake.data()) == [b"one", b"two"], 30)
        await until(lambda: source.status().caught_up, 20)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert b"not me" not in intake.data()


def test_a_broken_pattern_is_said_in_a_line() -> None:
    with pytest.raises(SourceError, match="no regular expression"):
        parse_address("kafka://h:9092/^pat-[?group=g")
