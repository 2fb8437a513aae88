"""One run of the whole pipeline under the virtual clock.

Real, the product's very own code: parsing, routing, journal statements (in memory), scheduler, pool, work,
enrichment by history, guardrails, prompts, ladder, races, callers, slots, rates, breakers, budget, ledger,
playbook, folding, board. Simulated: time, the disk's commit time, the network to the models and what stands
behind it (`script`), and the alerts that come (`arrivals`). Not there: sources, sinks, the screen, and the
time that the machine's own computing takes: here work on the CPU takes none. What it takes is measured by
`watchfloor bench ingest` and stands in docs/scaling.md.
"""

import asyncio
import functools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from backend.alerts.model import Record
from backend.alerts.recognise import Parser
from backend.analysis.breaker import Breaker
from backend.analysis.entry import LedgerEntry
from backend.clock import Clock, LoopClock
from backend.lanes import LANE_SLA_S, LANES
from backend.pipeline.models import Models
from backend.pipeline.work import Analysed
from backend.providers.base import Provider
from backend.runtime import Runtime
from backend.settings import LaneConfig, ModelConfig, Settings
from backend.settings_tables import BudgetConfig, SpeculationConfig
from backend.simulation.arrivals import Arrival
from backend.simulation.chance import drawn_from
from backend.simulation.journal import MemoryJournal
from backend.simulation.loop import RESOLUTION_S, run_virtual
from backend.simulation.script import Script, ScriptedModel

SOURCE = "simulated"
BATCH_S = 0.02
"""Arrivals within this come as one batch, as a broker hands them out."""
TICK_S = 1.0
"""How often the lanes are looked at, and those who wait are nudged as the engine does."""
GIVE_UP_S = 6 * 3600.0
"""After the last arrival; what has no verdict by then is counted as open."""


class World(msgspec.Struct, frozen=True):
    """What a run is made of."""

    scripts: Mapping[str, Script]
    """Models by name."""
    chains: Mapping[str, Sequence[str]] = {}
    """Lane to models, best first; a lane that is not here takes every model in order."""
    usd_per_hour: float | None = None
    usd_per_day: float | None = None
    seed: int = 1
    give_up_s: float = GIVE_UP_S


class Told(msgspec.Struct, frozen=True, gc=False):
    """One alert's verdict."""

    alert_id: int
    uid: str
    lane: str
    kind: str
    """model, batch, cache, aggregate, playbook …"""
    model: str
    degraded: bool
    received_ms: int
    taken_ms: float
    """After receipt, when a worker took it up."""
    verdict_ms: int
    """Wall clock."""
    deadline_ms: int
    """Wall clock, 0 where there is none."""

    @property
    def owed_ms(self) -> int:
        """When its lane's time began, wall clock: its receipt, or later, when its fold was promoted there."""
        sla_s = LANE_SLA_S.get(self.lane)
        return self.deadline_ms - int(sla_s * 1000) if self.deadline_ms and sla_s else self.received_ms

    @property
    def took_s(self) -> float:
        """From when it was owed to the verdict."""
        return (self.verdict_ms - self.owed_ms) / 1000

    @property
    def in_time(self) -> bool:
        """Whether its lane's deadline was met."""
        return not self.deadline_ms or self.verdict_ms <= self.deadline_ms


class Played(msgspec.Struct):
    """What came of a run."""

    came: dict[str, int]
    """Alerts that arrived, by lane."""
    told: list[Told]
    calls: list[LedgerEntry]
    """Every call that was sent and settled, in order of settling."""
    first_call_ms: dict[int, int]
    """Alert to the wall clock of its first call."""
    models: dict[str, ScriptedModel]
    deepest: dict[str, int]
    """The most that waited in a lane at once, looked at every `TICK_S`."""
    stored: int
    """Rows in the journal at the end …"""
    open: int
    """… and those of them without a verdict."""
    ended_s: float = 0.0
    """Virtual seconds from the first arrival to the last verdict."""
    preempted: int = 0


class SimulatedModels(Models):
    """Models by script; nothing else of them differs."""

    def __init__(
        self, *args: object, scripts: Mapping[str, Script], seed: int, paced: bool, clock: Clock
    ) -> None:
        """`args` as `Models` has them, behind the clock."""
        self.scripted = {
            name: ScriptedModel(name, script, clock, random.Random(f"{seed}/{name}"))  # noqa: S311 - load
            for name, script in scripts.items()
        }
        settings, sink = args
        super().__init__(cast("Settings", settings), clock, cast("Callable[..., None]", sink), paced=paced)
        for name, model in self._models.items():
            rng = random.Random(f"{seed}/{name}/breaker")  # noqa: S311 - spreads retries
            model.breaker = Breaker(clock, rng=rng)

    def _opened(self, name: str, config: ModelConfig) -> Provider:
        return self.scripted[name]


class SimulatedRuntime(Runtime):
    """The product's runtime, fed by hand."""

    journal_type = MemoryJournal

    def __init__(self, world: World, clock: LoopClock) -> None:
        """Nothing runs before `play`."""

        def models(settings: Settings, _clock: Clock, sink: object, *, paced: bool) -> Models:
            self.scripted = SimulatedModels(
                settings, sink, scripts=world.scripts, seed=world.seed, paced=paced, clock=clock
            )
            return self.scripted

        self.models_type = models
        super().__init__(
            settings_of(world), clock, Path("simulated"), paced=False, on_analysed=self._told, on_dead=None
        )
        self._world = world
        self._coming = asyncio.Event()
        self._parsers = {**self._parsers, SOURCE: Parser(fixed_format="ocsf")}
        self.played = Played({}, [], [], {}, self.scripted.scripted, dict.fromkeys(LANES, 0), 0, 0)

    async def play(self, arrivals: Iterable[Arrival]) -> Played:
        """Open, let everything arrive, work until nothing waits, close."""
        await self.open()
        self._booking.told = (*self._booking.told, self._entered)
        running = asyncio.create_task(self.run())
        watching = asyncio.create_task(self._watch())
        try:
            await self._feed(arrivals)
            deadline = self._clock.mono() + self._world.give_up_s
            while not self.idle and self._clock.mono() < deadline:
                await self._clock.sleep(TICK_S)
            self._count()
        finally:
            for task in (watching, running):
                task.cancel()
            await asyncio.gather(watching, running, return_exceptions=True)
            await self.close()
        return self.played

    async def _feed(self, arrivals: Iterable[Arrival]) -> None:
        batch: list[Arrival] = []
        for arrival in arrivals:
            if batch and arrival.at_s >= batch[0].at_s + BATCH_S:
                await self._put(batch)
                batch = []
            batch.append(arrival)
        if batch:
            await self._put(batch)

    async def _put(self, batch: list[Arrival]) -> None:
        wait = batch[-1].at_s - self._clock.mono()
        if wait > 0:
            await self._clock.sleep(wait)
        now_ms = self._clock.wall_ms()
        came = self.played.came
        first = sum(came.values())
        for arrival in batch:
            came[arrival.lane] = came.get(arrival.lane, 0) + 1
        stored = await self._ingest.put(
            [
                Record(SOURCE, "0", offset, arrival.raw, now_ms, offset + 1)
                for offset, arrival in enumerate(batch, start=first)
            ]
        )
        stored.add_done_callback(lambda _stored: self._coming.set())

    async def _watch(self) -> None:
        deepest = self.played.deepest
        began = self._clock.mono()
        while True:
            if self._scheduler.idle:  # nobody could be nudged: a night passes at once
                self._coming.clear()
                await self._coming.wait()
            passed = self._clock.mono() - began
            ticks = math.floor(passed / TICK_S + RESOLUTION_S * 10)  # a tick that is just due has been
            await self._clock.sleep((ticks + 1) * TICK_S - passed)
            if not self._scheduler.waiting:
                continue
            self._scheduler.nudge()
            for lane in LANES:
                deepest[lane] = max(deepest[lane], self._scheduler.queued(lane))

    def _told(self, one: Analysed) -> None:
        self.played.told.append(told_of(one))

    def _entered(self, entry: LedgerEntry) -> None:
        if not entry.model:
            return
        if entry.settled:
            self.played.calls.append(entry)
        else:
            self.played.first_call_ms.setdefault(entry.alert_id, entry.started_ms)

    def _count(self) -> None:
        assert isinstance(self._journal, MemoryJournal)  # noqa: S101  # `journal_type`
        ask = self._journal.connection.execute
        self.played.stored = ask("select count(*) from alerts").fetchone()[0]
        self.played.open = ask("select count(*) from alerts where state = 0").fetchone()[0]
        self.played.preempted = self._pool.preempted if self._pool is not None else 0
        last = max((one.verdict_ms for one in self.played.told), default=0)
        first = min((one.received_ms for one in self.played.told), default=0)
        self.played.ended_s = (last - first) / 1000


def told_of(one: Analysed) -> Told:
    """What is kept of a verdict."""
    analysis, job = one.result.analysis, one.job
    return Told(
        alert_id=job.alert_id,
        uid=job.head.uid,
        lane=job.lane,
        kind=analysis.kind,
        model=analysis.model,
        degraded=analysis.degraded,
        received_ms=job.received_ms,
        taken_ms=one.result.latency_ms.get("queue", 0.0),
        verdict_ms=one.result.verdict_ms,
        deadline_ms=job.deadline_ms,
    )


def settings_of(world: World) -> Settings:
    """The configuration that a user would write for this world."""
    models = {
        name: ModelConfig(
            provider=cast("None", "scripted"),  # type: ignore[arg-type]  # no vendor's, and never from a file
            model=name,
            base_url="http://localhost",
            max_concurrency=script.max_concurrency,
            requests_per_minute=script.requests_per_minute,
            usd_per_mtok_input=script.usd_per_mtok_input,
            usd_per_mtok_output=script.usd_per_mtok_output,
        )
        for name, script in world.scripts.items()
    }
    return Settings(
        models=models,
        lanes={lane: LaneConfig(models=list(world.chains.get(lane, tuple(world.scripts)))) for lane in LANES},
        budget=BudgetConfig(usd_per_hour=world.usd_per_hour, usd_per_day=world.usd_per_day),
        speculation=SpeculationConfig(enabled=False),
    )


def play(world: World, arrivals: Iterable[Arrival]) -> Played:
    """Run `arrivals` through the pipeline on a virtual clock of its own."""

    async def main() -> Played:
        clock = LoopClock(asyncio.get_running_loop())
        return await SimulatedRuntime(world, clock).play(arrivals)

    with drawn_from(f"{world.seed}/chance"):
        return run_virtual(functools.partial(main))
