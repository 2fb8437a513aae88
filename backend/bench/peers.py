"""What others do with the same topic: a bare consumer loop, and a framework's batched subscriber."""

import asyncio
import importlib
import json
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from backend.bench.report import BenchError

GIVE_UP_S = 300.0
BATCH = 1_000


async def bare_loop(bootstrap: str, topic: str, records: int) -> float:
    """Seconds from the first record to the last with nothing done but decoding."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        seen, started = 0, 0.0
        give_up = time.monotonic() + GIVE_UP_S
        while seen < records:
            batches = await consumer.getmany(timeout_ms=200, max_records=BATCH)
            started = started or time.perf_counter()
            for batch in batches.values():
                for message in batch:
                    json.loads(message.value)
                seen += len(batch)
            if time.monotonic() > give_up:
                raise BenchError(f"the broker gave {seen} of {records} records, then no more")
        return time.perf_counter() - started
    finally:
        await consumer.stop()


async def faststream(bootstrap: str, topic: str, records: int) -> float | None:
    """The same with FastStream's batched subscriber, which stores nothing; None where it is not installed."""
    try:
        kafka: Any = await asyncio.to_thread(importlib.import_module, "faststream.kafka")
    except ImportError:
        return None
    broker = kafka.KafkaBroker(bootstrap, logger=None)
    seen, started, done = 0, 0.0, asyncio.Event()

    @broker.subscriber(  # type: ignore[untyped-decorator]  # an optional package
        topic, batch=True, max_records=BATCH, auto_offset_reset="earliest", group_id=f"peer-{topic}"
    )
    async def take(messages: list[dict[str, Any]]) -> None:
        nonlocal seen, started
        started = started or time.perf_counter()
        seen += len(messages)
        if seen >= records:
            done.set()

    await broker.start()
    try:
        async with asyncio.timeout(GIVE_UP_S):
            await done.wait()
    except TimeoutError as error:
        raise BenchError(f"FastStream gave {seen} of {records} records, then no more") from error
    finally:
        await broker.stop()
    return time.perf_counter() - started
