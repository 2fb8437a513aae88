"""What the models cost: one entry a call, written before it is sent and again when it has ended."""

import uuid
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from backend.api import CostView, ModelCost
from backend.clock import Clock
from backend.providers.base import Usage

CHARS_PER_TOKEN = 4
"""The usual rule of thumb for English and JSON, used only where no vendor counted."""
MINUTE_MS = 60_000
DAY_MS = 86_400_000
TREND_MINUTES = 60
MAX_MODELS = 64
MAX_OPEN = 4_096
"""Calls that may be out at once; the oldest beyond it stay in the totals at their estimate."""

CallKind = Literal["analysis", "question", "hedge", "repair", "warm", "speculation"]
"""What a call was for: the planned analysis, a follow-up, a second runner against a slow first one, the one
request to mend an answer, a prompt-cache warm-up, or work done before anybody asked."""


class LedgerEntry(msgspec.Struct, frozen=True, gc=False):
    """One call. The entry with `settled` False is the estimate; the settled one with the same id replaces it.

    A call whose process died before it settled stays as possible spend.
    """

    id: str
    started_ms: int
    alert_id: int
    lane: str
    model: str
    """provider:model"""
    usd: float
    """The actual price, or the estimate while it is not settled."""
    usage: Usage = Usage()
    saved_usd: float = 0.0
    """What prompt-cache reads saved against the price of fresh input."""
    settled: bool = False
    estimated: bool = False
    """Not all its tokens were counted by the vendor; the rest is taken from the text's length."""
    outcome: str = ""
    kind: CallKind = "analysis"


class _Tally:
    __slots__ = ("cache_read_tokens", "calls", "input_tokens", "output_tokens", "usd")

    def __init__(self) -> None:
        self.calls = 0
        self.usd = 0.0
        self.input_tokens = self.output_tokens = self.cache_read_tokens = 0

    def add(self, entry: LedgerEntry, sign: int) -> None:
        self.calls += sign
        self.usd += sign * entry.usd
        self.input_tokens += sign * entry.usage.input_tokens
        self.output_tokens += sign * entry.usage.output_tokens
        self.cache_read_tokens += sign * entry.usage.cache_read_tokens


def estimate_tokens(text_chars: int) -> int:
    """Tokens in so many characters, rounded up."""
    return -(-text_chars // CHARS_PER_TOKEN)


class Ledger:
    """Totals by minute, hour, day, model and lane; calls still out count at their estimate.

    "This hour" is the last sixty minutes and "today" the UTC day. After the clock is set back, what lies in
    its future still counts, so a budget is never spent twice.
    """

    def __init__(self, clock: Clock, sink: Callable[[LedgerEntry], None] | None = None) -> None:
        self._clock = clock
        self._sink = sink
        self._minutes: dict[int, float] = {}
        self._day = 0
        self._today = 0.0
        self._saved = 0.0
        self._models: dict[str, _Tally] = {}
        self._lanes: dict[str, float] = {}
        self._open: dict[str, LedgerEntry] = {}

    def send(
        self, *, alert_id: int, lane: str, model: str, estimate_usd: float, kind: CallKind = "analysis"
    ) -> LedgerEntry:
        """Enter a call that is about to be sent."""
        entry = LedgerEntry(
            uuid.uuid4().hex, self._clock.wall_ms(), alert_id, lane, model, estimate_usd, kind=kind
        )
        self._add(entry)
        while len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[entry.id] = entry
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
        entry = msgspec.structs.replace(
            sent,
            usage=usage,
            usd=usd,
            saved_usd=saved_usd,
            estimated=estimated,
            settled=True,
            outcome=outcome,
        )
        self._add(sent, -1)
        self._add(entry)
        self._tell(entry)
        return entry

    def restore(self, entries: Iterable[LedgerEntry]) -> None:
        """Count what earlier processes spent, as far back as the totals reach. Hands nothing to the sink."""
        for entry in entries:
            self._add(entry)

    @property
    def usd_this_hour(self) -> float:
        """Dollars of the last sixty minutes, calls still out included."""
        first = self._minute() - 59
        return sum(usd for minute, usd in self._minutes.items() if minute >= first)

    @property
    def usd_today(self) -> float:
        """Dollars of this UTC day, calls still out included."""
        self._roll()
        return self._today

    def by_lane(self) -> dict[str, float]:
        """Dollars of this UTC day by lane."""
        self._roll()
        return dict(self._lanes)

    def view(
        self, *, hour_budget_usd: float | None = None, day_budget_usd: float | None = None, note: str = ""
    ) -> CostView:
        """Dollars now, for the screen."""
        self._roll()
        minute = self._minute()
        models = sorted(self._models.items(), key=lambda item: -item[1].usd)
        return CostView(
            usd_this_minute=self._minutes.get(minute, 0.0),
            usd_this_hour=self.usd_this_hour,
            usd_today=self._today,
            budget_hour_usd=hour_budget_usd,
            budget_day_usd=day_budget_usd,
            saved_usd=self._saved,
            by_model=tuple(
                ModelCost(name, t.calls, t.usd, t.input_tokens, t.output_tokens, t.cache_read_tokens)
                for name, t in models
            ),
            trend=tuple(self._minutes.get(minute - ago, 0.0) for ago in range(TREND_MINUTES - 1, -1, -1)),
            note=note,
        )

    def _minute(self) -> int:
        return self._clock.wall_ms() // MINUTE_MS

    def _tell(self, entry: LedgerEntry) -> None:
        if self._sink is not None:
            self._sink(entry)

    def _add(self, entry: LedgerEntry, sign: int = 1) -> None:
        self._roll()
        minute = entry.started_ms // MINUTE_MS
        if minute > self._minute() - TREND_MINUTES:
            self._minutes[minute] = max(0.0, self._minutes.get(minute, 0.0) + sign * entry.usd)
            if len(self._minutes) > 2 * TREND_MINUTES:
                self._forget()
        if entry.started_ms // DAY_MS < min(self._day, self._clock.wall_ms() // DAY_MS):
            return
        self._today = max(0.0, self._today + sign * entry.usd)
        self._saved += sign * entry.saved_usd
        self._lanes[entry.lane] = self._lanes.get(entry.lane, 0.0) + sign * entry.usd
        name = entry.model if entry.model in self._models or len(self._models) < MAX_MODELS else "other"
        self._models.setdefault(name, _Tally()).add(entry, sign)

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
            self._today = self._saved = 0.0
            self._models, self._lanes = {}, {}
