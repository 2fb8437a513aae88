"""`watchfloor bench ingest`: Kafka to journal, beside peers that store nothing, all in one run."""

import asyncio
import statistics
import time

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from backend.bench.alerts import suricata_alerts
from backend.bench.peers import bare_loop, faststream
from backend.bench.report import BenchError, IngestReport
from backend.bench.subject import Drained, drain, latency
from backend.telemetry.stages import BUDGET_MS

TOPIC = "watchfloor-bench"
LATENCY_RATE = 5_000
LATENCY_S = 10.0

PEER = "aiokafka getmany + json.loads, nothing stored"
SUBJECT = "aiokafka → parsed, made safe, routed, journaled with fsync, offset committed"
TARGET = 0.5
"""Half of the bare loop's rate."""
LATENCY_TARGET_MS = 50.0
"""From broker to journal at `LATENCY_RATE` alerts a second, p99."""


async def run(bootstrap: str, *, records: int = 60_000, rounds: int = 3) -> IngestReport:
    """Fill a topic of its own with `records` alerts, read it by turns both ways, then time an even stream.

    Raises:
        BenchError: the broker can't be reached or stopped answering.
    """
    topic = f"{TOPIC}-{time.time_ns()}"
    size = await _fill(bootstrap, topic, records)
    bare: list[float] = []
    ours: list[float] = []
    framework: list[float] = []
    last: Drained | None = None
    for number in range(rounds):
        bare.append(records / await bare_loop(bootstrap, topic, records))
        last = await drain(bootstrap, topic, records, group=f"bench-{topic}-{number}")
        ours.append(records / last.seconds)
    seconds = await faststream(bootstrap, topic, records)
    if seconds is not None:
        framework.append(records / seconds)
    assert last is not None  # noqa: S101  # rounds is at least 1
    stream = f"{topic}-even"
    await _create(bootstrap, stream)
    waits = await latency(bootstrap, stream, rate=LATENCY_RATE, seconds=LATENCY_S)
    peer, mine = statistics.median(bare), statistics.median(ours)
    return IngestReport(
        bench="ingest",
        records=records,
        record_bytes=size,
        rounds=rounds,
        peer=PEER,
        peer_per_s=round(peer),
        faststream_per_s=round(framework[0]) if framework else None,
        watchfloor=SUBJECT,
        watchfloor_per_s=round(mine),
        ratio=round(mine / peer, 3),
        target_ratio=TARGET,
        duplicates=last.duplicates,
        stored=last.stored,
        ingest_work_p99_ms=round(last.ingest_p99_ms, 4),
        ingest_budget_ms=BUDGET_MS["ingest"],
        route_work_p99_ms=round(last.route_p99_ms, 4),
        route_budget_ms=BUDGET_MS["route"],
        rss_start_mb=round(last.rss_start_mb, 1),
        rss_end_mb=round(last.rss_end_mb, 1),
        latency_rate_per_s=LATENCY_RATE,
        latency_counted=waits.count,
        latency_p50_ms=round(waits.quantile(0.5) or 0.0, 1),
        latency_p99_ms=round(waits.quantile(0.99) or 0.0, 1),
        latency_target_ms=LATENCY_TARGET_MS,
    )


async def filled(bootstrap: str, records: int) -> str:
    """A new topic with so many alerts; returns its name."""
    topic = f"{TOPIC}-{time.time_ns()}"
    await _fill(bootstrap, topic, records)
    return topic


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def _fill(bootstrap: str, topic: str, records: int) -> int:
    """Send the alerts; returns their mean size in bytes."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=256 * 1024)
    try:
        await producer.start()
    except Exception as error:  # aiokafka raises several kinds for "nobody is there"
        await producer.stop()
        raise BenchError(
            f"no Kafka broker answers at {bootstrap} ({error}); name one with --kafka"
        ) from error
    total = 0
    try:
        sent: list[asyncio.Future[object]] = []
        for data in suricata_alerts(records):
            total += len(data)
            sent.append(await producer.send(topic, data, partition=0))
            if len(sent) >= 20_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return total // records
