"""How much of everything a load needs, from measured rates: the figures of docs/scaling.md.

Arithmetic, no simulation: Little's law for slots, rates over capacities for workers. Each rate says where it
was measured; a reader with another machine puts in their own.
"""

import math
from collections.abc import Sequence

import msgspec

from backend.simulation.arrivals import DAY_S, Mix

HOUR_S = 3_600.0


class Rates(msgspec.Struct, frozen=True):
    """What one machine and one model do."""

    ingest_per_s: float = 40_000.0
    """Alerts a worker of two cores reads, routes and journals: `bench ingest` gave 40,000 to 55,000; without
    a broker 21 µs of CPU an alert."""
    model_cpu_s: float = 0.0055
    """CPU seconds of an alert that a model analyses, all stages: a simulated run of 1,233, 5.3 ms."""
    folded_cpu_s: float = 0.0005
    """CPU seconds of an alert that a fold stands for, all stages: a simulated run of 29,973, 429 of them
    analysed."""
    raw_cpu_s: float = 54e-6
    """CPU seconds of a raw line, parsed and mined: `backend.bench.patterns`, 500,000 lines."""
    journal_bytes: float = 1_300.0
    """Of an alert with its raw record of 927 bytes and its row: a journal of 40,000."""
    answer_s: float = 2.0
    """Of a model, from request to the end."""
    input_tokens: float = 1_085.0
    """Of a request, and …"""
    output_tokens: float = 150.0
    """… of its answer: mean of the simulated calls. Real alerts with more evidence come to twice that."""
    best_usd: tuple[float, float] = (3.0, 15.0)
    """Dollars per million input and output tokens of the model for critical and high …"""
    fast_usd: tuple[float, float] = (1.0, 5.0)
    """… and of that for the lanes below."""
    headroom: float = 0.5
    """Share of a worker's or a slot's capacity that is planned with: restarts, rebalances need the rest."""
    peak: float = 20.0
    """The worst minutes over the day's mean: a burst as in the simulated day."""
    medium_per_call: float = 7.5
    """Medium alerts that share one request of at most 8: a simulated run at 10 a second. At lower rates fewer
    do; one alone costs what a call costs."""
    batch_s: float = 8.9
    """Of an answer to such a request."""
    batch_tokens: tuple[float, float] = (2_815.0, 845.0)
    """Input and output of such a request."""
    kinds: float = 2.0
    """Kinds of source (inner, outer) by which a rule's low alerts fold apart."""
    samples: tuple[int, ...] = (1, 10, 100)
    """Members of a fold that are analysed, by their number (`backend.pipeline.folds`), once an hour."""

    def usd_per_call(self, price: tuple[float, float]) -> float:
        """Dollars of one call."""
        return (self.input_tokens * price[0] + self.output_tokens * price[1]) / 1e6

    @property
    def usd_per_batch(self) -> float:
        """Dollars of one request for several medium alerts."""
        return (self.batch_tokens[0] * self.fast_usd[0] + self.batch_tokens[1] * self.fast_usd[1]) / 1e6


class Plan(msgspec.Struct, frozen=True):
    """What a load needs."""

    per_day: float
    per_s: float
    peak_per_s: float
    workers: int
    """Processes of two cores, one consumer group."""
    partitions: int
    """Of the topic: twice the workers, so that one more can take a share."""
    cores: float
    """CPU kept busy in the mean: ingest, analyses and folds."""
    slots: int
    """Model calls at once that critical and high need at their peak and the other lanes in the mean."""
    calls_per_day: float
    usd_per_day: float
    usd_best_for_all: float
    """Every alert to the best model."""
    journal_gb_per_day: float
    pressing_per_day: float
    """Critical and high alerts: what people look at."""


def plan(per_day: float, mix: Mix | None = None, rates: Rates | None = None) -> Plan:
    """What `per_day` alerts need.

    Slots: calls a second times seconds a call (Little), over the share planned with, and the one that is kept
    for critical. Workers: the CPU of the worst minutes over what one has.
    """
    mix, rates = mix or Mix(), rates or Rates()
    per_s = per_day / DAY_S
    peak = per_s * rates.peak
    pressing = (mix.critical + mix.high) * per_s
    medium_alerts = mix.medium * per_s
    medium = medium_alerts / rates.medium_per_call
    low_alerts = (1 - mix.critical - mix.high - mix.medium) * per_s
    low = low_calls_per_s(low_alerts, mix, rates)
    calls = pressing + medium + low
    in_flight = (pressing * rates.peak + low) * rates.answer_s + medium * rates.batch_s
    ingest_cpu = 2 / rates.ingest_per_s
    per_alert = (pressing + medium_alerts + low) * rates.model_cpu_s + low_alerts * rates.folded_cpu_s
    cores = per_s * ingest_cpu + per_alert
    peak_cores = rates.peak * cores
    workers = max(1, math.ceil(peak_cores / (2 * rates.headroom)))
    best, fast = rates.usd_per_call(rates.best_usd), rates.usd_per_call(rates.fast_usd)
    return Plan(
        per_day=per_day,
        per_s=per_s,
        peak_per_s=peak,
        workers=workers,
        partitions=2 * workers,
        cores=cores,
        slots=math.ceil(in_flight / rates.headroom) + 1,
        calls_per_day=calls * DAY_S,
        usd_per_day=(pressing * best + medium * rates.usd_per_batch + low * fast) * DAY_S,
        usd_best_for_all=per_day * best,
        journal_gb_per_day=per_day * rates.journal_bytes / 1e9,
        pressing_per_day=pressing * DAY_S,
    )


def low_calls_per_s(low_per_s: float, mix: Mix, rates: Rates) -> float:
    """Model calls that the low lane's folds take: for each rule and kind of source, once an hour, a sample.

    A fold of n expected members has its k-th analysed with the chance that k or more come (Poisson, k = 1) or
    where n is k or more; so it grows with the rules that fire, not with the alerts.
    """
    weights = [(number + 1) ** -mix.rule_skew for number in range(mix.rules)]
    total = sum(weights)
    calls = 0.0
    for weight in weights:
        members = low_per_s * HOUR_S * weight / total / rates.kinds
        for place in rates.samples:
            some = -math.expm1(-members) if place == 1 else float(members >= place)
            calls += some * rates.kinds
    return calls / HOUR_S


class Edge(msgspec.Struct, frozen=True):
    """Raw lines at the edge, before anything is an alert."""

    lines_per_s: float
    cores: int
    """That mine them, beside the sensors."""
    findings_per_day: float
    """Alerts that leave the edge: matches of rules, and new and surging patterns."""
    centre: Plan
    """What those need."""


def edge(lines_per_s: float, *, matched: float = 1e-5, per_core_hour: float = 60.0) -> Edge:
    """What `lines_per_s` raw lines need where they arise.

    `matched` of them match a Sigma rule; every miner raises at most `per_core_hour` findings an hour
    (`[patterns] max_alerts_per_hour`); the rest is counted there and never leaves.
    """
    rates = Rates()
    cores = math.ceil(lines_per_s * rates.raw_cpu_s / rates.headroom)
    findings = lines_per_s * matched * DAY_S + cores * per_core_hour * 24
    return Edge(lines_per_s, cores, findings, plan(findings))


SIZES: tuple[float, ...] = (10_000.0, 1_000_000.0, 100_000_000.0)


def scaling_table(sizes: Sequence[float] = SIZES) -> list[str]:
    """The table of docs/scaling.md, as Markdown."""
    plans = [plan(size) for size in sizes]
    at_edge = edge(1e6)
    columns = [*plans, at_edge.centre]
    names = [f"{one.per_day:,.0f} a day" for one in plans]
    rows: list[tuple[str, list[str]]] = [
        ("alerts a second, mean", [f"{one.per_s:,.2f}" for one in columns]),
        ("alerts a second, worst minutes", [f"{one.peak_per_s:,.0f}" for one in columns]),
        ("workers of two cores", [f"{one.workers:,}" for one in columns]),
        ("partitions", [f"{one.partitions:,}" for one in columns]),
        ("cores busy, mean", [f"{one.cores:,.3f}" for one in columns]),
        ("model slots", [f"{one.slots:,}" for one in columns]),
        ("model calls a day", [f"{one.calls_per_day:,.0f}" for one in columns]),
        ("dollars a day", [f"{one.usd_per_day:,.0f}" for one in columns]),
        ("every alert to the best model, dollars a day", [f"{one.usd_best_for_all:,.0f}" for one in columns]),
        ("journal, GB a day", [f"{one.journal_gb_per_day:,.1f}" for one in columns]),
        ("critical and high alerts a day", [f"{one.pressing_per_day:,.0f}" for one in columns]),
        ("miners' cores at the edge", [*("none" for _ in plans), f"{at_edge.cores:,}"]),
    ]
    head = ["", *names, f"1,000,000 raw lines a second ({at_edge.findings_per_day:,.0f} findings a day)"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
