"""`watchfloor bench`: this machine's figures, each beside its peer or limit in the same run."""

import asyncio
import sys
from pathlib import Path

import msgspec

from backend.engine import (
    BenchError,
    GuardReport,
    IngestReport,
    StormReport,
    StreamReport,
    bench_guard,
    bench_ingest,
    bench_storm,
    bench_stream,
    guard_lines,
    ingest_lines,
    scripted_model,
    storm_lines,
    stream_lines,
)
from console.bench_paint import PaintReport, bench_paint, paint_lines
from console.bench_screen import ScreenReport, bench_screen, screen_lines
from console.logs import log_to_stderr

FELL_SHORT = 1
KNOWN = ("ingest", "stream", "screen", "storm", "guard", "all")
STREAMS = 50
"""At once, on one engine."""


class BenchSizes(msgspec.Struct, frozen=True):
    """How much is measured."""

    records: int
    """Alerts a round of `ingest` and `screen` …"""
    rounds: int
    """… and their rounds."""
    calls: int
    """Of each side and vendor in `stream`."""
    seconds: float
    """Of each steady part of `stream`."""
    seed: int = 1
    """Of `storm`: the same gives the same course."""
    real: bool = False
    """Of `storm`: a short one in real time."""
    corpus: Path | None = None
    """Of `guard`: a folder of public prompt injections, added to the built-in ones."""


def run_bench(what: str, sizes: BenchSizes, *, kafka: str | None, as_json: bool) -> int:
    """Measure and print; 1 if a target was missed.

    Raises:
        BenchError: it can't be measured here.
    """
    if what not in KNOWN:
        raise BenchError(f"no benchmark '{what}'; known are {', '.join(KNOWN)}")
    if sizes.records < 1000 or sizes.rounds < 1:
        raise BenchError("--records must be at least 1000 and --rounds at least 1")
    if sizes.calls < 1 or not 1 <= sizes.seconds <= 60:
        raise BenchError("--calls must be at least 1 and --seconds from 1 to 60")
    log_to_stderr()
    met = True
    if what in ("ingest", "all"):
        report = asyncio.run(bench_ingest(kafka, records=sizes.records, rounds=sizes.rounds))
        _print(report, ingest_lines(report), as_json)
        met = report.ratio >= report.target_ratio and report.latency_p99_ms <= report.latency_target_ms
    if what in ("stream", "all"):
        met = asyncio.run(_stream(sizes, as_json)) and met
    if what in ("screen", "all"):
        screen = asyncio.run(bench_screen(kafka, records=sizes.records, rounds=sizes.rounds))
        _print(screen, screen_lines(screen), as_json)
        met = met and screen.ratio >= screen.target_ratio
    if what in ("storm", "all"):
        for storm in bench_storm(sizes.seed, real=sizes.real):
            _print(storm, storm_lines(storm), as_json)
            met = met and storm.met
    if what in ("guard", "all"):
        guard = asyncio.run(bench_guard(sizes.corpus))
        _print(guard, guard_lines(guard), as_json)
        met = met and guard.met
    return 0 if met else FELL_SHORT


async def _stream(sizes: BenchSizes, as_json: bool) -> bool:
    """The way of a model's tokens: to the transcript, many at once, and to the terminal."""
    async with scripted_model() as model:
        report = await bench_stream(model, calls=sizes.calls, streams=STREAMS, seconds=sizes.seconds)
        _print(report, stream_lines(report), as_json)
        paint = await bench_paint(model, seconds=sizes.seconds)
        _print(paint, paint_lines(paint), as_json)
    return report.met and paint.met


def _print(
    report: IngestReport | StreamReport | PaintReport | ScreenReport | StormReport | GuardReport,
    lines: list[str],
    as_json: bool,
) -> None:
    text = msgspec.json.encode(report).decode() if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
