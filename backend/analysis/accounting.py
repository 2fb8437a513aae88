"""What a call is worth: its tokens and dollars before it is sent, and what it came to when it ended."""

import msgspec

from backend.analysis.estimate import estimate_tokens
from backend.analysis.estimate import most_usd as most_usd
from backend.providers.base import ModelRequest, Outcome, Usage

COUNTED = ("complete", "length", "filtered")
"""Endings with which a vendor's own count is final."""
_UNSENT = frozenset(
    {"rate_limited", "overloaded", "auth", "not_found", "too_long", "bad_request", "unavailable"}
)


def request_tokens(request: ModelRequest) -> int:
    """About how many tokens a request holds."""
    return estimate_tokens(len(request.system) + sum(len(message.text) for message in request.messages))


def most_tokens(request: ModelRequest) -> int:
    """The most tokens that a call can use: what it asks and the longest answer."""
    return request_tokens(request) + request.max_tokens


def used_tokens(usage: Usage) -> int:
    """All tokens of a call. Cache reads count: some vendors' limits leave them out, others do not."""
    return usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def counted(request: ModelRequest, outcome: Outcome, usage: Usage, chars: int) -> tuple[Usage, bool]:
    """The vendor's count where it stands, else the text's length says it; True where any is a guess.

    `chars` is the length of what had come of the answer.
    """
    asked = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    if outcome.kind in COUNTED and asked and (usage.output_tokens or not chars):
        return usage, False
    turned_away = outcome.error_class in _UNSENT or (outcome.status or 0) >= 400
    if turned_away and not chars and not asked:
        return usage, False  # no work was done, so none is billed
    guess = msgspec.structs.replace(
        usage,
        input_tokens=usage.input_tokens if asked else request_tokens(request),
        output_tokens=max(usage.output_tokens, estimate_tokens(chars)),
    )
    return guess, guess != usage


def added(one: Usage, other: Usage) -> Usage:
    """Both together."""
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cache_read_tokens + other.cache_read_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
    )
