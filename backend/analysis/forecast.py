"""How fast money goes, until when the shift runs, and so what it will have cost and when a budget is gone."""

import math
from datetime import UTC, datetime, time, timedelta, tzinfo

import msgspec

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
RATE_OVER_MS = 15 * MINUTE_MS
"""The time constant of the rate: an hour-old dollar counts for 2 %, and one burst of a minute does not look
like a trend (it comes to a fifteenth of its own rate)."""
LEAST_RATE = 1e-4
"""Dollars an hour below which nothing is spent: no forecast is made of the last traces of an old burst."""
WORDS_STEP_MS = 5 * MINUTE_MS
"""Forecasts are told to five minutes: they are no more exact, and a screen that is read should not move."""


class SpendRate:
    """Dollars an hour, exponentially weighted; what was never spent counts as zeros, so it starts from 0."""

    def __init__(self) -> None:
        self._usd = 0.0
        self._at_ms = 0

    def add(self, usd: float, spent_ms: int, now_ms: int) -> None:
        """Dollars that were spent at `spent_ms`; of what lies in the future the age is 0."""
        self._usd = self._decayed(now_ms) + usd * math.exp(-max(0, now_ms - spent_ms) / RATE_OVER_MS)
        self._at_ms = max(self._at_ms, now_ms)

    def per_hour(self, now_ms: int) -> float:
        """The rate now."""
        rate = self._decayed(now_ms) * HOUR_MS / RATE_OVER_MS
        return rate if rate >= LEAST_RATE else 0.0

    def _decayed(self, now_ms: int) -> float:
        return self._usd * math.exp(-max(0, now_ms - self._at_ms) / RATE_OVER_MS)


class Shift:
    """Shifts of equal length that follow each other, from a local time of day or from when the engine began.

    The last one before the next day's start is cut where the hours do not divide the day.
    """

    def __init__(
        self, began_ms: int, *, hours: float = 8.0, starts: time | None = None, zone: tzinfo | None = None
    ) -> None:
        """`starts` is in `zone`, which is the machine's own unless told."""
        self._began_ms = began_ms
        self._length_ms = max(MINUTE_MS, int(hours * HOUR_MS))
        self._starts = starts
        self._zone = zone

    def ends_ms(self, now_ms: int) -> int:
        """When the shift that runs now ends, on the wall clock."""
        first, last = self._began_ms, None
        if self._starts is not None:
            now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self._zone)
            start = now.replace(hour=self._starts.hour, minute=self._starts.minute, second=0, microsecond=0)
            if start > now:
                start -= timedelta(days=1)
            first = int(start.timestamp() * 1000)
            last = int((start + timedelta(days=1)).timestamp() * 1000)
        end = first + (max(0, now_ms - first) // self._length_ms + 1) * self._length_ms
        return end if last is None else min(end, last)


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """One budget now and at the rate of spending now."""

    name: str
    """hour or day"""
    limit_usd: float
    spent_usd: float
    """Without the estimates of calls that are out."""
    forecast_usd: float
    """What will have been spent: by the end of the shift (or of the UTC day) of the day's budget, in sixty
    minutes at this rate of the hour's."""
    until_ms: int
    gone_ms: int | None
    """When the whole budget is spent; None: not before `until_ms`."""


def day_outlook(limit_usd: float, spent_usd: float, rate: float, now_ms: int, shift_ends_ms: int) -> Outlook:
    """The day's budget at the end of the shift, or at midnight UTC where that comes first: it starts anew."""
    until = min(shift_ends_ms, (now_ms // DAY_MS + 1) * DAY_MS)
    forecast = spent_usd + rate * (until - now_ms) / HOUR_MS
    gone = _gone(limit_usd, spent_usd, rate, now_ms)
    return Outlook(
        "day", limit_usd, spent_usd, forecast, until, gone if gone is not None and gone < until else None
    )


def hour_outlook(limit_usd: float, spent_usd: float, rate: float, now_ms: int) -> Outlook:
    """The hour's budget: its sixty minutes slide, so a rate below it never uses it up."""
    gone = _gone(limit_usd, spent_usd, rate, now_ms) if rate >= limit_usd or spent_usd >= limit_usd else None
    return Outlook("hour", limit_usd, spent_usd, max(spent_usd, rate), now_ms + HOUR_MS, gone)


def _gone(limit_usd: float, spent_usd: float, rate: float, now_ms: int) -> int | None:
    if spent_usd >= limit_usd:
        return now_ms
    return now_ms + int((limit_usd - spent_usd) / rate * HOUR_MS) if rate > 0 else None


def clock_time(wall_ms: int, step_ms: int = MINUTE_MS) -> str:
    """A moment as the screen tells it, UTC: `14:20Z`."""
    return datetime.fromtimestamp(wall_ms // step_ms * step_ms / 1000, UTC).strftime("%H:%MZ")


def in_words(outlook: Outlook) -> str:
    """A forecast in one line: `at this rate the day's budget is spent at 14:20Z`."""
    if outlook.spent_usd >= outlook.limit_usd:
        return ""
    if outlook.gone_ms is not None:
        when = clock_time(outlook.gone_ms, WORDS_STEP_MS)
        return f"at this rate the {outlook.name}'s budget is spent at {when}"
    share = outlook.forecast_usd / outlook.limit_usd
    by = f"by {clock_time(outlook.until_ms)}" if outlook.name == "day" else "an hour"
    return f"at this rate {share:.0%} of the {outlook.name}'s budget {by}"
