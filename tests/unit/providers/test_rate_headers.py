"""Rate-limit headers of every spelling, and rubbish in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.providers.base import RateLimits, Window
from backend.providers.rate_headers import RESET_CAP_S, rate_limits

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def test_anthropics() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01Z",
        "anthropic-ratelimit-tokens-limit": "40000",
        "anthropic-ratelimit-tokens-remaining": "1000",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:58.5+00:00",
        "anthropic-ratelimit-input-tokens-remaining": "7",
    }
    assert rate_limits(headers, NOW_MS) == RateLimits(Window(50, 49, 1.0), Window(40_000, 1_000, 58.5))


def test_openais() -> None:
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "29000",
        "x-ratelimit-reset-tokens": "6m1.5s",
    }
    assert rate_limits(headers, NOW_MS) == RateLimits(Window(500, 0, 0.12), Window(30_000, 29_000, 361.5))


def test_one_of_them_is_enough_and_none_is_none() -> None:
    assert rate_limits({"x-ratelimit-remaining-tokens": "12"}, NOW_MS) == RateLimits(None, Window(0, 12, 0.0))
    assert rate_limits({}, NOW_MS) is None
    assert rate_limits({"content-type": "text/html", "retry-after": "3"}, NOW_MS) is None


@pytest.mark.parametrize("remaining", ["", "many", "-1", "1e9", "NaN", "inf", "0x10", "9" * 400, "1,000"])
def test_a_count_that_is_none_says_nothing(remaining: str) -> None:
    assert rate_limits({"x-ratelimit-remaining-requests": remaining}, NOW_MS) is None


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("12", 12.0),
        ("1h", RESET_CAP_S),
        ("90d", RESET_CAP_S),
        ("999999999d", RESET_CAP_S),
        ("1m 2s", 0.0),
        ("soon", 0.0),
        ("-5s", 0.0),
        ("2025-12-31T23:59:59Z", 0.0),
        ("2026-01-01T00:00:09", 0.0),
        ("9999-12-31T23:59:59Z", RESET_CAP_S),
        ("2026-13-45T99:00:00Z", 0.0),
        ("9" * 300, 0.0),
    ],
)
def test_resets_of_every_spelling(reset: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": reset}
    got = rate_limits(headers, NOW_MS)
    assert got == RateLimits(Window(0, 1, seconds))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_no_header_breaks_it(limit: str, remaining: str, reset: str) -> None:
    got = rate_limits(
        {
            "anthropic-ratelimit-tokens-limit": limit,
            "anthropic-ratelimit-tokens-remaining": remaining,
            "anthropic-ratelimit-tokens-reset": reset,
        },
        NOW_MS,
    )
    assert got is None or (got.tokens is not None and 0 <= got.tokens.reset_s <= RESET_CAP_S)
