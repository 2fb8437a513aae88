"""`watchfloor bench ingest`: Kafka to journal, beside a bare consumer loop that only decodes JSON."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from backend.alerts.recognise import Parser
from backend.bench.alerts import suricata_alerts
from backend.bench.report import BenchError, IngestReport
from backend.clock import SystemClock
from backend.journal.store import Journal
from backend.pipeline.ingest import Ingest
from backend.pipeline.route import Router
from backend.settings import Settings
from backend.sources.registry import open_source
from backend.telemetry.stages import BUDGET_MS, StageTimes

TOPIC = "watchfloor-bench"
POLL_S = 0.01
GIVE_UP_S = 300.0


PEER = "aiokafka getmany + json.loads, nothing stored"
SUBJECT = "aiokafka → parsed, made safe, routed, journaled with fsync, offset committed"
TARGET = 0.5
"""From the design's figures: half of the bare loop's rate."""


async def run(bootstrap: str, *, records: int = 60_000, rounds: int = 3) -> IngestReport:
    """Fill a topic of its own with `records` alerts, then read it by turns both ways.

    Raises:
        BenchError: the broker can't be reached or stopped answering.
    """
    topic = f"{TOPIC}-{time.time_ns()}"
    size = await _fill(bootstrap, topic, records)
    bare: list[float] = []
    ours: list[float] = []
    last: _Ingested | None = None
    for number in range(rounds):
        bare.append(records / await _bare_loop(bootstrap, topic, records))
        last = await _watchfloor(bootstrap, topic, records, group=f"bench-{topic}-{number}")
        ours.append(records / last.seconds)
    assert last is not None  # noqa: S101  # rounds is at least 1
    peer, mine = statistics.median(bare), statistics.median(ours)
    return IngestReport(
        bench="ingest",
        records=records,
        record_bytes=size,
        rounds=rounds,
        peer=PEER,
        peer_per_s=round(peer),
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
    )


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
        sent = []
        for data in suricata_alerts(records):
            total += len(data)
            sent.append(await producer.send(topic, data, partition=0))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return total // records


async def _bare_loop(bootstrap: str, topic: str, records: int) -> float:
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
            batches = await consumer.getmany(timeout_ms=200, max_records=1000)
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


class _Ingested(msgspec.Struct, frozen=True):
    seconds: float
    stored: int
    duplicates: int
    ingest_p99_ms: float
    route_p99_ms: float


async def _watchfloor(bootstrap: str, topic: str, records: int, *, group: str) -> _Ingested:
    """The product's own source, ingest stage and journal; the lanes behind them take the jobs and rest."""
    clock, stages = SystemClock(), StageTimes()
    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        journal = Journal(Path(folder) / "journal.db")
        await asyncio.to_thread(journal.open)
        ingest = Ingest(journal, Router(Settings()), stages, clock, deliver=lambda _jobs: None)
        source = open_source(f"kafka://{bootstrap}/{topic}?group={group}", clock=clock)
        ingest.register(source.name, Parser())
        reading = asyncio.create_task(source.run(ingest))
        try:
            await _until(lambda: ingest.totals.records > 0, reading)
            started, first = time.perf_counter(), ingest.totals.records
            await _until(lambda: ingest.totals.records >= records, reading)
            seconds = time.perf_counter() - started
            # Offsets are committed every second along the way; the last ones must follow, too.
            await _until(lambda: source.status().caught_up, reading)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await asyncio.to_thread(journal.close)
        totals = ingest.totals
        views = {view.name: view for view in stages.views(clock.mono())}
        return _Ingested(
            seconds * records / max(1, records - first),
            totals.alerts,
            totals.duplicates,
            views["ingest"].work_p99_ms or 0.0,
            views["route"].work_p99_ms or 0.0,
        )


async def _until(true: Callable[[], bool], reading: "asyncio.Task[None]") -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while not true():
        if reading.done():
            reading.result()
        if time.monotonic() > give_up:
            raise BenchError("the source stopped delivering")
        await asyncio.sleep(POLL_S)
