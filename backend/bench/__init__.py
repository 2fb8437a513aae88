"""Measuring this machine: every figure beside its peer or limit in the same run, as a ratio."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from backend.bench.alerts import suricata_alerts
from backend.bench.guard_report import GuardReport, guard_lines
from backend.bench.report import BenchError, IngestReport, ingest_lines
from backend.bench.stream_model import ModelAddress, scripted_model
from backend.bench.stream_report import StreamReport, stream_lines

__all__ = [
    "BenchError",
    "GuardReport",
    "IngestReport",
    "ModelAddress",
    "StreamReport",
    "bench_guard",
    "bench_ingest",
    "bench_stream",
    "guard_lines",
    "ingest_lines",
    "packaged_topic",
    "scripted_model",
    "stream_lines",
    "suricata_alerts",
]


async def bench_guard(corpus: Path | None = None) -> GuardReport:
    """Measure what a model that obeys the attacker can do; `corpus` is a folder of public injections.

    Raises:
        BenchError: the folder holds none.
    """
    from backend.bench.guard import run

    return await run(corpus)


async def bench_ingest(kafka: str | None, *, records: int, rounds: int) -> IngestReport:
    """Measure ingest with the broker at `kafka`, or with a packaged one that is started for it.

    Raises:
        BenchError: there is no broker to measure with.
    """
    from backend.bench.broker import packaged_broker
    from backend.bench.ingest import run

    if kafka is not None:
        return await run(kafka, records=records, rounds=rounds)
    async with packaged_broker() as bootstrap:
        return await run(bootstrap, records=records, rounds=rounds)


@contextlib.asynccontextmanager
async def packaged_topic(kafka: str | None, records: int) -> AsyncIterator[tuple[str, str]]:
    """A topic that holds `records` alerts, on the broker at `kafka` or a packaged one: its address and name.

    Raises:
        BenchError: there is no broker to measure with.
    """
    from backend.bench.broker import packaged_broker
    from backend.bench.ingest import filled

    async with contextlib.AsyncExitStack() as stack:
        bootstrap = kafka if kafka is not None else await stack.enter_async_context(packaged_broker())
        yield bootstrap, await filled(bootstrap, records)


async def bench_stream(model: ModelAddress, *, calls: int, streams: int, seconds: float) -> StreamReport:
    """Measure `calls` a side and vendor beside the bare SDKs, then `streams` at once for `seconds`.

    Raises:
        BenchError: an answer did not come through.
    """
    from backend.bench.stream import run

    return await run(model, calls=calls, streams=streams, seconds=seconds)
