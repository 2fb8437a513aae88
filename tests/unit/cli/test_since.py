import time

import pytest

from console.since import SinceError, since_ms


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("90m", 5_400), ("8h", 28_800), ("2 d", 172_800), ("1w", 604_800)]
)
def test_a_span_ends_now(text: str, seconds: int) -> None:
    assert abs(since_ms(text) - (time.time() - seconds) * 1000) < 60_000


def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    assert since_ms("2026-01-02T03:04:05Z") == 1_767_323_045_000
    assert since_ms("2026-01-02T03:04:05") == 1_767_323_045_000
    assert since_ms("2026-01-02T04:04:05+01:00") == 1_767_323_045_000


@pytest.mark.parametrize("text", ["", "  ", "9999999999999d", "0001-01-01"])
def test_the_beginning_is_zero_and_nothing_comes_before_it(text: str) -> None:
    assert since_ms(text) == 0


@pytest.mark.parametrize("text", ["yesterday", "8", "8 hours", "-8h", "٨h", "8h8m", "9" * 5_000 + "d"])
def test_anything_else_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(SinceError, match="90m, 8h, 2d"):
        since_ms(text)
