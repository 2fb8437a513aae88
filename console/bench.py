"""`watchfloor bench`: this machine's figures, each beside its peer or limit in the same run."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from backend.engine import (
    BenchError,
    ahead_lines,
    bench_ahead,
    bench_cost,
    bench_guard,
    bench_guard_real,
    bench_ingest,
    bench_patterns,
    bench_storm,
    bench_stream,
    cost_lines,
    guard_lines,
    ingest_lines,
    patterns_lines,
    real_guard_lines,
    scripted_model,
    storm_lines,
    stream_lines,
)
from console.bench_paint import bench_paint, paint_lines
from console.bench_screen import bench_screen, screen_lines
from console.logs import log_to_stderr

FELL_SHORT = 1
STREAMS = 50
"""At once, on one engine."""
LINES_PER_RECORD = 10
"""Raw lines are so much cheaper than alerts that so many more are mined."""


class BenchSizes(msgspec.Struct, frozen=True):
    """What is measured with, and how much."""

    records: int
    """Alerts a round of `ingest` and `screen`, a tenth of the lines of `patterns` …"""
    rounds: int
    """… and rounds of the first two."""
    calls: int
    """Of each side and vendor in `stream`."""
    seconds: float
    """Of each steady part of `stream`."""
    seed: int = 1
    """Of `storm` and `ahead`: the same gives the same course."""
    real: bool = False
    """Of `storm`: a short one in real time."""
    corpus: Path | None = None
    """Of `guard`: a folder of public prompt injections, added to the built-in ones."""
    scale: float = 1.0
    """Of `ahead`: below 1 shortens every time alike."""
    kafka: str | None = None
    """HOST:PORT of the broker of `ingest` and `screen`; a packaged one is started where there is none."""
    alerts: Path | None = None
    """Of `cost`: recorded alerts, one as JSON a line …"""
    labels: Path | None = None
    """… and what each of them belonged to."""
    base_url: str = ""
    """Of `guard`: a server behind the OpenAI wire, to ask a real model instead of the scripted one …"""
    model: str = ""
    """… by this name; empty takes the server's first …"""
    cases: int = 40
    """… in so many cases."""


class Report(Protocol):
    """The figures of one measurement: a `msgspec.Struct`."""

    @property
    def met(self) -> bool:
        """Whether every target was reached."""
        ...


R = TypeVar("R", bound=Report)


class Measured(msgspec.Struct, frozen=True):
    """A report, and its lines for people."""

    report: Report
    lines: list[str]


Bench = Callable[[BenchSizes], Iterator[Measured]]


def _told(report: R, lines_of: Callable[[R], list[str]]) -> Measured:
    return Measured(report, lines_of(report))


def _ingest(sizes: BenchSizes) -> Iterator[Measured]:
    measured = bench_ingest(sizes.kafka, records=sizes.records, rounds=sizes.rounds)
    yield _told(asyncio.run(measured), ingest_lines)


def _stream(sizes: BenchSizes) -> Iterator[Measured]:
    yield from asyncio.run(_tokens(sizes))


async def _tokens(sizes: BenchSizes) -> tuple[Measured, Measured]:
    """The way of a model's tokens: to the transcript, many at once, and to the terminal."""
    async with scripted_model() as model:
        report = await bench_stream(model, calls=sizes.calls, streams=STREAMS, seconds=sizes.seconds)
        paint = await bench_paint(model, seconds=sizes.seconds)
    return _told(report, stream_lines), _told(paint, paint_lines)


def _screen(sizes: BenchSizes) -> Iterator[Measured]:
    measured = bench_screen(sizes.kafka, records=sizes.records, rounds=sizes.rounds)
    yield _told(asyncio.run(measured), screen_lines)


def _storm(sizes: BenchSizes) -> Iterator[Measured]:
    for report in bench_storm(sizes.seed, real=sizes.real):
        yield _told(report, storm_lines)


def _patterns(sizes: BenchSizes) -> Iterator[Measured]:
    yield _told(bench_patterns(LINES_PER_RECORD * sizes.records), patterns_lines)


def _ahead(sizes: BenchSizes) -> Iterator[Measured]:
    for report in asyncio.run(bench_ahead(seed=sizes.seed, scale=sizes.scale)):
        yield _told(report, ahead_lines)


def _cost(sizes: BenchSizes) -> Iterator[Measured]:
    yield _told(bench_cost(sizes.alerts, sizes.labels, sizes.seed), cost_lines)


def _guard(sizes: BenchSizes) -> Iterator[Measured]:
    if sizes.base_url:
        asked = bench_guard_real(sizes.base_url, sizes.model, sizes.cases, sizes.corpus)
        yield _told(asyncio.run(asked), real_guard_lines)
    else:
        yield _told(asyncio.run(bench_guard(sizes.corpus)), guard_lines)


BENCHES: dict[str, Bench] = {
    "ingest": _ingest,
    "stream": _stream,
    "screen": _screen,
    "storm": _storm,
    "patterns": _patterns,
    "guard": _guard,
    "ahead": _ahead,
    "cost": _cost,
}
"""By the name on the command line, in the order of `all`."""
NOT_IN_ALL = frozenset({"ahead", "cost"})
"""What takes longer than a few minutes, or files of the user's, is run by its name."""


def run_bench(what: str, sizes: BenchSizes, *, as_json: bool) -> int:
    """Measure and print; 1 if a target was missed.

    Raises:
        BenchError: it can't be measured here.
    """
    if what != "all" and what not in BENCHES:
        raise BenchError(f"no benchmark '{what}'; known are {', '.join(BENCHES)}, all")
    _check(sizes)
    log_to_stderr()
    met = True
    for name in [name for name in BENCHES if name not in NOT_IN_ALL] if what == "all" else [what]:
        for measured in BENCHES[name](sizes):
            text = msgspec.json.encode(measured.report).decode() if as_json else "\n".join(measured.lines)
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
            met = measured.report.met and met
    return 0 if met else FELL_SHORT


def _check(sizes: BenchSizes) -> None:
    if sizes.records < 1000 or sizes.rounds < 1:
        raise BenchError("--records must be at least 1000 and --rounds at least 1")
    if sizes.calls < 1 or not 1 <= sizes.seconds <= 60:
        raise BenchError("--calls must be at least 1 and --seconds from 1 to 60")
    if not 0.05 <= sizes.scale <= 1:
        raise BenchError("--scale must be from 0.05 to 1")
