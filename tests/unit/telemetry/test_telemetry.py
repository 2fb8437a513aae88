import random

import pytest
from hdrh.histogram import HdrHistogram

from backend.telemetry.histogram import Histogram, Window
from backend.telemetry.rate import Rate


def test_quantiles_agree_with_hdrhistogram() -> None:
    rng = random.Random(7)
    ours, theirs = Histogram(), HdrHistogram(1, 3_600_000_000, 3)
    for _ in range(20_000):
        micros = int(rng.lognormvariate(7, 2)) + 2
        ours.record(micros / 1000)
        theirs.record_value(micros)
    for q in (0.1, 0.5, 0.9, 0.99, 0.999):
        mine = ours.quantile(q)
        assert mine is not None
        assert mine * 1000 == pytest.approx(theirs.get_value_at_percentile(q * 100), rel=0.02)


def test_an_empty_histogram_has_no_quantile_and_extremes_are_kept_in_range() -> None:
    histogram = Histogram()
    assert histogram.quantile(0.5) is None
    histogram.record(0.0)
    histogram.record(1e12)
    assert histogram.count == 2
    low = histogram.quantile(0.0)
    assert low is not None
    assert low <= 0.001


def test_a_window_forgets_what_is_old() -> None:
    window = Window(step_s=10, steps=3)
    window.record(0, 5.0)
    window.record(10, 50.0)
    assert window.count(11) == 2
    assert window.count(31) == 1
    late = window.quantile(31, 0.5)
    assert late == pytest.approx(50.0, rel=0.02)
    assert window.count(500) == 0
    assert window.quantile(500, 0.99) is None


def test_a_windows_trend_is_the_p99_of_each_span() -> None:
    window = Window(step_s=10, steps=3)
    window.record(0, 5.0)
    window.record(10, 50.0)
    assert window.trend(25)[-2:] == pytest.approx((5.0, 50.0), rel=0.02)


def test_a_rate_counts_the_last_minute() -> None:
    rate = Rate()
    for second in range(10):
        rate.add(100.0 + second, 6)
    assert rate.per_second(109.9) == pytest.approx(6.0, rel=0.1)
    assert rate.per_minute(109.9) == 60
    assert rate.per_minute(400.0) == 0
