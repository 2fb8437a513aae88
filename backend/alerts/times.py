"""Event times in every shape vendors write them, as milliseconds since the epoch, and how far to trust them.

A time that can't be read is never an error: the alert then carries the time it was received, and says so.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

from backend.alerts.model import TimeQuality

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_MS = -62_135_596_800_000  # 0001-01-01, what a calendar can hold
_MAX_MS = 253_402_300_799_999  # 9999-12-31
_DAY_MS = 86_400_000
_MONTHS = {
    **{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6},
    **{"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12},
}
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?"
    r"(Z?[+-]\d)?\s*(\(?(?:UTC|GMT)\)?)?",
    re.IGNORECASE | re.ASCII,
)
_ZONE = r"(?:\s+(Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_MONTH_FIRST = re.compile(
    r"(?:[A-Z]{3},?\s+)?(?P<month>[A-Z]{3})\s+(?P<day>\d{1,2})(?:,?\s+(?P<year>\d{4}))?\s+"
    r"(?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?(?:\s+(?P<late_year>\d{4}))?" + _ZONE,
    re.IGNORECASE | re.ASCII,
)
_DAY_FIRST = re.compile(
    r"(?:[A-Z]{3},?\s+)?(?P<day>\d{1,2})[ /-](?P<month>[A-Z]{3})[ /-](?P<year>\d{4})[ :T]"
    r"(?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?" + _ZONE,
    re.IGNORECASE | re.ASCII,
)
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?", re.ASCII)


def parse_time(value: object, received_ms: int) -> tuple[int, TimeQuality]:
    """When `value` says it was, in ms since the epoch UTC, with the quality of that statement.

    A number is seconds, milliseconds, microseconds or nanoseconds by its size: below 1e11, 1e14, 1e17, above.
    Zero is "not set". A time without zone is taken for UTC (`no_zone`); without year or date it is the latest
    such time not after `received_ms` (`no_year`, `no_date`). Whatever can't be read is `received_ms` itself
    (`received`). Raises nothing.
    """
    if type(value) is str and value[4:5] == "-":
        try:
            return _from_datetime(datetime.fromisoformat(value))
        except ValueError:
            pass
    try:
        read = _read(value, received_ms)
    except (ValueError, OverflowError):  # a date no calendar has, a number no clock shows
        read = None
    return read or (received_ms, "received")


def first_time(candidates: Iterable[object], received_ms: int) -> tuple[int, TimeQuality]:
    """The first of several fields that can be read as a time; `received_ms` where none can."""
    for value in candidates:
        time_ms, quality = parse_time(value, received_ms)
        if quality != "received":
            return time_ms, quality
    return received_ms, "received"


class _Second:
    """The second last seen: in a stream nearly every time lies in the same one as the time before it."""

    __slots__ = ("memo",)

    def __init__(self) -> None:
        self.memo: tuple[str, str, int, TimeQuality] = ("", "", 0, "exact")


_SECOND = _Second()


def parse_stream_time(value: object, received_ms: int) -> tuple[int, TimeQuality]:
    """As `parse_time`, several times faster for times like `2026-01-02T03:04:05.678901+0000` in order."""
    if type(value) is str and len(value) == 31:
        start, zone, base_ms, quality = _SECOND.memo
        fraction = value[20:26]
        if value[:20] == start and value[26:] == zone and fraction.isdecimal():
            return base_ms + int(fraction) // 1000, quality
        at_ms, quality = parse_time(value, received_ms)
        if quality in ("exact", "no_zone") and value[19] == "." and fraction.isdecimal() and value.isascii():
            _SECOND.memo = (value[:20], value[26:], at_ms - int(fraction) // 1000, quality)
        return at_ms, quality
    return parse_time(value, received_ms)


def _read(value: object, received_ms: int) -> tuple[int, TimeQuality] | None:
    if isinstance(value, list | tuple):
        return _read(value[0], received_ms) if value and not isinstance(value[0], list | tuple) else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str) and len(value) <= 64:
        return _from_text(value.strip().strip("\"'"), received_ms)
    return None


def _from_text(text: str, received_ms: int) -> tuple[int, TimeQuality] | None:
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if set(text) & set(".eE") else int(text))
    if found := _ISO.fullmatch(text):
        return _from_iso(found)
    if found := _MONTH_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text):
        return _from_named_month(found, received_ms)
    if found := _CLOCK.fullmatch(text):
        return _from_clock(found, received_ms)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return _from_datetime(datetime.fromisoformat(text))
    return None


def _from_number(number: int | float) -> tuple[int, TimeQuality] | None:
    size = abs(number)
    if number == 0 or not size < 1e21:  # NaN compares false with everything
        return None
    if size < 1e11:
        ms = int(number * 1000)
    elif size < 1e14:
        ms = int(number)
    elif size < 1e17:
        ms = int(number // 1000)
    else:
        ms = int(number // 1_000_000)
    return (ms, "exact") if _MIN_MS <= ms <= _MAX_MS else None


def _from_datetime(when: datetime) -> tuple[int, TimeQuality]:
    quality: TimeQuality = "exact"
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
        quality = "no_zone"
    passed = when - _EPOCH
    ms = (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000
    return min(max(ms, _MIN_MS), _MAX_MS), quality


def _from_iso(found: re.Match[str]) -> tuple[int, TimeQuality]:
    """The ISO dialects `fromisoformat` refuses: `Z+2`, a blank before the zone, `(UTC)`, a leap second.

    In `…Z+2` two zones contradict each other; it is read as UTC and marked `no_zone`.
    """
    day, clock, seconds, fraction, zone, odd_zone, utc = found.groups()
    seconds = "59" if seconds == "60" else seconds or "00"
    when = datetime.fromisoformat(f"{day}T{clock}:{seconds}.{(fraction or '0')[:6]:0<6}")
    if odd_zone:
        return _from_datetime(when)
    if zone or utc:
        when = when.replace(tzinfo=_zone(zone or "Z"))
    return _from_datetime(when)


def _zone(text: str) -> timezone:
    if not text or text.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-offset if text[0] == "-" else offset)


def _from_named_month(found: re.Match[str], received_ms: int) -> tuple[int, TimeQuality] | None:
    parts = found.groupdict()
    month = _MONTHS.get(parts["month"].lower())
    if month is None:
        return None
    zone = found.groups()[-1]
    hour, minute, second = (int(part) for part in parts["clock"].split(":"))
    microsecond = int(f"{(parts['fraction'] or '0')[:6]:0<6}")
    year = parts["year"] or parts.get("late_year")

    def at(year: int) -> datetime:
        naive = datetime(year, month, int(parts["day"]), hour, minute, min(second, 59), microsecond)  # noqa: DTZ001 - zone follows
        return naive.replace(tzinfo=_zone(zone)) if zone else naive

    if year:
        return _from_datetime(at(int(year)))
    # Syslog names no year: it is this year's, unless that lies ahead (a day is granted for zones and clocks).
    this_year = _year(received_ms)
    for candidate in range(this_year + 1, this_year - 9, -1):
        try:
            ms, _ = _from_datetime(at(candidate))
        except ValueError:  # 29 February in a common year
            continue
        if ms <= received_ms + _DAY_MS:
            return ms, "no_year"
    return None


def _from_clock(found: re.Match[str], received_ms: int) -> tuple[int, TimeQuality] | None:
    hour, minute, second = (int(part) for part in found.groups()[:3])
    if hour > 23 or minute > 59 or second > 60:
        return None
    millis = int(f"{(found.group(4) or '0')[:3]:0<3}")
    midnight = received_ms - received_ms % _DAY_MS
    ms = midnight + ((hour * 60 + minute) * 60 + second) * 1000 + millis
    # An hour is granted for clocks that run ahead; what is later than that was yesterday.
    return (ms if ms <= received_ms + 3_600_000 else ms - _DAY_MS), "no_date"


def _year(ms: int) -> int:
    return (_EPOCH + timedelta(milliseconds=min(max(ms, _MIN_MS), _MAX_MS))).year
