"""Looking ahead, measured: how long an analyst waits at an opened alert, with it and without, on the demo.

The analyst is scripted: newest first, down the queue, a rest on each row, then it is opened and, where no
model has looked at it, asked for, and read. The same dice both times.
"""

import asyncio
import contextlib
import random
import statistics
from collections.abc import AsyncIterator

import msgspec

from backend.analysis.model import AttemptStarted, Delta, VerdictReady
from backend.api import Investigate, Look, Row, SetOrder
from backend.bench.paced_vendor import Pace, PacedVendor
from backend.engine import Engine
from backend.settings import ModelConfig, Settings, SourceConfig, SpeculationConfig

LOOK_AFTER_S = 0.3
"""When the console tells that the cursor rests."""
REST_S = (1.0, 2.0)
READ_S = (5.0, 9.0)
BACKLOG_S = 12.0
"""The feed runs this long before the analyst begins."""
USD_PER_MTOK = (3.0, 15.0)
"""Input and output, as mid-size cloud models cost in 2026."""
GIVE_UP_S = 60.0
TARGET_RATIO = 5.0
"""The median wait without, over that with looking ahead."""
TARGET_WASTE = 0.2
"""Of the dollars that were spent."""
POLL_S = 0.005


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """What every scripted analyst's shift comes to."""

    ahead: bool
    waits_s: tuple[float, ...]
    """From opening an alert to the first line of a model's verdict or narrative, one a row, in order."""
    saved_s: float
    usd: float
    """Spent until the shift's end."""
    wasted_usd: float
    """Of what was spent ahead, all that went into alerts not opened by the end, finished or not."""

    @property
    def median_s(self) -> float:
        """The median wait."""
        return statistics.median(self.waits_s)

    @property
    def waste(self) -> float:
        """Wasted dollars as a share of all."""
        return self.wasted_usd / self.usd if self.usd else 0.0

    def sooner(self, without: "Waits") -> float:
        """How many times shorter the median wait is; below the measure's grain it counts as one grain."""
        return without.median_s / max(self.median_s, POLL_S)


class Walk(Waits, frozen=True, kw_only=True):
    """One shift of the scripted analyst."""

    hits: int
    misses: int
    calls: int


class _Shift(msgspec.Struct, frozen=True):
    """What is the same with looking ahead and without."""

    seed: int
    rows: int
    slots: int
    scale: float
    pace: Pace


class SpeculationReport(msgspec.Struct, frozen=True):
    """The same analyst on the same feed, with looking ahead and without."""

    without: Walk
    with_it: Walk
    pace: Pace
    slots: int
    bench: str = "ahead"
    target_ratio: float = TARGET_RATIO
    target_waste: float = TARGET_WASTE

    @property
    def met(self) -> bool:
        """Whether the wait is short enough for what was wasted."""
        return self.ratio >= self.target_ratio and self.with_it.waste <= self.target_waste

    @property
    def ratio(self) -> float:
        """How many times shorter the median wait is."""
        return self.with_it.sooner(self.without)


async def measure(
    *, seed: int = 7, rows: int = 15, slots: int = 4, scale: float = 1.0, pace: Pace | None = None
) -> SpeculationReport:
    """Let the analyst open `rows` alerts, twice. `scale` below 1 shortens every time alike."""
    pace = pace or Pace()
    scaled = Pace(pace.first_token_s * scale, pace.tokens_per_s / scale)
    shift = _Shift(seed, rows, slots, scale, scaled)
    return SpeculationReport(await _walk(shift, ahead=False), await _walk(shift, ahead=True), scaled, slots)


async def _walk(shift: _Shift, *, ahead: bool) -> Walk:
    scale = shift.scale
    dice = random.Random(shift.seed)  # noqa: S311  scenery, never a secret
    async with PacedVendor(shift.pace).serving() as vendor, _engine(vendor, shift, ahead) as engine:
        await asyncio.wrap_future(engine.send(SetOrder("newest")))
        await asyncio.sleep(BACKLOG_S * scale)
        waits: list[float] = []
        current: int | None = None
        while len(waits) < shift.rows:
            row = _next(engine, current)
            if row is None:
                await asyncio.sleep(POLL_S)
                continue
            current = row.id
            rest = dice.uniform(*REST_S) * scale
            await asyncio.sleep(min(rest, LOOK_AFTER_S * scale))
            engine.send(Look(row.id))
            await asyncio.sleep(max(0.0, rest - LOOK_AFTER_S * scale))
            waits.append(await open_and_wait(engine, row.id))
            await asyncio.sleep(dice.uniform(*READ_S) * scale)
            engine.unwatch(row.id)
        snapshot = engine.snapshot
        score = snapshot.speculation
        return Walk(
            ahead=ahead,
            waits_s=tuple(waits),
            hits=score.hits,
            misses=score.misses,
            saved_s=score.saved_s,
            usd=snapshot.cost.usd_today,
            wasted_usd=score.wasted_usd,
            calls=vendor.requests,
        )


@contextlib.asynccontextmanager
async def _engine(vendor: PacedVendor, shift: _Shift, ahead: bool) -> AsyncIterator[Engine]:
    settings = Settings(
        sources=[SourceConfig(uri=f"demo:?seed={shift.seed}")],
        models={"paced": paced_model(vendor, shift.slots)},
        speculation=SpeculationConfig(enabled=ahead),
        demo=True,
    )
    async with running(settings) as engine:
        yield engine


def paced_model(vendor: PacedVendor, slots: int) -> ModelConfig:
    """The vendor's model, priced."""
    dollars_in, dollars_out = USD_PER_MTOK
    return ModelConfig(
        provider="openai",
        model="paced",
        base_url=vendor.base_url,
        max_concurrency=slots,
        usd_per_mtok_input=dollars_in,
        usd_per_mtok_output=dollars_out,
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Engine]:
    """An engine with the scripted analyst at it."""
    settings.ui.actor = "analyst"
    engine = Engine(settings)
    engine.start()
    try:
        await asyncio.to_thread(engine.wait_started)
        yield engine
    finally:
        await asyncio.to_thread(engine.stop)


def _next(engine: Engine, current: int | None) -> Row | None:
    """The row below the one that was opened last; the first one at the start."""
    rows = engine.snapshot.rows
    if current is None:
        return rows[0] if rows else None
    at = next((n for n, row in enumerate(rows) if row.id == current), -1)
    return rows[at + 1] if at + 1 < len(rows) else None


async def open_and_wait(engine: Engine, alert_id: int) -> float:
    """Open an alert and wait for a model's first useful line; asks for it where no model is at it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    engine.watch(alert_id)
    row = next((one for one in engine.snapshot.rows if one.id == alert_id), None)
    by_model = row is not None and row.analysed_by and not row.analysed_by.startswith("playbook:")
    if row is not None and not by_model and row.state not in ("enriching", "analysing"):
        engine.send(Investigate(alert_id))
    while loop.time() - began < GIVE_UP_S:
        if _useful(engine, alert_id):
            break
        await asyncio.sleep(POLL_S)
    return loop.time() - began


def _useful(engine: Engine, alert_id: int) -> bool:
    by_model = False
    for event in engine.transcript(alert_id).events:
        if isinstance(event, AttemptStarted):
            by_model = event.provider != "playbook"
        elif by_model and (
            isinstance(event, VerdictReady) or (isinstance(event, Delta) and event.kind == "narrative")
        ):
            return True
    return False


def speculation_lines(report: SpeculationReport) -> list[str]:
    """The report for people."""
    off, on = report.without, report.with_it
    return [
        f"looking ahead   demo feed, {len(on.waits_s)} alerts opened, {report.slots} slots,"
        f" {report.pace.first_token_s:g} s to first token, {report.pace.tokens_per_s:.3g} tokens/s",
        *(
            f"  {name:<8} median {walk.median_s:6.3f} s to the first useful line, longest"
            f" {max(walk.waits_s):.2f} s; {walk.calls} calls, ${walk.usd:.3f}"
            for name, walk in (("without", off), ("with", on))
        ),
        f"  {report.ratio:.0f} times shorter    target {report.target_ratio:g} with at most"
        f" {report.target_waste:.0%} wasted: {'reached' if report.met else 'not reached'}",
        f"  {on.hits} of {on.hits + on.misses} opened,"
        f" {on.saved_s:.1f} s saved, ${on.wasted_usd:.4f} wasted ({on.waste:.1%} of spend)",
    ]
