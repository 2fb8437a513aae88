import pytest

from widgets.figures import (
    against,
    age,
    bar,
    count,
    countdown,
    countdown_style,
    filled,
    millis,
    percent,
    rate,
    sparkline,
    usd,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (41, "0:41"),
        (0, "0:00"),
        (0.9, "0:00"),
        (-0.2, "-0:00"),
        (-12, "-0:12"),
        (860, "14:20"),
        (3599.9, "59:59"),
        (3720, "1h02"),
        (187_200, "2d04"),
        (-7200, "-2h00"),
        (None, "—"),
    ],
)
def test_countdown(seconds: float | None, text: str) -> None:
    assert countdown(seconds) == text


def test_a_countdown_warns_in_its_last_quarter_and_when_it_is_missed() -> None:
    assert countdown_style(200, 300) == "sla-ok"
    assert countdown_style(74, 300) == "sla-soon"
    assert countdown_style(-0.1, 300) == "sla-breached"
    assert countdown_style(None, 300) == "muted"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.9, "3s"), (59, "59s"), (240, "4m"), (7200, "2h"), (432_000, "5d"), (-5, "0s"), (None, "—")],
)
def test_age(seconds: float | None, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0, "$0"),
        (0.00001, "<$0.0001"),
        (0.0004, "$0.0004"),
        (0.021, "$0.021"),
        (0.0996, "$0.10"),
        (1.5, "$1.50"),
        (11.2, "$11.20"),
        (999.4, "$999.40"),
        (1234, "$1.2k"),
        (-4.1, "-$4.10"),
        (None, "—"),
    ],
)
def test_usd(dollars: float | None, text: str) -> None:
    assert usd(dollars) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (220, "220"),
        (999, "999"),
        (999.6, "1.0k"),
        (1900, "1.9k"),
        (9949, "9.9k"),
        (12_000, "12k"),
        (999_499, "999k"),
        (3_400_000, "3.4M"),
        (None, "—"),
    ],
)
def test_count_takes_at_most_four_cells(number: float | None, text: str) -> None:
    assert count(number) == text
    assert len(count(number)) <= 4


def test_latencies_carry_their_unit() -> None:
    assert [millis(value) for value in (0.42, 3, 41.4, 999, 1200, 125_000, None)] == [
        "0.4 ms",
        "3 ms",
        "41 ms",
        "999 ms",
        "1.2 s",
        "2:05",
        "—",
    ]
    assert against(3.1, 10) == "3.1/10 ms"
    assert against(1240, 2000) == "1.2/2.0 s"
    assert against(None, 5) == "—/5 ms"
    assert against(41_000, 100) == "41k/100 ms"


def test_rates_fall_to_minutes_when_events_are_rare() -> None:
    assert rate(1200) == "1.2k/s"
    assert rate(0.1) == "6/min"
    assert rate(0) == "0/s"
    assert rate(None) == "—"


def test_sparklines_keep_their_width_and_their_scale() -> None:
    assert sparkline([], 4) == "▁▁▁▁"
    assert sparkline([0, 4, 8], 3) == "▁▄█"
    assert sparkline([1], 3) == "▁▁█"
    assert sparkline([1, 1], 2, top=10) == "▁▁"
    assert sparkline(range(100), 5)[-1] == "█"
    assert sparkline([0, 8], 2, ascii_only=True).isascii()


def test_a_bar_shows_something_for_anything_and_all_only_for_all() -> None:
    assert filled(0, 8) == 0
    assert filled(0.001, 8) == 1
    assert filled(0.999, 8) == 7
    assert filled(1.5, 8) == 8
    full, rest = bar(0.5, 8)
    assert (len(full), len(rest)) == (4, 4)
    assert percent(0.37) == "37 %"
    assert percent(None) == "—"
