"""What `watchfloor bench storm` plays, and what must hold in each play."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from backend.lanes import LANE_SLA_S
from backend.simulation.arrivals import Arrival, Mix, Segment, arrivals, day_segments, storm_segments
from backend.simulation.fifo import Served, play_fifo
from backend.simulation.report import (
    BY_MODEL,
    Check,
    LaneFigures,
    StormReport,
    digest,
    doubled,
    lane_figures,
    lanes_seen,
    naive_figures,
)
from backend.simulation.script import Outage, Script, Squeeze
from backend.simulation.world import Played, World, play

TWO_SECONDS = Script()
"""A model of 2 s with 8 slots: 4 answers a second."""
FAST = Script(first_token_s=0.3, tokens_per_s=150.0, usd_per_mtok_input=1.0, usd_per_mtok_output=5.0)
MINUTE = 60.0
FIRST_LOW = 3_000
"""Low alerts that lie there before the first critical one comes."""

Judge = Callable[[Played, dict[str, LaneFigures]], list[Check]]


class Scenario(msgspec.Struct, frozen=True):
    """One play."""

    name: str
    what: str
    world: World
    segments: tuple[Segment, ...]
    judge: Judge
    naive: bool = False
    """Played once more under first in, first out with the first of its models."""

    def comes(self) -> list[Arrival]:
        """Its arrivals."""
        return list(arrivals(self.segments, self.world.seed))


def run_scenario(scenario: Scenario) -> StormReport:
    """Play it and judge it."""
    began = time.process_time()
    coming = scenario.comes()
    played = play(scenario.world, coming)
    served: tuple[Served, ...] = ()
    if scenario.naive:
        served = tuple(play_fifo(next(iter(scenario.world.scripts.values())), coming, scenario.world.seed))
    lanes = {lane: lane_figures(played, lane) for lane in lanes_seen(played)}
    again, wrong = doubled(played.told)
    verdicts = len(played.told) - again - wrong
    came = sum(played.came.values())
    counted = played.stored - played.open - verdicts
    folded = sum(one.kind == "aggregate" for one in played.told)
    checks = scenario.judge(played, lanes)
    accounted = came == played.stored == verdicts + counted and not played.open and not wrong
    return StormReport(
        bench="storm",
        scenario=scenario.name,
        what=scenario.what,
        seed=scenario.world.seed,
        came=came,
        verdicts=verdicts,
        folded=folded,
        counted=counted,
        open=played.open,
        again=again,
        accounted=accounted,
        calls=len(played.calls),
        calls_by_kind=dict(sorted(Counter(str(call.kind) for call in played.calls).items())),
        turned_away=sum(model.turned_away for model in played.models.values()),
        usd=round(sum(call.usd for call in played.calls), 4),
        preempted=played.preempted,
        lanes=tuple(lanes.values()),
        naive=tuple(naive_figures(served, lane, LANE_SLA_S[lane]) for lane in lanes) if served else (),
        checks=tuple(checks),
        virtual_s=round(played.ended_s, 1),
        cpu_s=round(time.process_time() - began, 2),
        digest=digest(played),
        met=accounted and all(check.met for check in checks),
    )


def scenarios(seed: int = 1) -> tuple[Scenario, ...]:
    """All of them, in the order they are played."""
    alone = World({"best": TWO_SECONDS}, seed=seed)
    all_low = Mix(critical=0.0, high=0.0, medium=0.0, entities=FIRST_LOW, entity_skew=0.0)
    return (
        Scenario(
            "100x storm",
            "20/s, 2,000/s for 60 s, 20/s; 0.1 % critical, 0.5 % high; one model of 2 s with 8 slots",
            alone,
            storm_segments(Mix()),
            _storm,
            naive=True,
        ),
        Scenario(
            "100x storm, 1 % critical",
            "the same with 20 criticals a second against a model that answers 4",
            alone,
            storm_segments(Mix(critical=0.01)),
            _beyond,
            naive=True,
        ),
        Scenario(
            "queue full of low",
            f"{FIRST_LOW:,} low alerts lie there; then a critical one comes every few seconds",
            alone,
            (Segment(10.0, FIRST_LOW / 10, all_low), Segment(120.0, 0.25, Mix(critical=1.0))),
            _at_once,
        ),
        Scenario(
            "vendor outage",
            "2/s for 40 min; the best model refuses for 8 min, is silent for 8 later; a fast one beside it",
            msgspec.structs.replace(
                alone,
                scripts={
                    "best": msgspec.structs.replace(
                        TWO_SECONDS,
                        spread=0.3,
                        outages=(
                            Outage(5 * MINUTE, 13 * MINUTE),
                            Outage(20 * MINUTE, 28 * MINUTE, "silence"),
                        ),
                    ),
                    "fast": msgspec.structs.replace(FAST, spread=0.3),
                },
            ),
            (Segment(40 * MINUTE, 2.0, Mix(critical=0.02, high=0.05, medium=0.1)),),
            _outage,
        ),
        Scenario(
            "rate-limit squeeze",
            "1/s for 30 min; the vendor grants 100 requests a minute, for 10 min only 12",
            msgspec.structs.replace(
                alone,
                scripts={
                    "best": msgspec.structs.replace(
                        TWO_SECONDS,
                        spread=0.3,
                        requests_per_minute=100,
                        squeezes=(Squeeze(8 * MINUTE, 18 * MINUTE, 12),),
                    )
                },
            ),
            (Segment(30 * MINUTE, 1.0, Mix(critical=0.02, high=0.05, medium=0.1)),),
            _squeeze,
        ),
        Scenario(
            "a day",
            "10,000 alerts over a weekday with 12 bursts; a best and a fast model with public latencies",
            msgspec.structs.replace(
                alone,
                scripts={
                    "best": msgspec.structs.replace(TWO_SECONDS, spread=0.4, first_token_s=1.0),
                    "fast": msgspec.structs.replace(FAST, spread=0.4),
                },
                chains={"medium": ("fast",), "low": ("fast",), "raw": ("fast",)},
            ),
            day_segments(10_000, Mix(critical=0.002, high=0.01, medium=0.08), seed=seed),
            _day,
        ),
    )


def _storm(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    slots_s = TWO_SECONDS.max_concurrency / TWO_SECONDS.answer_s
    most = int((played.ended_s + MINUTE) * slots_s)
    return [
        _share("critical analysed by the model inside 60 s", lanes["critical"].by_model_in_time, 1.0),
        _share("high analysed by the model inside 5 min", lanes["high"].by_model_in_time, 0.99),
        _share("medium with a verdict inside 15 min", lanes["medium"].in_time, 1.0),
        Check(
            "model calls bounded",
            f"{len(played.calls):,}",
            f"≤ what 8 slots can make, {most:,}",
            len(played.calls) <= most,
        ),
    ]


def _beyond(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    critical = lanes["critical"]
    lower = sum(count for kind, count in critical.kinds.items() if kind not in BY_MODEL)
    able = 60.0 * TWO_SECONDS.max_concurrency / TWO_SECONDS.answer_s
    by_model = sum(critical.kinds.get(kind, 0) for kind in BY_MODEL)
    return [
        _share("critical with a verdict inside 60 s", critical.in_time, 1.0),
        Check(
            "those of a lower rung are marked",
            f"{critical.degraded:,}",
            f"{lower:,}",
            critical.degraded == lower,
        ),
        Check(
            "critical analysed by the model, at its rate",
            f"{by_model:,}",
            f"≥ 90 % of the {able:.0f} it can in the storm's minute",
            by_model >= 0.9 * able,
        ),
        _wasted(played),
    ]


def _at_once(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    starts = _starts(played, "critical")
    worst = max(starts, default=0.0)
    return [
        _share("critical analysed by the model inside 60 s", lanes["critical"].by_model_in_time, 1.0),
        Check("critical at the model after its receipt, worst", f"{worst:.2f} s", "≤ 1 s", worst <= 1.0),
    ]


def _outage(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    share = len(played.calls) / max(1, sum(played.came.values()))
    return [
        _share("critical with a verdict inside 60 s", lanes["critical"].in_time, 1.0),
        _share("critical analysed by a model inside 60 s", lanes["critical"].by_model_in_time, 0.99),
        _share("high with a verdict inside 5 min", lanes["high"].in_time, 0.99),
        Check("calls for each alert", f"{share:.2f}", "≤ 1.1", share <= 1.1),
    ]


def _squeeze(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    asked = sum(model.requests for model in played.models.values())
    refused = sum(model.turned_away for model in played.models.values()) / max(1, asked)
    return [
        _share("critical with a verdict inside 60 s", lanes["critical"].in_time, 1.0),
        _share("high with a verdict inside 5 min", lanes["high"].in_time, 0.99),
        _share("medium with a verdict inside 15 min", lanes["medium"].in_time, 0.99),
        Check("requests turned away", f"{refused:.1%}", "≤ 10 %", refused <= 0.1),
    ]


def _day(played: Played, lanes: dict[str, LaneFigures]) -> list[Check]:
    return [
        _share("critical analysed by a model inside 60 s", lanes["critical"].by_model_in_time, 1.0),
        _share("high analysed by a model inside 5 min", lanes["high"].by_model_in_time, 0.99),
        _share("medium with a verdict inside 15 min", lanes["medium"].in_time, 1.0),
    ]


def _share(what: str, got: float, target: float) -> Check:
    return Check(what, f"{got:.2%}", f"{'≥ ' if target < 1 else ''}{target:.0%}", got >= target)


def _wasted(played: Played) -> Check:
    """Calls that were cut because their lane's time was over: money for nothing."""
    cut = sum(call.outcome == "deadline" for call in played.calls)
    share = cut / max(1, len(played.calls))
    return Check("calls cut by their lane's deadline", f"{share:.1%}", "≤ 5 %", share <= 0.05)


def _starts(played: Played, lane: str) -> Sequence[float]:
    """Seconds from receipt to the first model call, of a lane's alerts that had one."""
    return [
        (played.first_call_ms[one.alert_id] - one.received_ms) / 1000
        for one in played.told
        if one.lane == lane and one.alert_id in played.first_call_ms
    ]
