"""Whether a call may be paid for: dollars an hour and a day, tiers that step down, a reserve for critical.

Three things may refuse a call: the hard stop (all of a budget is spent, or all but the reserve), the end of
work nobody asked for, and the step of its lane (`backend.analysis.steps`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from backend.analysis.entry import UNASKED, CallKind
from backend.analysis.forecast import (
    MINUTE_MS,
    WORDS_STEP_MS,
    Outlook,
    Shift,
    clock_time,
    day_outlook,
    hour_outlook,
    in_words,
)
from backend.analysis.ledger import Ledger
from backend.analysis.steps import StepDown
from backend.api import CostView
from backend.providers.base import Usage
from backend.providers.prices import Price, cost_usd

TYPICAL = Usage(2_500, 500)
"""A call as triage makes it (the prompt is about 10,000 characters), to rank models by price."""


class Allowance(Protocol):
    """What is asked before each call."""

    def allows(
        self, lane: str, estimate_usd: float, *, model: str = "", kind: CallKind = "analysis"
    ) -> tuple[bool, str]:
        """Whether `model` (provider:model) may be called for `lane`, at most for `estimate_usd`."""
        ...


class Plan(msgspec.Struct, frozen=True):
    """What a lane's chain costs, as far as the budget goes by it."""

    planned: tuple[str, Price] | None = None
    """The first model, where it costs anything."""
    paid: frozenset[str] = frozenset()
    dearest: frozenset[str] = frozenset()
    """The dearest of those that cost anything, where a cheaper or a local one stands beside them."""
    cheaper_paid: bool = False
    local: bool = False
    """A model that costs nothing is in the chain."""

    @property
    def without_paid(self) -> str:
        """Who answers when no model that costs anything may."""
        return "on local models" if self.local else "on the playbook"


def plan_of(chain: Sequence[tuple[str, Price]]) -> Plan:
    """Sort a chain (provider:model and price, best first) by what its models cost."""
    typical = {model: cost_usd(price, TYPICAL) for model, price in chain}
    paid = {model: usd for model, usd in typical.items() if usd > 0}
    if not paid:
        return Plan(local=bool(chain))
    top = max(paid.values())
    dearest = frozenset(model for model, usd in paid.items() if usd >= top)
    planned = chain[0] if chain[0][0] in paid else None
    return Plan(
        planned,
        frozenset(paid),
        dearest if len(dearest) < len(typical) else frozenset(),
        len(dearest) < len(paid),
        len(paid) < len(typical),
    )


class Budget:
    """Limits laid over a ledger. Calls still out count at their estimate, so they cannot overrun it together.

    A limit of None is no limit. What is over is at most the error of the estimates, which are bounds
    (`backend.analysis.estimate.most_usd` says where they are not).
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        usd_per_hour: float | None = None,
        usd_per_day: float | None = None,
        reserve_for_critical: float = 0.3,
        shift: Shift | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = ledger.clock
        self._hour = usd_per_hour
        self._day = usd_per_day
        self._reserve = min(max(reserve_for_critical, 0.0), 1.0)
        self._shift = shift or Shift(self._clock.wall_ms())
        self._plans: dict[str, Plan] = {}
        self._steps = StepDown(self._clock)
        self._asked = {True: 0.0, False: 0.0}
        """The latest estimate that was refused, with the reserve kept and without; 0 once one is allowed."""
        self._reserve_since_ms: int | None = None

    def plan(self, chains: Mapping[str, Sequence[tuple[str, Price]]]) -> None:
        """Tell each lane's chain: models (provider:model) with their prices, best first."""
        self._plans = {lane: plan_of(chain) for lane, chain in chains.items()}

    def allows(
        self, lane: str, estimate_usd: float, *, model: str = "", kind: CallKind = "analysis"
    ) -> tuple[bool, str]:
        """Whether a call of at most `estimate_usd` may be made for `lane` now; if not, why, in words.

        Models that cost nothing are always allowed. What nobody asked for has no part in the reserve and ends
        with the first step. Questions do not step down: a person waits for the answer.
        """
        if estimate_usd <= 0:
            return True, ""
        self._update()
        reserved = lane != "critical" or kind in UNASKED
        stepped = self._stepped(lane, model, kind)
        stopped = self._hard_stop(estimate_usd, reserved)
        if not stepped:
            self._asked[reserved] = estimate_usd if stopped else 0.0
        return not (stopped or stepped), stopped or stepped

    def _hard_stop(self, estimate_usd: float, reserved: bool) -> str:
        for limit, spent, name in self._limits():
            if spent + estimate_usd > self._open(limit, reserved):
                kept = f", {self._reserve:.0%} of it kept for critical" if reserved and self._reserve else ""
                return f"the {name}'s budget is spent: ${spent:.2f} of ${limit:.2f}{kept}"
        return ""

    def _stepped(self, lane: str, model: str, kind: CallKind) -> str:
        if kind in UNASKED and self._steps.any:
            return "to spare the budget nothing is asked ahead"
        since = self._steps.since_ms(lane)
        if since is None or kind == "question":
            return ""
        plan = self._plans.get(lane, Plan())
        if lane == "high" and model not in plan.dearest:
            return ""
        return f"stepped down to spare the budget: {lane} {self._instead(lane)} since {clock_time(since)}"

    def spared(self, lane: str, model: str) -> Price | None:
        """The price of the lane's planned model, where `model` answered instead because of the step-down.

        An empty `model` is the playbook.
        """
        planned = self._plans.get(lane, Plan()).planned
        if planned is None or planned[0] == model:
            return None
        self._update()
        stepped = self._steps.since_ms(lane) is not None and bool(self._stepped(lane, planned[0], "analysis"))
        return planned[1] if stepped or (self._on_reserve and lane != "critical") else None

    def note(self) -> str:
        """What of the hard stop is in force, in words; empty while nothing is."""
        self._update()
        local = any(plan.local for plan in self._plans.values())
        instead = "local models and the playbook answer" if local else "the playbook answers"
        for outlook in self._outlooks():
            if self._reached(outlook, False):
                return f"{outlook.name}'s budget is spent: {instead}"
        for outlook in self._outlooks():
            if self._reached(outlook, True):
                return f"{outlook.name}'s budget is down to its reserve: paid models for critical alerts only"
        return ""

    def step_down(self) -> str:
        """Which lanes do with less, and since when: `low and medium on local models since 13:02Z`."""
        self._update()
        groups: dict[tuple[str, int], list[str]] = {}
        for lane in ("low", "raw", "medium", "high"):
            since = self._steps.since_ms(lane)
            if self._on_reserve and (since is None or lane == "high"):
                since = self._reserve_since_ms
            plan = self._plans.get(lane, Plan())
            if since is None or not plan.paid or (lane == "raw" and self._plans.get("low", Plan()).paid):
                continue
            if lane == "high" and not self._on_reserve and not plan.dearest:
                continue
            groups.setdefault((self._instead(lane), since // MINUTE_MS), []).append(lane)
        return _told(groups)

    def forecast(self) -> Outlook | None:
        """The budget that is gone first at the rate of now, else the day's; None where none will be spent."""
        outlooks = list(self._outlooks())
        if not self._ledger.usd_per_hour_now or any(self._reached(one, False) for one in outlooks):
            return None
        going = [one for one in outlooks if one.gone_ms is not None]
        if going:
            return min(going, key=lambda one: one.gone_ms or 0)
        return next((one for one in outlooks if one.name == "day"), outlooks[0] if outlooks else None)

    def trouble(self) -> str:
        """What an analyst must know of the money now, in one line; empty where all goes as planned."""
        note, stepped = self.note(), self.step_down()
        if note or not stepped:
            return "; ".join(words for words in (note, stepped) if words)
        outlook = self.forecast()
        if outlook is None or outlook.gone_ms is None:
            return f"sparing the budget: {stepped}"
        return f"{outlook.name}'s budget gone by {clock_time(outlook.gone_ms, WORDS_STEP_MS)}: {stepped}"

    def view(self) -> CostView:
        """The ledger's view with these limits, their forecast and what is done about it."""
        view = self._ledger.view(hour_budget_usd=self._hour, day_budget_usd=self._day, note=self.note())
        outlook = self.forecast()
        now, rate = self._now(), view.usd_per_hour_now
        ends = self._shift.ends_ms(now)
        by_then = day_outlook(0.0, self._spent(view.usd_today), rate, now, ends)
        gone = outlook.gone_ms if outlook is not None else None
        words = in_words(outlook) if outlook is not None else ""
        if not words and rate and self._hour is None and self._day is None:
            words = f"at this rate ${by_then.forecast_usd:.2f} by {clock_time(by_then.until_ms)}"
        changed: CostView = msgspec.structs.replace(
            view,
            forecast_usd=by_then.forecast_usd if words else None,
            forecast_until=clock_time(by_then.until_ms),
            gone_ms=gone,
            forecast=words,
            step_down=self.step_down(),
        )
        return changed

    @property
    def _on_reserve(self) -> bool:
        return self._reserve_since_ms is not None

    def _instead(self, lane: str) -> str:
        plan = self._plans.get(lane, Plan())
        if lane == "high" and plan.cheaper_paid and not self._on_reserve:
            return "on cheaper models"
        return plan.without_paid

    def _now(self) -> int:
        """The minute now: forecasts move with what is spent and once a minute, not with every snapshot."""
        return self._clock.wall_ms() // MINUTE_MS * MINUTE_MS

    def _spent(self, usd: float) -> float:
        """Without the estimates of what is out: they are bounds, several times what is billed."""
        return max(0.0, usd - self._ledger.usd_out)

    def _open(self, limit: float, reserved: bool) -> float:
        return limit * (1.0 - self._reserve) if reserved else limit

    def _limits(self) -> Iterator[tuple[float, float, str]]:
        """Limits with what is spent, estimates included; hour first, as it is gone first."""
        if self._hour is not None:
            yield self._hour, self._ledger.usd_this_hour, "hour"
        if self._day is not None:
            yield self._day, self._ledger.usd_today, "day"

    def _outlooks(self) -> Iterator[Outlook]:
        rate, now = self._ledger.usd_per_hour_now, self._now()
        for limit, spent, name in self._limits():
            if name == "hour":
                yield hour_outlook(limit, self._spent(spent), rate, now)
            else:
                yield day_outlook(limit, self._spent(spent), rate, now, self._shift.ends_ms(now))

    def _reached(self, outlook: Outlook, reserved: bool) -> bool:
        """Whether so much is spent that calls are refused, and not only because others are out just now."""
        free = self._open(outlook.limit_usd, reserved) - outlook.spent_usd
        return free <= 0 or self._asked[reserved] > free

    def _update(self) -> None:
        outlooks = list(self._outlooks())
        self._steps.update([(one, self._open(one.limit_usd, True)) for one in outlooks])
        if not any(self._reached(one, True) for one in outlooks):
            self._reserve_since_ms = None
        elif self._reserve_since_ms is None:
            self._reserve_since_ms = self._clock.wall_ms()


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _told(groups: Mapping[tuple[str, int], list[str]]) -> str:
    """Lanes by what they do with and since when; what the part before or behind says is not said again."""
    keys = list(groups)
    parts = []
    for number, (instead, minute) in enumerate(keys):
        shared = number + 1 < len(keys) and keys[number + 1][1] == minute
        since = "" if shared else f" since {clock_time(minute * MINUTE_MS)}"
        again = bool(since) and number > 0 and keys[number - 1][0] == instead
        parts.append(f"{_listed(groups[instead, minute])}{'' if again else f' {instead}'}{since}")
    return ", ".join(parts)
