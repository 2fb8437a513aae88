"""Looking ahead where it costs money: what is won by it and what is wasted, beside the same without.

A shift with a priced model: some alerts are analysed, then the vendor is down and a backlog of high alerts
gets the playbook's verdict, then it is back while new alerts keep coming. Making up for the outage by itself
is off: what is measured is only what looking ahead does, and each analysis of the backlog has its price. The
scripted analyst goes down the backlog; after a rest on a row it is opened with a chance of 70 %, and the next
one follows, as is foreseen; else the analyst goes on somewhere else. The same dice both times.
"""

import asyncio
import contextlib
import json
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from backend.api import Look
from backend.bench.paced_vendor import Pace, PacedVendor
from backend.bench.report import BenchError
from backend.bench.speculation import (
    LOOK_AFTER_S,
    POLL_S,
    READ_S,
    REST_S,
    TARGET_RATIO,
    TARGET_WASTE,
    Waits,
    open_and_wait,
    paced_model,
    running,
)
from backend.engine import Engine
from backend.settings import LaneConfig, Settings, SourceConfig, SpeculationConfig
from backend.settings_tables import CatchUpConfig

FORESEEN = 0.7
"""How often the row that the cursor rests on is opened and the next one follows."""
MORNING = 40
"""Alerts analysed before the outage: the day's spend, of which what is at risk is a share."""
QUICK = Pace(0.02, 5_000.0)
"""The vendor's pace until the analyst sits down."""
NEW_EVERY_S = 5.0
"""Between two new alerts meanwhile: with answers of some 8 s, one to two slots are in use."""
PATIENCE_S = 120.0
"""For each step before the analyst begins."""


class PricedWalk(Waits, frozen=True, kw_only=True):
    """One shift of the scripted analyst."""

    passed_by: int
    """Rows that the cursor rested on and that were not opened."""
    begun: int
    """Calls made before anybody asked."""
    wanted: int
    """Those of them whose alert was opened."""
    ahead_usd: float

    @property
    def hit_rate(self) -> float:
        """Share of the calls begun early that were wanted."""
        return self.wanted / self.begun if self.begun else 0.0


class PricedReport(msgspec.Struct, frozen=True):
    """The same analyst on the same backlog, with looking ahead and without."""

    without: PricedWalk
    with_it: PricedWalk
    pace: Pace
    slots: int
    bench: str = "ahead_priced"
    foreseen: float = FORESEEN
    target_ratio: float = TARGET_RATIO
    target_waste: float = TARGET_WASTE

    @property
    def met(self) -> bool:
        """Whether the wait is short enough for what was wasted."""
        return self.ratio >= self.target_ratio and self.with_it.waste < self.target_waste

    @property
    def ratio(self) -> float:
        """How many times shorter the median wait is."""
        return self.with_it.sooner(self.without)


class _Shift(msgspec.Struct, frozen=True):
    seed: int
    rows: int
    slots: int
    scale: float
    pace: Pace
    foreseen: float


async def measure(
    *,
    seed: int = 7,
    rows: int = 20,
    slots: int = 4,
    scale: float = 1.0,
    pace: Pace | None = None,
    foreseen: float = FORESEEN,
) -> PricedReport:
    """Let the analyst open `rows` alerts, twice. `scale` below 1 shortens every time alike."""
    pace = pace or Pace()
    scaled = Pace(pace.first_token_s * scale, pace.tokens_per_s / scale)
    shift = _Shift(seed, rows, slots, scale, scaled, foreseen)
    return PricedReport(
        await _walk(shift, ahead=False), await _walk(shift, ahead=True), scaled, slots, foreseen=foreseen
    )


async def _walk(shift: _Shift, *, ahead: bool) -> PricedWalk:
    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        feed = _Feed(Path(folder) / "alerts.json")
        async with PacedVendor(QUICK).serving() as vendor, _engine(vendor, feed, shift, ahead) as engine:
            backlog = await _prepared(engine, vendor, feed, shift)
            coming = asyncio.create_task(feed.keep_coming(NEW_EVERY_S * shift.scale))
            try:
                waits, passed_by = await _work(engine, backlog, shift)
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await _until(lambda: engine.snapshot.speculation.running == 0, "end of the calls made ahead")
            await asyncio.sleep(2 * LOOK_AFTER_S)  # the next snapshots have them booked
            cost, score = engine.snapshot.cost, engine.snapshot.speculation
            return PricedWalk(
                ahead=ahead,
                waits_s=tuple(waits),
                passed_by=passed_by,
                begun=cost.speculation.calls,
                wanted=cost.speculation.used,
                saved_s=score.saved_s,
                usd=cost.usd_today,
                ahead_usd=cost.speculation.usd,
                wasted_usd=max(0.0, cost.speculation.usd - cost.speculation.used_usd),
            )


async def _prepared(engine: Engine, vendor: PacedVendor, feed: "_Feed", shift: _Shift) -> list[int]:
    """A morning's work, an outage with its backlog, and the vendor back; the backlog in the view's order."""
    feed.add("Medium", MORNING)
    await _until(lambda: sum(row.cost_usd > 0 for row in engine.snapshot.rows) == MORNING, "analyses")
    vendor.down = True
    count = 2 * shift.rows
    feed.add("High", count)
    await _until(lambda: len(_judged(engine)) == count, "the playbook's verdicts")
    vendor.down = False
    new = 0
    while engine.snapshot.models[0].state != "ready" or not new:  # a new alert is the breaker's probe
        feed.add("Medium", 1)
        new += 1
        await asyncio.sleep(1.0)
    await _until(lambda: all(row.verdict for row in engine.snapshot.rows), "verdicts")
    vendor.pace = shift.pace
    return _judged(engine)


async def _work(engine: Engine, backlog: list[int], shift: _Shift) -> tuple[list[float], int]:
    """What the analyst does; the waits, and how many rows were passed by."""
    dice, scale = random.Random(shift.seed), shift.scale  # noqa: S311  scenery, never a secret
    left, at = list(backlog), 0
    waits: list[float] = []
    passed_by = 0
    while len(waits) < shift.rows and left:
        at %= len(left)
        alert_id = left.pop(at)  # the next one then has its place
        rest = dice.uniform(*REST_S) * scale
        await asyncio.sleep(min(rest, LOOK_AFTER_S * scale))
        engine.send(Look(alert_id))
        await asyncio.sleep(max(0.0, rest - LOOK_AFTER_S * scale))
        read_s = dice.uniform(*READ_S) * scale
        if dice.random() >= shift.foreseen:
            passed_by += 1
            at = dice.randrange(len(left)) if left else 0
            continue
        waits.append(await open_and_wait(engine, alert_id))
        await asyncio.sleep(read_s)
        engine.unwatch(alert_id)
    return waits, passed_by


def _judged(engine: Engine) -> list[int]:
    """The backlog, as the view has it."""
    return [row.id for row in engine.snapshot.rows if row.lane == "high" and row.verdict]


@contextlib.asynccontextmanager
async def _engine(vendor: PacedVendor, feed: "_Feed", shift: _Shift, ahead: bool) -> AsyncIterator[Engine]:
    settings = Settings(
        sources=[SourceConfig(uri=f"file://{feed.path}?follow=true")],
        models={"paced": paced_model(vendor, shift.slots)},
        lanes={"medium": LaneConfig(mode="each")},
        speculation=SpeculationConfig(enabled=ahead),
        catch_up=CatchUpConfig(enabled=False),
    )
    settings.home = str(feed.path.parent / "home")
    async with running(settings) as engine:
        yield engine


class _Feed:
    """A file that alerts are appended to, each of a rule and a host of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0
        path.touch()

    def add(self, severity: str, count: int) -> None:
        """So many more."""
        lines = []
        for _ in range(count):
            self._number += 1
            one = {
                "id": f"alert-{self._number}",
                "title": f"Rule {self._number} of the bench fired",
                "severity": severity,
                "timestamp": "2026-01-02T03:04:05Z",
                "src_ip": f"198.51.100.{self._number % 250 + 1}",
                "hostname": f"host-{self._number}",
            }
            lines.append(json.dumps(one).encode() + b"\n")
        with self.path.open("ab") as file:
            file.write(b"".join(lines))

    async def keep_coming(self, every_s: float) -> None:
        """One more medium alert, again and again, until cancelled."""
        while True:
            self.add("Medium", 1)
            await asyncio.sleep(every_s)


async def _until(true: Callable[[], object], what: str) -> None:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_S
    while not true():
        if loop.time() > give_up:
            raise BenchError(
                f"ahead: no {what} within {PATIENCE_S:g} s; is the machine busy with other work?"
            )
        await asyncio.sleep(POLL_S)


def priced_lines(report: PricedReport) -> list[str]:
    """The report for people."""
    off, on = report.without, report.with_it
    rows, passed = len(on.waits_s), on.passed_by
    return [
        f"looking ahead   a backlog after an outage, {rows} alerts opened and {passed} passed by"
        f" ({report.foreseen:.0%} are opened as foreseen), {report.slots} slots",
        *(
            f"  {name:<8} first useful line after {walk.median_s:6.3f} s in the median, longest"
            f" {max(walk.waits_s):.2f} s; ${walk.usd:.3f} spent"
            for name, walk in (("without", off), ("with", on))
        ),
        f"  {report.ratio:.0f} times sooner    target {report.target_ratio:g} times"
        f"{'' if report.ratio >= report.target_ratio else ': not reached'}",
        f"  {on.wanted} of {on.begun} calls made ahead were wanted ({on.hit_rate:.0%}),"
        f" {on.saved_s:.1f} s of waiting saved",
        f"  ${on.wasted_usd:.4f} of the ${on.ahead_usd:.4f} spent ahead wasted: {on.waste:.1%} of all spend,"
        f" target below {report.target_waste:.0%}{'' if on.waste < report.target_waste else ': not reached'}",
    ]
