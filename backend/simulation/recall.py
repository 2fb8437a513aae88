"""Who saw what of an attack: for each labelled phase, how many of its alerts reached an analyst, and when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from backend.simulation.arrivals import Arrival
from backend.simulation.recorded import Kept, Label, Replayed

SEEN = frozenset({"critical", "high", "medium"})
"""Lanes whose alerts an analyst goes through one by one."""


class PhaseRecall(msgspec.Struct, frozen=True):
    """One phase."""

    phase: str
    """Its label; empty: no phase, so what of it is seen is what false alarms cost."""
    alerts: int
    in_lanes: int
    """Of these, they came in critical, high or medium …"""
    in_promoted: int
    """… or came in low, in a fold that was promoted."""
    first_after_s: float | None
    """From the phase's first alert until the first of its alerts was before an analyst with its verdict; None
    where none was."""
    first_by: str
    """How that one got there: its lane, or why its fold was promoted."""

    @property
    def reached(self) -> int:
        """Alerts that reached an analyst."""
        return self.in_lanes + self.in_promoted


@dataclass
class _Tally:
    alerts: int = 0
    in_lanes: int = 0
    in_promoted: int = 0
    began_ms: int | None = None
    first: tuple[int, str] | None = field(default=None)

    def add(self, one: Kept, reached: tuple[int, str, bool] | None) -> None:
        self.alerts += 1
        self.began_ms = one.received_ms if self.began_ms is None else min(self.began_ms, one.received_ms)
        if reached is None:
            return
        at_ms, how, promoted = reached
        self.in_lanes += not promoted
        self.in_promoted += promoted
        self.first = min(self.first or (at_ms, how), (at_ms, how))

    def recall(self, phase: str) -> PhaseRecall:
        after = (self.first[0] - (self.began_ms or 0)) / 1000 if self.first is not None else None
        how = self.first[1] if self.first is not None else ""
        return PhaseRecall(phase, self.alerts, self.in_lanes, self.in_promoted, after, how)


def recall_by_phase(
    replayed: Replayed, arrivals: Sequence[Arrival], labels: Sequence[Label]
) -> tuple[list[PhaseRecall], list[PhaseRecall]]:
    """Two tables, each in order of first appearance: by phase, all that came in its time, whatever raised it;
    and by action, only what the attack itself is known to have raised.
    """
    verdicts = _verdicts(replayed)
    leaders = {one.alert_id: one for one in replayed.kept}
    phases: dict[str, _Tally] = defaultdict(_Tally)
    actions: dict[str, _Tally] = defaultdict(_Tally)
    for one in replayed.kept:
        label = labels[one.index]
        reached = _reached(one, arrivals[one.index], leaders, verdicts, replayed.reasons)
        phases[label.phase].add(one, reached)
        if label.action:
            actions[label.action].add(one, reached)
    return _table(phases), _table(actions)


def _table(tallies: Mapping[str, _Tally]) -> list[PhaseRecall]:
    return [tally.recall(phase) for phase, tally in tallies.items()]


def _verdicts(replayed: Replayed) -> dict[tuple[int, str], int]:
    """The first verdict of each alert in each lane, wall clock."""
    verdicts: dict[tuple[int, str], int] = {}
    for told in replayed.played.told:
        verdicts.setdefault((told.alert_id, told.lane), told.verdict_ms)
    return verdicts


def _reached(
    one: Kept,
    arrival: Arrival,
    leaders: Mapping[int, Kept],
    verdicts: Mapping[tuple[int, str], int],
    reasons: Mapping[int, str],
) -> tuple[int, str, bool] | None:
    """When an alert was before an analyst with its verdict, how, and whether by promotion; None: never."""
    if arrival.lane in SEEN:
        at_ms = verdicts.get((one.alert_id, arrival.lane))
        if at_ms is not None:
            return at_ms, arrival.lane, False
    leader = leaders[one.leader or one.alert_id]
    at_ms = verdicts.get((leader.alert_id, leader.lane)) if leader.lane in SEEN else None
    if at_ms is None:
        return None
    promoted = arrival.lane not in SEEN
    how = reasons.get(leader.alert_id, "promoted") if promoted else leader.lane
    return max(at_ms, one.received_ms), how, promoted
