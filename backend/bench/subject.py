"""The product's own ingest, measured: its Kafka source, parsers, router, journal; the lanes behind rest."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from backend.alerts.recognise import Parser
from backend.bench.report import BenchError
from backend.clock import SystemClock
from backend.journal.store import Journal
from backend.pipeline.ingest import Ingest
from backend.pipeline.job import Job
from backend.pipeline.route import Router
from backend.settings import Settings
from backend.sources.base import Source
from backend.sources.registry import open_source
from backend.telemetry.histogram import Histogram
from backend.telemetry.stages import StageTimes

POLL_S = 0.01
GIVE_UP_S = 300.0
SETTLE_S = 2.0
"""Latency is counted from here on: joining and the first fetches are no steady state."""


class Drained(msgspec.Struct, frozen=True):
    """A topic read to its end."""

    seconds: float
    stored: int
    duplicates: int
    ingest_p99_ms: float
    route_p99_ms: float
    rss_start_mb: float
    """Resident memory when the first tenth was stored …"""
    rss_end_mb: float
    """… and at the end."""


class _Running(msgspec.Struct):
    ingest: Ingest
    source: Source
    stages: StageTimes
    clock: SystemClock
    reading: "asyncio.Task[None]"


@contextlib.asynccontextmanager
async def _running(uri: str, deliver: Callable[[list[Job]], None]) -> AsyncIterator[_Running]:
    clock, stages = SystemClock(), StageTimes()
    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        journal = Journal(Path(folder) / "journal.db")
        await asyncio.to_thread(journal.open)
        ingest = Ingest(journal, Router(Settings()), stages, clock, deliver=deliver)
        source = open_source(uri, clock=clock)
        ingest.register(source.name, Parser())
        reading = asyncio.create_task(source.run(ingest))
        try:
            yield _Running(ingest, source, stages, clock, reading)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await asyncio.to_thread(journal.close)


async def drain(bootstrap: str, topic: str, records: int, *, group: str) -> Drained:
    """Read a topic that holds `records` alerts to its end.

    Raises:
        BenchError: they did not come.
    """
    async with _running(f"kafka://{bootstrap}/{topic}?group={group}", lambda _jobs: None) as run:
        totals = run.ingest.totals
        await _until(lambda: totals.records > 0, run.reading)
        started, first = time.perf_counter(), totals.records
        await _until(lambda: totals.records >= records // 10, run.reading)
        rss_start = rss_mb()
        await _until(lambda: totals.records >= records, run.reading)
        seconds = time.perf_counter() - started
        rss_end = rss_mb()
        # Offsets are committed every second along the way; the last ones must follow, too.
        await _until(lambda: run.source.status().caught_up, run.reading)
        views = {view.name: view for view in run.stages.views(run.clock.mono())}
        return Drained(
            seconds=seconds * records / max(1, records - first),
            stored=totals.alerts,
            duplicates=totals.duplicates,
            ingest_p99_ms=views["ingest"].work_p99_ms or 0.0,
            route_p99_ms=views["route"].work_p99_ms or 0.0,
            rss_start_mb=rss_start,
            rss_end_mb=rss_end,
        )


async def latency(bootstrap: str, topic: str, *, rate: int, seconds: float) -> Histogram:
    """Milliseconds from the moment an alert is sent to the commit that holds it, at `rate` a second."""
    histogram = Histogram()
    counted_from = time.monotonic() + seconds + GIVE_UP_S
    clock = SystemClock()

    def committed(jobs: list[Job]) -> None:
        if time.monotonic() >= counted_from:
            now = clock.wall_ms()
            for job in jobs:
                histogram.record(max(0.0, now - job.head.time_ms))

    async with _running(f"kafka://{bootstrap}/{topic}?group=latency-{topic}", committed) as run:
        await _until(lambda: run.source.status().state in ("live", "lagging"), run.reading)
        counted_from = time.monotonic() + SETTLE_S
        arguments = ("-m", "backend.bench.load", bootstrap, topic, str(rate), str(seconds + SETTLE_S))
        producer = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        try:
            await producer.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                producer.kill()
        await _until(lambda: run.source.status().caught_up, run.reading)
    return histogram


def rss_mb() -> float:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


async def _until(true: Callable[[], bool], reading: "asyncio.Task[None]") -> None:
    give_up = time.monotonic() + GIVE_UP_S
    while not true():
        if reading.done():
            reading.result()
        if time.monotonic() > give_up:
            raise BenchError("the source stopped delivering")
        await asyncio.sleep(POLL_S)
