"""What the models cost: one entry a call, written before it is sent and again when it has ended."""

import uuid
from collections.abc import Callable, Iterable

import msgspec

from backend.analysis.entry import CallKind as CallKind
from backend.analysis.entry import LedgerEntry as LedgerEntry
from backend.analysis.entry import SavedBy
from backend.analysis.estimate import estimate_tokens as estimate_tokens
from backend.analysis.forecast import SpendRate
from backend.analysis.totals import MAX_MODELS as MAX_MODELS
from backend.analysis.totals import DayTotals
from backend.api import CostView
from backend.clock import Clock
from backend.providers.base import Usage

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
TREND_MINUTES = 60
MAX_OPEN = 4_096
"""Calls that may be out at once; the oldest beyond it stay in the totals at their estimate. As many alerts'
speculations are remembered until they are wanted."""
SAVINGS_EVERY_MS = 10_000
"""Savings are summed up and written this often at most: a storm folds thousands of alerts a second."""
MEAN_OVER = 200
"""Calls the mean cost of an analysis reaches back over: it follows a change of models within the hour."""


class Ledger:
    """Totals by minute, hour, day, model, lane and kind; calls still out count at their estimate.

    "This hour" is the last sixty minutes and "today" the UTC day. After the clock is set back, what lies in
    its future still counts, so a budget is never spent twice.
    """

    def __init__(self, clock: Clock, sink: Callable[[LedgerEntry], None] | None = None) -> None:
        self._clock = clock
        self._sink = sink
        self._minutes: dict[int, float] = {}
        self._day = 0
        self._totals = DayTotals()
        self._open: dict[str, LedgerEntry] = {}
        self._out_usd = 0.0
        self._rate = SpendRate()
        self._means: dict[str, tuple[int, float]] = {}
        self._savings: dict[tuple[str, SavedBy], LedgerEntry] = {}
        self._savings_told_ms = 0
        self._ahead: dict[int, list[LedgerEntry]] = {}
        self._wanted: set[str] = set()

    def send(
        self, *, alert_id: int, lane: str, model: str, estimate_usd: float, kind: CallKind = "analysis"
    ) -> LedgerEntry:
        """Enter a call that is about to be sent."""
        entry = LedgerEntry(
            uuid.uuid4().hex, self._clock.wall_ms(), alert_id, lane, model, estimate_usd, kind=kind
        )
        self._add(entry)
        while len(self._open) >= MAX_OPEN:
            oldest = self._open.pop(next(iter(self._open)))
            self._out_usd -= oldest.usd
            self._wanted.discard(oldest.id)
        self._open[entry.id] = entry
        self._out_usd += entry.usd
        self._tell(entry)
        return entry

    def settle(
        self,
        sent: LedgerEntry,
        *,
        usage: Usage,
        usd: float,
        saved_usd: float = 0.0,
        estimated: bool = False,
        outcome: str = "",
    ) -> LedgerEntry:
        """Replace a call's estimate by what it came to. A call settles once; later ones change nothing."""
        if self._open.pop(sent.id, None) is None:
            return sent
        self._out_usd = max(0.0, self._out_usd - sent.usd) if self._open else 0.0
        entry = msgspec.structs.replace(
            sent,
            usage=usage,
            usd=usd,
            saved_usd=saved_usd,
            estimated=estimated,
            settled=True,
            outcome=outcome,
            used=sent.id in self._wanted,
        )
        self._wanted.discard(sent.id)
        self._add(sent, -1)
        self._add(entry)
        self._learn(entry)
        self._tell(entry)
        return entry

    def save(self, lane: str, by: SavedBy, usd: float) -> None:
        """Book dollars that were not spent; summed up by the hour, so that a storm fills no journal."""
        if usd <= 0:
            return
        now = self._clock.wall_ms()
        entry = self._savings.get((lane, by))
        if entry is None or entry.started_ms // HOUR_MS != now // HOUR_MS:
            self.flush()
            self._savings.pop((lane, by), None)
            entry = LedgerEntry(uuid.uuid4().hex, now, 0, lane, "", 0.0, settled=True, saved_by=by)
        self._roll()
        saved = self._totals.saved
        saved[by] = saved.get(by, 0.0) + usd
        self._savings[lane, by] = msgspec.structs.replace(entry, saved_usd=entry.saved_usd + usd)
        if not 0 <= now - self._savings_told_ms < SAVINGS_EVERY_MS:
            self.flush()

    def flush(self) -> None:
        """Write the savings that are only summed up so far; for the end of the process, too."""
        self._savings_told_ms = self._clock.wall_ms()
        for entry in self._savings.values():
            self._tell(entry)

    def used(self, alert_id: int) -> None:
        """What was speculated on this alert is wanted now, so it is no waste."""
        out = (one for one in self._open.values() if one.alert_id == alert_id)
        self._wanted.update(entry.id for entry in out if entry.kind == "speculation")
        for entry in self._ahead.pop(alert_id, ()):
            wanted = msgspec.structs.replace(entry, used=True)
            self._add(entry, -1)
            self._add(wanted)
            self._tell(wanted)

    def restore(self, entries: Iterable[LedgerEntry]) -> None:
        """Count what earlier processes spent, as far back as the totals reach. Hands nothing to the sink."""
        for entry in entries:
            self._add(entry)
            self._learn(entry)

    @property
    def clock(self) -> Clock:
        """The clock it books by."""
        return self._clock

    @property
    def usd_this_hour(self) -> float:
        """Dollars of the last sixty minutes, calls still out included."""
        first = self._minute() - 59
        return sum(usd for minute, usd in self._minutes.items() if minute >= first)

    @property
    def usd_today(self) -> float:
        """Dollars of this UTC day, calls still out included."""
        self._roll()
        return self._totals.usd

    @property
    def usd_out(self) -> float:
        """The estimates of the calls that are out, in dollars: what is in the totals and not yet spent."""
        return self._out_usd

    @property
    def usd_per_hour_now(self) -> float:
        """The rate of spending; moves when a call settles and once a minute, so that a screen may rest."""
        return self._rate.per_hour(self._minute() * MINUTE_MS)

    def mean_usd(self, lane: str) -> float:
        """What one analysis by a model that costs anything came to lately in this lane; 0 where none was."""
        return self._means.get(lane, (0, 0.0))[1]

    def by_lane(self) -> dict[str, float]:
        """Dollars of this UTC day by lane."""
        self._roll()
        return {share.name: share.usd for share in self._totals.by_lane()}

    def view(
        self, *, hour_budget_usd: float | None = None, day_budget_usd: float | None = None, note: str = ""
    ) -> CostView:
        """Dollars now, for the screen."""
        self._roll()
        minute = self._minute()
        totals = self._totals
        return CostView(
            usd_this_minute=self._minutes.get(minute, 0.0),
            usd_this_hour=self.usd_this_hour,
            usd_today=totals.usd,
            budget_hour_usd=hour_budget_usd,
            budget_day_usd=day_budget_usd,
            saved_usd=sum(totals.saved.values()),
            by_model=totals.by_model(),
            trend=tuple(self._minutes.get(minute - ago, 0.0) for ago in range(TREND_MINUTES - 1, -1, -1)),
            note=note,
            by_lane=totals.by_lane(),
            by_kind=totals.by_kind(),
            savings=totals.savings(),
            speculation=totals.speculation(),
            usd_per_hour_now=self.usd_per_hour_now,
        )

    def _minute(self) -> int:
        return self._clock.wall_ms() // MINUTE_MS

    def _tell(self, entry: LedgerEntry) -> None:
        if self._sink is not None:
            self._sink(entry)

    def _add(self, entry: LedgerEntry, sign: int = 1) -> None:
        self._roll()
        minute = entry.started_ms // MINUTE_MS
        if entry.usd and minute > self._minute() - TREND_MINUTES:
            self._minutes[minute] = max(0.0, self._minutes.get(minute, 0.0) + sign * entry.usd)
            if len(self._minutes) > 2 * TREND_MINUTES:
                self._forget()
        if entry.started_ms // DAY_MS >= min(self._day, self._clock.wall_ms() // DAY_MS):
            self._totals.add(entry, sign)

    def _learn(self, entry: LedgerEntry) -> None:
        """Take from a finished call what forecast, savings and speculation go by."""
        self._rate.add(entry.usd, entry.started_ms, self._clock.wall_ms())
        if entry.kind == "analysis" and entry.usd > 0 and entry.outcome == "complete":
            calls, mean = self._means.get(entry.lane, (0, 0.0))
            calls = min(calls + 1, MEAN_OVER)
            self._means[entry.lane] = (calls, mean + (entry.usd - mean) / calls)
        if entry.kind == "speculation" and not entry.used:
            self._ahead.setdefault(entry.alert_id, []).append(entry)
            while len(self._ahead) > MAX_OPEN:
                del self._ahead[next(iter(self._ahead))]

    def _forget(self) -> None:
        first = self._minute() - TREND_MINUTES
        self._minutes = {minute: usd for minute, usd in self._minutes.items() if minute > first}
        while len(self._minutes) > 2 * TREND_MINUTES:  # the clock was set back: merge its future into one
            last, before = sorted(self._minutes)[-1:-3:-1]
            self._minutes[before] += self._minutes.pop(last)

    def _roll(self) -> None:
        """Begin a new day's totals at midnight UTC; a clock set back does not open the old day again."""
        day = self._clock.wall_ms() // DAY_MS
        if day > self._day:
            self._day = day
            self._totals = DayTotals()
