"""Whether a call may be paid for: dollars an hour and a day, with a reserve for the critical lane."""

from typing import Protocol

from backend.analysis.ledger import Ledger
from backend.api import CostView


class Allowance(Protocol):
    """What the ladder asks before each call."""

    def allows(self, lane: str, estimate_usd: float) -> tuple[bool, str]:
        """Whether the call may be made, and if not, why."""
        ...


class Budget:
    """Limits laid over a ledger. Calls still out count at their estimate, so they cannot overrun it together.

    A limit of None is no limit. What is over is at most the error of one call's estimate.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        usd_per_hour: float | None = None,
        usd_per_day: float | None = None,
        reserve_for_critical: float = 0.3,
    ) -> None:
        self._ledger = ledger
        self._hour = usd_per_hour
        self._day = usd_per_day
        self._reserve = min(max(reserve_for_critical, 0.0), 1.0)

    def allows(self, lane: str, estimate_usd: float) -> tuple[bool, str]:
        """Whether a call of about `estimate_usd` may be made for `lane` now; if not, why, in words.

        Local models cost nothing and are always allowed.
        """
        if estimate_usd <= 0:
            return True, ""
        share = 1.0 if lane == "critical" else 1.0 - self._reserve
        for limit, spent, name in (
            (self._hour, self._ledger.usd_this_hour, "hour"),
            (self._day, self._ledger.usd_today, "day"),
        ):
            if limit is not None and spent + estimate_usd > limit * share:
                kept = "" if lane == "critical" else f", {self._reserve:.0%} of it kept for critical"
                return False, f"the {name}'s budget is spent: ${spent:.2f} of ${limit:.2f}{kept}"
        return True, ""

    def note(self) -> str:
        """What the budget is doing just now, in words; empty while it does nothing."""
        for limit, spent, name in (
            (self._day, self._ledger.usd_today, "day"),
            (self._hour, self._ledger.usd_this_hour, "hour"),
        ):
            if limit is None:
                continue
            if spent >= limit:
                return f"the {name}'s budget is spent: the playbook answers"
            if spent >= limit * (1.0 - self._reserve):
                return f"the {name}'s budget is down to the reserve: models answer critical alerts only"
        return ""

    def view(self) -> CostView:
        """The ledger's view with these limits in it."""
        return self._ledger.view(hour_budget_usd=self._hour, day_budget_usd=self._day, note=self.note())
