"""`watchfloor bench cost`: what recorded alerts cost, beside each to the best model, and what of an attack in
them reached an analyst.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from backend.analysis.entry import LedgerEntry
from backend.bench.report import BenchError
from backend.simulation.arrivals import Arrival
from backend.simulation.recall import PhaseRecall, recall_by_phase
from backend.simulation.recorded import Label, Replayed, read_alerts, read_labels, replay
from backend.simulation.report import Check, digest, doubled
from backend.simulation.script import Script
from backend.simulation.world import World

MOST_SHARE = 0.02
"""Of the dollars, and of the calls, that each alert to the best model would cost."""
MODELS = {
    "best": Script(),
    "fast": Script(first_token_s=0.3, tokens_per_s=150.0, usd_per_mtok_input=1.0, usd_per_mtok_output=5.0),
    "small": Script(first_token_s=0.2, tokens_per_s=200.0, usd_per_mtok_input=0.25, usd_per_mtok_output=1.25),
}
"""Three sizes of model, at what cloud vendors ask for a large, a middling and a small one."""
CHAINS = {
    "critical": ("best", "fast"),
    "high": ("best", "fast"),
    "medium": ("fast", "best"),
    "low": ("small", "fast"),
    "raw": ("small",),
}
"""As a configuration has them that names these three models: each lane with one to fall back on."""


class Spent(msgspec.Struct, frozen=True):
    """Calls of one model in one lane."""

    lane: str
    model: str
    kind: str
    calls: int
    usd: float


class CostReport(msgspec.Struct, frozen=True):
    """One replay."""

    bench: str
    """Always `cost`."""
    alerts: int
    lanes: dict[str, int]
    """As they came."""
    verdicts: dict[str, dict[str, int]]
    """By lane and who gave them; those judged again in a promoted fold count twice."""
    promoted: dict[str, int]
    """Folds by why they were promoted."""
    accounted: bool
    """Each alert is stored once and has its verdict."""
    calls: int
    usd: float
    spent: tuple[Spent, ...]
    tokens: tuple[float, float]
    """Input and output of a call about a single alert, in the mean."""
    naive_calls: int
    naive_usd: float
    """Every alert to the best model, at these tokens."""
    usd_share: float
    """Of `naive_usd`."""
    calls_share: float
    """Of `naive_calls`."""
    one_price_share: float
    """Of `naive_usd`, had all calls cost what the best model's do: what sharing alone saves."""
    phases: tuple[PhaseRecall, ...]
    actions: tuple[PhaseRecall, ...]
    checks: tuple[Check, ...]
    virtual_s: float
    cpu_s: float
    digest: str
    met: bool


def bench_cost(alerts: Path | None, labels: Path | None, seed: int = 1) -> CostReport:
    """Play the alerts of a file at their own times and judge what it cost by their labels.

    Raises:
        BenchError: a file is not given, can't be read, or is not what it should be.
    """
    if alerts is None or labels is None:
        raise BenchError(
            "cost needs recorded alerts and their labels: --alerts FILE (JSON, one a line) --labels FILE"
            " (CSV: line,phase,action)"
        )
    world = World(MODELS, CHAINS, seed=seed)
    coming = read_alerts(alerts, world)
    known = read_labels(labels, len(coming))
    began = time.process_time()
    return judged(replay(world, coming), coming, known, cpu_began=began)


def judged(
    replayed: Replayed, coming: Sequence[Arrival], labels: Sequence[Label], *, cpu_began: float
) -> CostReport:
    """The report of a replay. Raises `BenchError` where no call was made that could be compared."""
    played = replayed.played
    again, wrong = doubled(played.told)
    accounted = len(coming) == played.stored == len(played.told) - again and not played.open and not wrong
    tokens = _tokens(replayed)
    best = MODELS["best"]
    naive = len(coming) * _price(best, *tokens)
    usd = sum(call.usd for call in played.calls)
    at_best = sum(_price(best, call.usage.input_tokens, call.usage.output_tokens) for call in played.calls)
    phases, actions = recall_by_phase(replayed, coming, labels)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for told in played.told:
        verdicts[told.lane][told.kind] += 1
    checks = _checks(usd / naive, len(played.calls) / len(coming), phases)
    return CostReport(
        bench="cost",
        alerts=len(coming),
        lanes=dict(Counter(one.lane for one in coming)),
        verdicts={lane: dict(sorted(kinds.items())) for lane, kinds in verdicts.items()},
        promoted=dict(Counter(why.partition(":")[0] for why in replayed.reasons.values()).most_common()),
        accounted=accounted,
        calls=len(played.calls),
        usd=round(usd, 4),
        spent=_spent(played.calls),
        tokens=tokens,
        naive_calls=len(coming),
        naive_usd=round(naive, 2),
        usd_share=usd / naive,
        calls_share=len(played.calls) / len(coming),
        one_price_share=at_best / naive,
        phases=tuple(phases),
        actions=tuple(actions),
        checks=checks,
        virtual_s=round(played.ended_s, 1),
        cpu_s=round(time.process_time() - cpu_began, 2),
        digest=digest(played),
        met=accounted and all(check.met for check in checks),
    )


def cost_lines(report: CostReport) -> list[str]:
    """The report for people."""
    came = ", ".join(f"{count:,} {lane}" for lane, count in report.lanes.items())
    lines = [
        f"cost     {report.alerts:,} alerts ({came}) over {report.virtual_s / 3600:,.1f} h:"
        f" {'all accounted for' if report.accounted else 'NOT ACCOUNTED FOR'}",
        f"  {report.calls:,} model calls, ${report.usd:,.2f}; every alert to the best model:"
        f" {report.naive_calls:,} calls, ${report.naive_usd:,.2f}"
        f" ({report.tokens[0]:,.0f} tokens in and {report.tokens[1]:,.0f} out each)",
        f"  that is {report.usd_share:.2%} of the dollars and {report.calls_share:.2%} of the calls;"
        f" with the best model's prices for all calls {report.one_price_share:.2%} of the dollars",
    ]
    lines += [
        f"  {one.lane:<8} {one.calls:>6,} {one.kind} calls to {one.model}, ${one.usd:,.4f}"
        for one in report.spent
    ]
    for lane, kinds in report.verdicts.items():
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        lines.append(f"  {lane:<8} verdicts: {told}")
    promoted = ", ".join(f"{count:,} {why}" for why, count in report.promoted.items())
    lines.append(f"  folds promoted: {promoted or 'none'}")
    lines += _recall_lines("all that came in its time, by phase", report.phases)
    lines += _recall_lines("what the attack itself raised, by action", report.actions)
    for check in report.checks:
        word = "reached" if check.met else "NOT REACHED"
        lines.append(f"  {check.what}: {check.got}, target {check.target}: {word}")
    lines.append(f"  played in {report.cpu_s:.1f} s of CPU; digest {report.digest}")
    return lines


def _recall_lines(title: str, table: Sequence[PhaseRecall]) -> list[str]:
    if not table:
        return []
    lines = [
        f"  {title}",
        f"  {'':<24}{'alerts':>8}{'c/h/m':>8}{'promoted':>10}{'first after':>13}  by",
    ]
    for one in table:
        after = "NEVER" if one.first_after_s is None else f"{one.first_after_s:,.1f} s"
        lines.append(
            f"  {one.phase or '(no phase)':<24.24}{one.alerts:>8,}{one.in_lanes:>8,}{one.in_promoted:>10,}"
            f"{after:>13}  {one.first_by}"
        )
    return lines


def _checks(usd_share: float, calls_share: float, phases: Sequence[PhaseRecall]) -> tuple[Check, ...]:
    attack = [one for one in phases if one.phase]
    missed = [one.phase for one in attack if not one.reached]
    got = f"{len(attack) - len(missed)} of {len(attack)}" + (f", not {', '.join(missed)}" if missed else "")
    return (
        Check(
            "dollars beside every alert to the best model",
            f"{usd_share:.2%}",
            f"at most {MOST_SHARE:.0%}",
            usd_share <= MOST_SHARE,
        ),
        Check(
            "calls beside it", f"{calls_share:.2%}", f"at most {MOST_SHARE:.0%}", calls_share <= MOST_SHARE
        ),
        Check("attack phases of which an analyst sees an alert", got, f"all {len(attack)}", not missed),
    )


def _tokens(replayed: Replayed) -> tuple[float, float]:
    """What a call about one alert alone takes in and gives out, in the mean of this run's."""
    alone = {told.alert_id for told in replayed.played.told if told.kind == "model"}
    calls = replayed.played.calls
    sizes = [call.usage for call in calls if call.alert_id in alone and call.kind == "analysis"]
    if not sizes:
        raise BenchError("no alert was put to a model by itself: there is nothing to compare with")
    count = len(sizes)
    return (
        sum(size.input_tokens for size in sizes) / count,
        sum(size.output_tokens for size in sizes) / count,
    )


def _price(script: Script, tokens_in: float, tokens_out: float) -> float:
    return (tokens_in * script.usd_per_mtok_input + tokens_out * script.usd_per_mtok_output) / 1e6


def _spent(calls: Sequence[LedgerEntry]) -> tuple[Spent, ...]:
    counts: Counter[tuple[str, str, str]] = Counter()
    usd: dict[tuple[str, str, str], float] = defaultdict(float)
    for call in calls:
        key = (call.lane, call.model.partition(":")[2], str(call.kind))
        counts[key] += 1
        usd[key] += call.usd
    return tuple(Spent(*key, count, round(usd[key], 4)) for key, count in sorted(counts.items()))
