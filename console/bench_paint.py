"""From a token on the model's socket to its place on the terminal, while alerts pour in."""

import asyncio
import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from backend.engine import BenchError, ModelAddress
from console.bench_terminal import BenchTerminal, Marks

SIZE = 200, 60
RATE = 50
ALERTS_PER_S = 2_000
STREAMS = 4
TARGET_MS = 100.0
WARM_UP_S = 5.0
"""Of alerts alone, before the streams begin."""
SETTLE_S = 1.0
"""From the moment that every pane has shown a token: what was caught up on is no steady state."""
WITHIN_S = 30.0
"""For the console to start, and for the streams to come on screen."""
LANES = "critical", "high", "medium", "low", "raw"


class PaintFigures(msgspec.Struct, frozen=True):
    """How long tokens took from the socket to the terminal, milliseconds."""

    what: str
    """What was on screen, in words."""
    streams: int
    """Written at once, each at 50 tokens a second …"""
    shown: int
    """… and of those on screen."""
    sent: int
    """Tokens sent to the streams on screen while it was measured …"""
    painted: int
    """… and those of them that were seen on the terminal."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    alerts_sent_per_s: float
    alerts_stored_per_s: float
    others_cores: float
    """CPU seconds a second that programs outside the measurement took: above 0.5 they explain much of it."""


class PaintReport(msgspec.Struct, frozen=True):
    """The figures of each screen."""

    bench: str
    screens: tuple[PaintFigures, ...]
    target_p95_ms: float = TARGET_MS

    @property
    def met(self) -> bool:
        """Whether every screen was in time, and nothing of what was sent was missed."""
        return all(one.p95_ms <= self.target_p95_ms and one.painted == one.sent for one in self.screens)


class _Run(msgspec.Struct, frozen=True):
    """What one console showed."""

    marks: Marks
    begun: float
    ended: float
    alerts_sent: int
    alerts_stored: int
    others_cpu_s: float


async def bench_paint(model: ModelAddress, *, seconds: float) -> PaintReport:
    """Measure the product's console, then the same with four streams on screen; for `seconds` each.

    Raises:
        BenchError: the console did not start, or showed no token.
    """
    screens = (
        ("the console as it is: one stream in its pane, three more unseen", ("console", "--config"), 1),
        ("the console with three more stream panes at its foot", ("console.bench_panes",), STREAMS),
    )
    figures: list[PaintFigures] = []
    for what, command, shown in screens:
        run = await asyncio.to_thread(_watch, model.url, command, shown, seconds)
        figures.append(_figures(what, run, await model.sent()))
    return PaintReport("time to paint", tuple(figures))


def paint_lines(report: PaintReport) -> list[str]:
    """The report for people."""
    lines: list[str] = []
    for one in report.screens:
        met = one.p95_ms <= report.target_p95_ms and one.painted == one.sent
        lines += [
            f"paint    {one.what}, {SIZE[0]}x{SIZE[1]}",
            f"  load        {one.streams} streams at {RATE} tokens/s;"
            f" {one.alerts_sent_per_s:,.0f} alerts/s sent, {one.alerts_stored_per_s:,.0f}/s stored;"
            f" others used {one.others_cores:.1f} of {os.cpu_count()} cores",
            f"  painted     {one.painted:,} of the {one.sent:,} tokens sent to what is on screen",
            f"  took        p50 {one.p50_ms:.0f} ms, p95 {one.p95_ms:.0f}, p99 {one.p99_ms:.0f}"
            f"    target p95 {report.target_p95_ms:g}: {'reached' if met else 'not reached'}",
        ]
    return lines


def _watch(url: str, command: tuple[str, ...], shown: int, seconds: float) -> _Run:
    """Start a console, warm it up, let the streams begin, and watch them."""
    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        home = Path(folder)
        feed, streams, config = home / "alerts.ndjson", home / "streams.ndjson", home / "watchfloor.toml"
        streams.touch()
        tokens = round((WITHIN_S + 4 * SETTLE_S + seconds) * RATE)
        config.write_text(_config(url, (feed, streams), tokens), encoding="utf-8")
        with BenchTerminal((*command, str(config)), home, feed, size=SIZE, rate=ALERTS_PER_S) as terminal:
            terminal.run_until(lambda: terminal.stored > 0, WITHIN_S, "the console stored no alert")
            terminal.pour()
            terminal.run_for(WARM_UP_S)
            streams.write_bytes(b"".join(_critical(number) for number in range(STREAMS)))
            terminal.run_until(
                lambda: _on_top(terminal, shown), WITHIN_S, f"not all of {shown} streams came on screen"
            )
            terminal.run_for(SETTLE_S)
            stored, alerts, others = terminal.stored, terminal.alerts, terminal.others_cpu_s
            begun = time.monotonic()
            terminal.run_for(seconds)
            ended, others = time.monotonic(), terminal.others_cpu_s - others
            stored, alerts = terminal.stored - stored, terminal.alerts - alerts
            terminal.run_for(SETTLE_S)  # for what was sent last
            return _Run(terminal.marks, begun, ended, alerts, stored, others)


def _on_top(terminal: BenchTerminal, shown: int) -> bool:
    """Whether the streams are on screen; until one is, go to the top of the queue, which the pane follows."""
    if not terminal.streams:
        terminal.run_for(SETTLE_S)
        terminal.press(b"g")
    return len(terminal.streams) >= shown


def _figures(what: str, run: _Run, sent: dict[int, list[float]]) -> PaintFigures:
    shown = {stream for stream, _ in run.marks}
    due = {
        (stream, index): at
        for stream in shown
        for index, at in enumerate(sent.get(stream, ()))
        if run.begun <= at < run.ended
    }
    took = sorted((run.marks[mark] - at) * 1000 for mark, at in due.items() if mark in run.marks)
    if not took:
        raise BenchError("none of the tokens that were sent came on screen")
    seconds = run.ended - run.begun
    return PaintFigures(
        what=what,
        streams=STREAMS,
        shown=len(shown),
        sent=len(due),
        painted=len(took),
        p50_ms=round(_quantile(took, 0.5), 1),
        p95_ms=round(_quantile(took, 0.95), 1),
        p99_ms=round(_quantile(took, 0.99), 1),
        alerts_sent_per_s=round(run.alerts_sent / seconds),
        alerts_stored_per_s=round(run.alerts_stored / seconds),
        others_cores=round(max(0.0, run.others_cpu_s) / seconds, 2),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _config(url: str, feeds: Sequence[Path], tokens: int) -> str:
    """The scripted model answers for the critical lane, the playbook for all others."""
    lanes = "".join(f"[lanes.{lane}]\nmodels = []\n" for lane in LANES[1:])
    sources = "".join(f'[[sources]]\nuri = "file://{feed}?follow=true"\n' for feed in feeds)
    return f"""\
{sources}[models.bench]
provider = "anthropic"
model = "scripted-{tokens}-{RATE}"
base_url = "{url}"
max_tokens = 16384
total_timeout_s = 600
max_concurrency = {STREAMS}
[lanes.critical]
models = ["bench"]
sla_s = 600
{lanes}[speculation]
enabled = false
"""


def _critical(number: int) -> bytes:
    """An alert whose investigation is stream `number`."""
    return (
        msgspec.json.encode(
            {
                "title": f"STREAM-{number:03d} login after many failures",
                "severity": "Critical",
                "rule": f"rule-{number}",
                "src_ip": f"203.0.113.{number}",
                "host": f"web-{number:03d}",
            }
        )
        + b"\n"
    )
