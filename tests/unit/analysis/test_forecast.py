"""How fast money goes, when the shift ends, and what is told of it."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis.forecast import (
    HOUR_MS,
    MINUTE_MS,
    Shift,
    SpendRate,
    day_outlook,
    hour_outlook,
    in_words,
)

MIDNIGHT = 1_767_225_600_000
BERLIN = ZoneInfo("Europe/Berlin")


def at(hour: int, minute: int = 0) -> int:
    return MIDNIGHT + hour * HOUR_MS + minute * MINUTE_MS


def test_steady_spending_is_the_rate_after_an_hour_and_a_burst_fades() -> None:
    rate = SpendRate()
    for minute in range(60):
        rate.add(0.1, at(12, minute), at(12, minute))
    assert rate.per_hour(at(13)) == pytest.approx(6.0, rel=0.1)
    assert rate.per_hour(at(13, 15)) == pytest.approx(rate.per_hour(at(13)) / 2.718, rel=0.01)
    assert rate.per_hour(at(16)) == 0.0


def test_one_call_is_no_trend() -> None:
    rate = SpendRate()
    rate.add(0.02, at(12), at(12))
    assert rate.per_hour(at(12)) == pytest.approx(0.08), "a minute's rate would say 1.2 dollars an hour"


@given(st.lists(st.tuples(st.integers(0, 7_200_000), st.floats(0, 5)), max_size=40))
def test_restored_or_lived_through_the_rate_is_the_same(calls: list[tuple[int, float]]) -> None:
    calls.sort()
    end = MIDNIGHT + 7_200_000
    lived, restored = SpendRate(), SpendRate()
    for offset, usd in calls:
        lived.add(usd, MIDNIGHT + offset, MIDNIGHT + offset)
        restored.add(usd, MIDNIGHT + offset, end)
    assert lived.per_hour(end) == pytest.approx(restored.per_hour(end), abs=1e-3)


def test_a_clock_set_back_ages_nothing() -> None:
    rate = SpendRate()
    rate.add(1.0, at(13), at(13))
    rate.add(1.0, at(12), at(12))
    assert rate.per_hour(at(12)) == pytest.approx(8.0)


def test_a_shift_begins_with_the_engine_and_is_followed_by_the_next() -> None:
    shift = Shift(at(9, 30), hours=8)
    assert shift.ends_ms(at(9, 30)) == at(17, 30)
    assert shift.ends_ms(at(17, 29)) == at(17, 30)
    assert shift.ends_ms(at(17, 30)) == at(25, 30)


def test_a_shift_that_starts_by_the_local_clock() -> None:
    shift = Shift(at(3), hours=8, starts=time(8), zone=BERLIN)  # UTC+1 in January
    assert shift.ends_ms(at(7)) == at(15)
    assert shift.ends_ms(at(14, 59)) == at(15)
    assert shift.ends_ms(at(15)) == at(23)
    assert shift.ends_ms(at(6, 59)) == at(7), "the night shift ends when the day's begins"
    ten = Shift(at(3), hours=10, starts=time(8), zone=BERLIN)
    assert ten.ends_ms(at(28)) == at(31), "the third is cut by the next day's first"
    summer = int(datetime(2026, 7, 1, 9, tzinfo=BERLIN).timestamp() * 1000)
    assert shift.ends_ms(summer) - summer == 7 * HOUR_MS


def test_the_day_is_told_by_when_it_is_gone_or_what_it_comes_to() -> None:
    gone = day_outlook(10.0, 4.0, 3.0, at(12), at(17))
    assert gone.gone_ms == at(14)
    assert gone.forecast_usd == pytest.approx(19.0)
    assert in_words(gone) == "at this rate the day's budget is spent at 14:00Z"
    lasts = day_outlook(10.0, 4.0, 1.0, at(12), at(17))
    assert lasts.gone_ms is None
    assert in_words(lasts) == "at this rate 90% of the day's budget by 17:00Z"
    assert in_words(day_outlook(10.0, 10.0, 1.0, at(12), at(17))) == "", "it is spent: no forecast is needed"


def test_the_day_begins_anew_at_midnight_utc_whatever_the_shift() -> None:
    night = day_outlook(10.0, 4.0, 3.0, at(23), at(30))
    assert (night.gone_ms, night.until_ms, night.forecast_usd) == (None, at(24), 7.0)


def test_a_rate_below_the_hours_budget_never_uses_it_up() -> None:
    assert hour_outlook(5.0, 4.9, 4.0, at(12)).gone_ms is None
    over = hour_outlook(5.0, 2.0, 6.0, at(12))
    assert over.gone_ms == at(12, 30)
    assert in_words(over) == "at this rate the hour's budget is spent at 12:30Z"
    assert in_words(hour_outlook(5.0, 1.0, 4.0, at(12))) == "at this rate 80% of the hour's budget an hour"
