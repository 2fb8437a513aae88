"""Measuring this machine: every figure beside its peer or limit in the same run, as a ratio."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from backend.bench.alerts import suricata_alerts
from backend.bench.guard_report import GuardReport, guard_lines
from backend.bench.report import BenchError, IngestReport, ingest_lines
from backend.bench.stream_model import ModelAddress, scripted_model
from backend.bench.stream_report import StreamReport, stream_lines

if TYPE_CHECKING:
    from backend.bench.ahead_priced import PricedReport
    from backend.bench.guard_real import RealGuardReport
    from backend.bench.patterns import PatternsReport
    from backend.bench.speculation import SpeculationReport

__all__ = [
    "BenchError",
    "GuardReport",
    "IngestReport",
    "ModelAddress",
    "StreamReport",
    "ahead_lines",
    "bench_ahead",
    "bench_guard",
    "bench_guard_real",
    "bench_ingest",
    "bench_patterns",
    "bench_stream",
    "guard_lines",
    "ingest_lines",
    "packaged_topic",
    "patterns_lines",
    "real_guard_lines",
    "scripted_model",
    "stream_lines",
    "suricata_alerts",
]


async def bench_ahead(*, seed: int = 7, scale: float = 1.0) -> "tuple[SpeculationReport, PricedReport]":
    """Let a scripted analyst open alerts with looking ahead and without: of the demo feed, then of an outage.

    A quarter of an hour at a `scale` of 1; below it every time is shortened alike: the feed's, the model's
    and the analyst's.
    """
    from backend.bench import ahead_priced, speculation  # they run engines; the engine imports this package

    return (
        await speculation.measure(seed=seed, scale=scale),
        await ahead_priced.measure(seed=seed, scale=scale),
    )


def ahead_lines(report: "SpeculationReport | PricedReport") -> list[str]:
    """One of the two reports for people."""
    from backend.bench.ahead_priced import PricedReport, priced_lines
    from backend.bench.speculation import speculation_lines

    return priced_lines(report) if isinstance(report, PricedReport) else speculation_lines(report)


def bench_patterns(lines: int) -> "PatternsReport":
    """Mine `lines` raw lines in this thread, about a minute of CPU a million."""
    from backend.bench.patterns import run  # drain3 takes a tenth of a second to import

    return run(lines)


def patterns_lines(report: "PatternsReport") -> list[str]:
    """The report for people."""
    from backend.bench.patterns import patterns_lines as lines_of

    return lines_of(report)


async def bench_guard(corpus: Path | None = None) -> GuardReport:
    """Measure what a model that obeys the attacker can do; `corpus` is a folder of public injections.

    Raises:
        BenchError: the folder holds none.
    """
    from backend.bench.guard import run

    return await run(corpus)


async def bench_guard_real(
    base_url: str, model: str, cases: int, corpus: Path | None = None
) -> "RealGuardReport":
    """The same attacks on a real model behind the OpenAI wire; without `model` the server's first one.

    Raises:
        BenchError: the server is not there, has no model, or writes nothing.
    """
    from backend.bench.guard_real import run_real

    return await run_real(base_url, model, cases, corpus)


def real_guard_lines(report: "RealGuardReport") -> list[str]:
    """The report for people."""
    from backend.bench.guard_real import real_guard_lines as lines_of

    return lines_of(report)


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
