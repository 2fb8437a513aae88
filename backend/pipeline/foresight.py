"""The score of work done early: what of it was opened, seconds saved, and dollars within their share."""

from collections import OrderedDict

import msgspec

from backend.analysis.budget import Allowance
from backend.analysis.entry import CallKind, LedgerEntry
from backend.analysis.ledger import Ledger
from backend.analysis.model import Analysis
from backend.api import SpeculationView
from backend.clock import Clock

KEPT = 512
"""Early analyses whose fate is waited for; beyond it the oldest counts as not opened."""
PATIENCE_S = 1_800.0
"""An alert that was not opened this long after the work on it began counts as not opened."""
MAX_OUT = 4_096
"""Calls that may be out at once, as in the ledger; the oldest beyond it stay at their estimate."""
LEARN = 0.2
"""Weight of the newest call in what calls usually cost: the last ten or so count."""


class _Early(msgspec.Struct):
    """One alert that was worked on before anybody opened it."""

    began: float
    usd: float = 0.0
    bound_usd: float = 0.0
    """The part of it that is out, at its estimate."""
    first_s: float | None = None
    """Seconds from the beginning to the first words; None while they are not known."""


class Foresight:
    """Counts, on the engine's loop, and says whether another call that nobody asked for may be risked.

    At risk is what went into alerts that nobody has opened (yet): what turns out to be waste can so never be
    more than the share of this day's spend that may be at risk.
    """

    def __init__(self, clock: Clock, max_share: float) -> None:
        """`max_share`: largest share of this day's dollars that may be at risk, 0 to 1."""
        self._clock = clock
        self._max_share = max_share
        self._early: OrderedDict[int, _Early] = OrderedDict()
        self._out: OrderedDict[str, float] = OrderedDict()
        self._hits = self._misses = 0
        self._saved_s = 0.0
        self._spent_usd = self._wasted_usd = 0.0
        self._bounds: OrderedDict[str, float] = OrderedDict()
        self._usual_bound_usd = 0.0
        self._usual_share = 1.0
        """Of its estimate, which is a bound several times the price, what a call is billed in the end."""

    def began(self, alert_id: int) -> None:
        """Work on an alert begins that nobody has opened."""
        self._early[alert_id] = _Early(self._clock.mono())
        while len(self._early) > KEPT:
            self.missed(next(iter(self._early)))

    def answered(self, alert_id: int, analysis: Analysis) -> None:
        """The analysis of an alert is there; where it was begun early, when its first words came."""
        early = self._early.get(alert_id)
        if early is not None:
            after_first_s = max(0.0, analysis.analyse_ms - analysis.first_token_ms) / 1000
            early.first_s = max(0.0, self._clock.mono() - early.began - after_first_s)

    def opened(self, alert_id: int) -> None:
        """Somebody opens an alert: a hit where work on it had begun. Saved: what passed of the first wait."""
        early = self._early.pop(alert_id, None)
        if early is None:
            return
        self._hits += 1
        passed = self._clock.mono() - early.began
        self._saved_s += passed if early.first_s is None else min(passed, early.first_s)

    def missed(self, alert_id: int) -> None:
        """An alert that was worked on early will not be opened, or the work on it was broken off."""
        early = self._early.pop(alert_id, None)
        if early is not None:
            self._misses += 1
            self._wasted_usd += early.usd

    def forget(self, alert_id: int) -> None:
        """Nothing was done after all: no call could be made."""
        early = self._early.get(alert_id)
        if early is not None and early.usd:
            self.missed(alert_id)
        else:
            self._early.pop(alert_id, None)

    def waiting(self) -> tuple[int, ...]:
        """Alerts that were worked on early and whose fate is open. Those past their time are missed first."""
        now = self._clock.mono()
        while self._early:
            alert_id, oldest = next(iter(self._early.items()))
            if now - oldest.began < PATIENCE_S:
                break
            self.missed(alert_id)
        return tuple(self._early)

    def booked(self, entry: LedgerEntry) -> None:
        """A call was entered in the ledger, or has settled; only those that nobody asked for count here.

        From the others that are like them it is learnt what a call is billed.
        """
        if entry.used or entry.kind not in ("analysis", "speculation"):
            return
        self._learn(entry)
        if entry.kind != "speculation":
            return
        out = self._out.get(entry.id, 0.0)
        change = entry.usd - self._out.pop(entry.id, 0.0)
        if not entry.settled:
            self._out[entry.id] = entry.usd
            if len(self._out) > MAX_OUT:
                self._out.popitem(last=False)
        self._spent_usd += change
        early = self._early.get(entry.alert_id)
        if early is not None:
            early.usd += change
            early.bound_usd += -out if entry.settled else entry.usd

    def _learn(self, entry: LedgerEntry) -> None:
        if not entry.settled:
            self._bounds[entry.id] = entry.usd
            if len(self._bounds) > MAX_OUT:
                self._bounds.popitem(last=False)
            return
        bound = self._bounds.pop(entry.id, 0.0)
        if bound > 0 and entry.outcome == "complete":
            first = not self._usual_bound_usd
            self._usual_bound_usd += (1.0 if first else LEARN) * (bound - self._usual_bound_usd)
            share = min(1.0, entry.usd / bound)
            self._usual_share += (1.0 if first else LEARN) * (share - self._usual_share)

    def has_room(self, estimate_usd: float, today_usd: float) -> bool:
        """Whether a call with this estimate keeps what is at risk within its share; a free one does.

        Estimates count as far as they are usually billed: at their full height, three or four calls would
        keep a share from being used at all.
        """
        unbilled = 1.0 - self._usual_share
        early = sum(one.usd - one.bound_usd * unbilled for one in self._early.values())
        at_risk = self._wasted_usd + early + estimate_usd * self._usual_share
        return estimate_usd <= 0 or at_risk <= self._max_share * today_usd

    def may_risk(self, today_usd: float) -> bool:
        """The same for a call of the usual price; yes while none is known."""
        return self.has_room(self._usual_bound_usd, today_usd)

    def view(self, running: int) -> SpeculationView:
        """The score for a snapshot."""
        return SpeculationView(
            running=running,
            hits=self._hits,
            misses=self._misses,
            saved_s=round(self._saved_s, 1),
            spent_usd=self._spent_usd,
            wasted_usd=self._wasted_usd,
        )


class SpareAllowance:
    """What a call nobody asked for may cost: inside its share, and never from the reserve for critical."""

    def __init__(self, budget: Allowance, foresight: Foresight, ledger: Ledger) -> None:
        """Lay the share of what `ledger` says was spent over `budget`."""
        self._budget = budget
        self._ledger = ledger
        self._foresight = foresight

    def allows(
        self, lane: str, estimate_usd: float, *, model: str = "", kind: CallKind = "speculation"
    ) -> tuple[bool, str]:
        """Whether the call may be made, and if not, why."""
        if not self._foresight.has_room(estimate_usd, self._ledger.usd_today):
            return False, "the share for calls nobody asked for is spent"
        lane = "high" if lane == "critical" else lane
        return self._budget.allows(lane, estimate_usd, model=model, kind=kind)


class LateAllowance:
    """What a call may cost that makes up for a stand-in's verdict: as any other, but never from the reserve.

    The reserve is for critical alerts that have no verdict yet; those made up for have one.
    """

    def __init__(self, budget: Allowance) -> None:
        """Ask `budget`."""
        self._budget = budget

    def allows(
        self, lane: str, estimate_usd: float, *, model: str = "", kind: CallKind = "analysis"
    ) -> tuple[bool, str]:
        """Whether the call may be made, and if not, why."""
        lane = "high" if lane == "critical" else lane
        return self._budget.allows(lane, estimate_usd, model=model, kind=kind)
