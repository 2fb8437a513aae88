"""What a simulated run came to, lane by lane, and whether everything that came is accounted for."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from backend.lanes import LANES
from backend.simulation.fifo import Served
from backend.simulation.world import Played, Told

BY_MODEL = frozenset({"model", "batch"})
"""Kinds of verdict that a model gave for this very alert."""


class Spread(msgspec.Struct, frozen=True):
    """Seconds: the middle, all but one in a hundred, the worst. None: not within the run."""

    p50: float | None
    p99: float | None
    max: float | None


class LaneFigures(msgspec.Struct, frozen=True):
    """One lane."""

    lane: str
    came: int
    verdicts: int
    kinds: dict[str, int]
    """Verdicts by who gave them: model, batch, cache, aggregate, playbook …"""
    in_time: float
    """Share of verdicts inside the lane's deadline, 0 to 1; 1 where it has none."""
    promoted: int
    """Verdicts on alerts that came in a lower lane."""
    by_model_in_time: float
    """Share of what came, or was promoted here, that a model analysed inside the deadline."""
    degraded: int
    """Verdicts marked as given by a lower rung than planned."""
    waited_s: Spread
    """From receipt until a worker took it up."""
    took_s: Spread
    """From receipt, or the promotion of its fold, to the verdict."""
    deepest: int
    """The most that waited at once."""


class NaiveFigures(msgspec.Struct, frozen=True):
    """The same lane under first in, first out."""

    lane: str
    came: int
    in_time: float
    """Share with a model's verdict inside the lane's deadline."""
    never: int
    """Had no turn within an hour of the last arrival, or no answer."""
    waited_s: Spread


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold."""

    what: str
    got: str
    target: str
    met: bool


class StormReport(msgspec.Struct, frozen=True):
    """One scenario."""

    bench: str
    """Always `storm`."""
    scenario: str
    what: str
    """What happens in it, in one line."""
    seed: int
    came: int
    verdicts: int
    folded: int
    """Of the verdicts, those inherited from a like alert."""
    counted: int
    """Stored and counted without a verdict of their own."""
    open: int
    """Still without a verdict at the end."""
    again: int
    """Judged a second time in medium, because their fold was promoted there."""
    accounted: bool
    """came = verdicts + counted, and none judged twice but those."""
    calls: int
    calls_by_kind: dict[str, int]
    turned_away: int
    """Requests that the vendor refused by its rate limit."""
    usd: float
    preempted: int
    lanes: tuple[LaneFigures, ...]
    naive: tuple[NaiveFigures, ...]
    checks: tuple[Check, ...]
    virtual_s: float
    """From the first arrival to the last verdict."""
    cpu_s: float
    digest: str
    """Of every verdict and call with its time: the same for the same seed."""

    met: bool
    """Whether every check holds and all is accounted for."""


def spread(values: Iterable[float | None]) -> Spread:
    """The spread of `values`, None standing behind all others."""
    ordered = sorted(math.inf if value is None else value for value in values)
    if not ordered:
        return Spread(0.0, 0.0, 0.0)

    def at(share: float) -> float | None:
        value = ordered[max(0, math.ceil(share * len(ordered)) - 1)]
        return None if math.isinf(value) else round(value, 3)

    return Spread(at(0.5), at(0.99), at(1.0))


def lane_figures(played: Played, lane: str) -> LaneFigures:
    """One lane of a run."""
    told = [one for one in played.told if one.lane == lane]
    came = played.came.get(lane, 0)
    by_model = sum(one.in_time for one in told if one.kind in BY_MODEL)
    promoted = max(0, len({one.alert_id for one in told}) - came)
    return LaneFigures(
        lane=lane,
        came=came,
        verdicts=len(told),
        kinds=dict(sorted(Counter(one.kind for one in told).items())),
        in_time=_share(sum(one.in_time for one in told), len(told)),
        promoted=promoted,
        by_model_in_time=_share(by_model, came + promoted),
        degraded=sum(one.degraded for one in told),
        waited_s=spread(one.taken_ms / 1000 for one in told if one.kind != "aggregate"),
        took_s=spread(one.took_s for one in told),
        deepest=played.deepest[lane],
    )


def naive_figures(served: Sequence[Served], lane: str, sla_s: float | None) -> NaiveFigures:
    """The same lane under first in, first out."""
    mine = [one for one in served if one.lane == lane]
    in_time = sum(one.took_s is not None and (sla_s is None or one.took_s <= sla_s) for one in mine)
    return NaiveFigures(
        lane=lane,
        came=len(mine),
        in_time=_share(in_time, len(mine)),
        never=sum(one.took_s is None for one in mine),
        waited_s=spread(one.waited_s for one in mine),
    )


def doubled(told: Sequence[Told]) -> tuple[int, int]:
    """Verdicts beyond an alert's first: because its fold was promoted to medium, and for no good reason."""
    seen: set[tuple[int, str]] = set()
    promoted = wrong = 0
    for one in told:
        if (one.alert_id, one.lane) in seen:
            wrong += 1
        elif one.lane == "medium" and (one.alert_id, "low") in seen:
            promoted += 1
        elif any((one.alert_id, lane) in seen for lane in LANES):
            wrong += 1
        seen.add((one.alert_id, one.lane))
    return promoted, wrong


def digest(played: Played) -> str:
    """Everything that a run decided, in order, in 16 hex digits. Figures of the CPU are left out."""
    hashed = hashlib.blake2b(digest_size=8)
    for one in played.told:
        line = (one.uid, one.lane, one.kind, one.model, one.degraded, one.received_ms, one.verdict_ms)
        hashed.update(repr(line).encode())
    for call in played.calls:
        made = (call.alert_id, call.lane, call.model, call.kind, call.outcome, call.started_ms)
        hashed.update(repr((*made, round(call.usd, 9))).encode())
    return hashed.hexdigest()


def lanes_seen(played: Played) -> list[str]:
    """Lanes in which anything came, in order."""
    return [lane for lane in LANES if played.came.get(lane) or any(one.lane == lane for one in played.told)]


def storm_lines(report: StormReport) -> list[str]:
    """The report for people."""
    lines = [
        f"storm    {report.scenario}: {report.what}",
        f"  in {report.came:,} = {report.verdicts:,} verdicts ({report.folded:,} folded)"
        f" + {report.counted:,} counted + {report.open:,} open, {report.again:,} promoted and judged again:"
        f" {'all accounted for' if report.accounted else 'NOT ACCOUNTED FOR'}",
        f"  {report.calls:,} model calls{_kinds(report.calls_by_kind)},"
        f" {report.turned_away:,} turned away, ${report.usd:,.2f}, {report.preempted:,} streams pre-empted",
        "  lane      came      in time  by model  waited p50/p99/max s     verdict after p50/p99/max s"
        "   verdicts by",
    ]
    lines += [
        f"  {one.lane:<8}{one.came:>8,}  {one.in_time:>9.2%} {one.by_model_in_time:>9.2%}"
        f"  {_spread(one.waited_s):<23}  {_spread(one.took_s):<28}  {_counts(one.kinds)}"
        f"{f'; {one.promoted:,} were promoted' if one.promoted else ''}"
        for one in report.lanes
    ]
    if report.naive:
        lines.append("  first in, first out, same model:")
    lines += [
        f"  {naive.lane:<8}{naive.came:>8,}  {naive.in_time:>9.2%} {'':>9}  {_spread(naive.waited_s):<23}"
        f"  {naive.never:,} had no turn within the hour"
        for naive in report.naive
    ]
    for check in report.checks:
        word = "reached" if check.met else "NOT REACHED"
        lines.append(f"  {check.what}: {check.got}, target {check.target}: {word}")
    lines.append(
        f"  {report.virtual_s:,.0f} s played in {report.cpu_s:.1f} s of CPU; seed {report.seed}"
        f"{f', digest {report.digest}' if report.digest else ''}"
    )
    return lines


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _kinds(counts: dict[str, int]) -> str:
    return f" ({_counts(counts)})" if counts else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _spread(one: Spread) -> str:
    return "/".join("never" if value is None else f"{value:,.1f}" for value in (one.p50, one.p99, one.max))
