"""Times in every shape the formats document shows, and what becomes of those that are none."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.times import parse_stream_time, parse_time
from backend.clock import iso
from tests.unit.alerts.reading import NOW_MS


@pytest.mark.parametrize(
    ("value", "when", "quality"),
    [
        ("2021-06-06T15:59:46.457984+0200", "2021-06-06T13:59:46.457Z", "exact"),
        ("2022-05-11T12:29:19.905+0000", "2022-05-11T12:29:19.905Z", "exact"),
        ("2019-01-02T03:50:11.315110", "2019-01-02T03:50:11.315Z", "no_zone"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "exact"),
        ("2023-09-20T09:03:06.792Z", "2023-09-20T09:03:06.792Z", "exact"),
        ("2021-01-26T20:33:57.7220239Z", "2021-01-26T20:33:57.722Z", "exact"),
        ("2021-04-13T20:58:00.746609046Z", "2021-04-13T20:58:00.746Z", "exact"),
        ("2025-04-21 20:51:04.058183200", "2025-04-21T20:51:04.058Z", "no_zone"),
        ("2024-07-04 22:35:00.746663+00:00", "2024-07-04T22:35:00.746Z", "exact"),
        ("2021-04-13T20:58:00.746609046Z+2", "2021-04-13T20:58:00.746Z", "no_zone"),
        ("2024-06-19 11:02:03 (UTC)", "2024-06-19T11:02:03.000Z", "exact"),
        ("2024-06-19 11:02:03 -0530", "2024-06-19T16:32:03.000Z", "exact"),
        ("2024-06-19 11:02:03 +0000 UTC", "2024-06-19T11:02:03.000Z", "exact"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z", "exact"),
        (" 2024-06-19T11:02:03Z\n", "2024-06-19T11:02:03.000Z", "exact"),
        (1739539623, "2025-02-14T13:27:03.000Z", "exact"),
        (1521911720.629574, "2018-03-24T17:15:20.629Z", "exact"),
        ("1521911720.629574", "2018-03-24T17:15:20.629Z", "exact"),
        (1682368416719, "2023-04-24T20:33:36.719Z", "exact"),
        ("1682368416719", "2023-04-24T20:33:36.719Z", "exact"),
        (1682368416719123, "2023-04-24T20:33:36.719Z", "exact"),
        (1739178940698757000, "2025-02-10T09:15:40.698Z", "exact"),
        ("1739178940698757000", "2025-02-10T09:15:40.698Z", "exact"),
        (["2026-01-01T00:00:00Z"], "2026-01-01T00:00:00.000Z", "exact"),
        ("Dec 31 23:00:00", "2025-12-31T23:00:00.000Z", "no_year"),
        ("Jan  1 12:00:00", "2026-01-01T12:00:00.000Z", "no_year"),
        ("Jan  3 12:00:00", "2025-01-03T12:00:00.000Z", "no_year"),
        ("Feb 29 12:00:00", "2024-02-29T12:00:00.000Z", "no_year"),
        ("Mar 05 2024 12:00:01", "2024-03-05T12:00:01.000Z", "no_zone"),
        ("Sat Mar 24 17:15:20 2018", "2018-03-24T17:15:20.000Z", "no_zone"),
        ("Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05.000Z", "exact"),
        ("02/Jan/2006:15:04:05 +0000", "2006-01-02T15:04:05.000Z", "exact"),
        ("23:59:59.123456789", "2025-12-31T23:59:59.123Z", "no_date"),
        ("00:30:00", "2026-01-01T00:30:00.000Z", "no_date"),
        ("2024-02-29", "2024-02-29T00:00:00.000Z", "no_zone"),
        ("2026-01-04T00:00:00Z", "2026-01-04T00:00:00.000Z", "exact"),
        (b"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "exact"),
    ],
)
def test_shapes(value: object, when: str, quality: str) -> None:
    ms, found = parse_time(value, NOW_MS)
    assert (iso(ms), found) == (when, quality)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "{timestamp}", "XXXXXXXXXX.XXXXXX", "2024-02-30T12:00:00Z", "Feb 30 12:00:00", "soon"),
        *(
            True,
            [],
            {},
            [[1]],
            0,
            float("nan"),
            float("inf"),
            -float("inf"),
            1e30,
            "1e99",
            "9" * 60,
        ),
        *(
            "2024-13-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00+99:99",
            "24:00:00",
            "xyz 1 00:00:00",
        ),
        *(
            "2024-01-01T00:00:00" + "0" * 100,
            object(),
            "2024-01-01T00:00:00Z".translate({ord("0"): 0x660}),
            "0000-01-01T00:00:00Z",
        ),
    ],
)
def test_what_is_no_time_is_the_time_received(value: object) -> None:
    assert parse_time(value, NOW_MS) == (NOW_MS, "received")


def test_a_number_of_5000_digits_is_no_time() -> None:
    assert parse_time(10**5000, NOW_MS) == parse_time(-(10**5000), NOW_MS) == (NOW_MS, "received")


@pytest.mark.parametrize(("number", "unit"), [(10**11 - 1, 1000), (10**11, 1), (10**14 - 1, 1)])
def test_the_scale_changes_at_its_bounds(number: int, unit: int) -> None:
    assert parse_time(number, NOW_MS)[0] == number * unit


@pytest.mark.parametrize("number", [10**14, 10**17 - 1])
def test_microseconds(number: int) -> None:
    assert parse_time(number, NOW_MS)[0] == number // 1000


def test_nanoseconds_keep_their_digits() -> None:
    assert parse_time(1739178940698999999, NOW_MS)[0] == 1739178940698


_SHAPES = st.from_regex(r"\A[0-9TZ: .+()A-Za-z-]{0,40}\Z")
_NEAR = st.builds(
    "{}-{}-{}T{}:{}:{}.{}{}".format, *[st.integers(0, 9999)] * 7, st.sampled_from(["", "Z", "+2", "Z+2"])
)


@given(st.one_of(st.text(), _SHAPES, _NEAR, st.integers(), st.floats(), st.binary(), st.lists(st.integers())))
def test_no_input_raises(value: object) -> None:
    ms, quality = parse_time(value, NOW_MS)
    assert isinstance(ms, int)
    assert quality in {"exact", "no_zone", "no_date", "no_year", "received"}
    assert iso(ms)


@given(
    st.lists(
        st.datetimes(datetime.fromisoformat("1995-01-01"), datetime.fromisoformat("2035-01-01")),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["+0000", "-0730", "+0545", "Z0000", "+2"]),
    st.sampled_from([".", ","]),
)
def test_the_fast_way_for_streams_says_the_same(moments: list[datetime], zone: str, point: str) -> None:
    for moment in moments:
        for second in (0, 59, 60):
            text = f"{moment:%Y-%m-%dT%H:%M}:{second:02d}{point}{moment.microsecond:06d}{zone}"
            assert parse_stream_time(text, 7) == parse_time(text, 7)
