"""What a vendor's response headers say is left of its rate limits."""

import re
from collections.abc import Mapping
from datetime import datetime

from backend.providers.base import RateLimits, Window

RESET_CAP_S = 3_600.0
"""Limits are by the minute or, rarely, by the day; a reset further off than an hour is read as an hour."""
MAX_COUNT = 10**12

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def rate_limits(headers: Mapping[str, str], now_ms: int) -> RateLimits | None:
    """The limits in `headers`, whichever vendor's names they have; None where they say nothing of use.

    Reads `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}` (resets are RFC 3339 times, read
    against `now_ms`) and `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (durations such as
    6m0s). What cannot be read counts as not said. Of Anthropic's input and output tokens, which may have
    limits of their own, the tighter stands in `tokens` already.
    """
    found = {
        name: _window(headers, (f"anthropic-ratelimit-{name}-{{}}", f"x-ratelimit-{{}}-{name}"), now_ms)
        for name in ("requests", "tokens")
    }
    if found["requests"] is None and found["tokens"] is None:
        return None
    return RateLimits(found["requests"], found["tokens"])


def _window(headers: Mapping[str, str], patterns: tuple[str, ...], now_ms: int) -> Window | None:
    for pattern in patterns:
        remaining = _count(headers.get(pattern.format("remaining")))
        if remaining is None:
            continue
        limit = _count(headers.get(pattern.format("limit"))) or 0
        return Window(limit, remaining, _seconds(headers.get(pattern.format("reset")), now_ms))
    return None


def _count(text: str | None) -> int | None:
    if text is None or _NUMBER.fullmatch(text.strip()) is None:
        return None
    return min(int(float(text)), MAX_COUNT)


def _seconds(text: str | None, now_ms: int) -> float:
    """Seconds until a reset; 0 where it is past or says nothing."""
    word = (text or "").strip()
    if not word or len(word) > 64:
        return 0.0
    if _NUMBER.fullmatch(word):
        return min(float(word), RESET_CAP_S)
    parts = _DURATION.findall(word)
    if parts and "".join(number + unit for number, unit in parts) == word:
        return min(sum(float(number) * _UNITS[unit] for number, unit in parts), RESET_CAP_S)
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        return 0.0
    if at.tzinfo is None:
        return 0.0
    return min(max(at.timestamp() - now_ms / 1000, 0.0), RESET_CAP_S)
