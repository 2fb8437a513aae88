"""CSV exports: a header, rows whose cells hold line ends, and what only looks like one."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.csv_rows import header_of, is_csv
from backend.alerts.framing import Framer, split_documents
from backend.alerts.model import DeadLetter, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from tests.unit.alerts.reading import NOW_MS

NAMES = ["", "TimeGenerated", "Title", "Severity", "Entities"]
ROWS = [
    ["1", "2025-12-31 00:00:00", "One", "High", '[\n  {"a": "x, y"}\n]'],
    ["2", "2025-12-31 00:00:01", 'Tw"o', "Low", "\r\n\r\n"],
    ["3", "2025-12-31 00:00:02", "Dreí", "Medium", "CEF:0|a|b|c|d|e|9|"],
]


def written(rows: list[list[str]], names: list[str] = NAMES, end: str = "\r\n", quoting: int = 0) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([names, *rows])  # type: ignore[arg-type]  # typeshed wants the literal
    return out.getvalue().encode()


def values(data: bytes) -> list[dict[str, str]]:
    items = Parser().parse(data, NOW_MS)
    assert [item.sub for item in items] == list(range(len(items)))
    return [json.loads(item.raw) for item in items if isinstance(item, ParsedAlert)]


def expected(rows: list[list[str]]) -> list[dict[str, str]]:
    return [dict(zip(["column 1", *NAMES[1:]], row, strict=True)) for row in rows]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_one_record_of_many_rows(end: str, quoting: int, mark: bytes) -> None:
    assert values(mark + written(ROWS, end=end, quoting=quoting)) == expected(ROWS)


@pytest.mark.parametrize("size", [1, 7, 64, 10**6])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_gives_each_row_with_its_header(size: int, end: str) -> None:
    data = written(ROWS, end=end)
    framer = Framer()
    frames = [one for at in range(0, len(data), size) for one in framer.feed(data[at : at + size])]
    assert len(frames) == len(ROWS)  # none waits for the end of the file
    assert framer.finish() == []
    assert [value for frame in frames for value in values(frame.data)] == expected(ROWS)
    assert [frame.offset for frame in frames[1:]] == [frame.next_offset for frame in frames[:-1]]
    assert frames[-1].next_offset == len(data)


def test_the_last_row_may_lack_its_line_end() -> None:
    data = written(ROWS[:1]).rstrip(b"\r\n")
    (frame,) = split_documents(io.BytesIO(data))
    assert values(frame.data) == expected(ROWS[:1])


def test_reading_goes_on_after_any_row_where_the_beginning_is_known() -> None:
    data = written(ROWS)
    frames = list(split_documents(io.BytesIO(data)))
    for index, frame in enumerate(frames):
        rest = Framer(frame.next_offset, before=data[:200])
        assert rest.feed(data[frame.next_offset :]) + rest.finish() == frames[index + 1 :]


def test_fields_find_their_meaning() -> None:
    item = Parser().parse(written(ROWS), NOW_MS)[0]
    assert isinstance(item, ParsedAlert)
    assert (item.head.title, item.head.severity_id, item.head.format) == ("One", 4, "generic_json")


def test_a_row_that_does_not_fit_its_header_is_a_dead_letter_that_can_be_mended() -> None:
    data = written([ROWS[0], ["only", "three", "cells"], ROWS[1]])
    one, dead, two = Parser().parse(data, NOW_MS)
    assert isinstance(one, ParsedAlert) and isinstance(two, ParsedAlert)
    assert isinstance(dead, DeadLetter)
    assert dead.reason == "CSV row 2 has 3 cells, the header names 5"
    assert dead.raw.splitlines() == [b",TimeGenerated,Title,Severity,Entities", b"only,three,cells"]


def test_a_quote_that_never_closes_is_a_dead_letter() -> None:
    data = written(ROWS[:1]) + b'2,2025-12-31 00:00:01,"open,High,x\r\n3,4,5,6,7\r\n'
    frames = list(split_documents(io.BytesIO(data)))
    assert len(frames) == 2
    (dead,) = Parser().parse(frames[1].data, NOW_MS)
    assert isinstance(dead, DeadLetter) and dead.reason == "CSV row 1 has 3 cells, the header names 5"


def test_a_row_beyond_the_limit_keeps_its_beginning() -> None:
    long = ["4", "2025-12-31", "T", "High", "x" * 400_000]
    framer = Framer(limit=200_000)
    data = written([ROWS[0], long, ROWS[1]])
    frames = [one for at in range(0, len(data), 50_000) for one in framer.feed(data[at : at + 50_000])]
    assert [bool(frame.reason) for frame in frames] == [False, True, False]
    assert values(frames[2].data) == expected([ROWS[1]])


def test_cells_longer_than_the_csv_modules_own_limit() -> None:
    (item,) = Parser().parse(written([["1", "2025-12-31", "T", "High", "y" * 300_000]]), NOW_MS)
    assert isinstance(item, ParsedAlert) and len(json.loads(item.raw)["Entities"]) == 300_000


def test_a_long_header_over_many_short_rows_fills_no_memory() -> None:
    names = ["time", "title", "severity", *(f"name_{number:060}" for number in range(200))]
    header = ",".join(names).encode()
    framed = list(split_documents(io.BytesIO(header + b"\n" + b"a\n" * 50_000)))
    assert len(framed) == 50_000 and sum(len(frame.data) for frame in framed) < 200_000
    data = header + b"\n" + (b"," * (len(names) - 1) + b"\n") * 5000
    items = Parser().parse(data, NOW_MS)
    assert sum(len(item.raw) for item in items if isinstance(item, ParsedAlert)) < 12 * len(data)
    last = items[-1]
    assert isinstance(last, DeadLetter) and last.raw == data
    assert last.reason.startswith("CSV whose rows are too short for its header, from row ")


def test_bytes_that_are_not_utf8() -> None:
    (item,) = Parser().parse(written([["1", "2025-12-31", "X", "High", "e"]]).replace(b"X", b"\xff"), NOW_MS)
    assert isinstance(item, ParsedAlert) and item.head.title == "?"


def test_a_header_alone_is_no_alert() -> None:
    for item in Parser().parse(written([]), NOW_MS):
        assert isinstance(item, ParsedEvent)
    assert list(split_documents(io.BytesIO(written([])))) == []


@pytest.mark.parametrize(
    "data",
    [
        b"Jan  1 00:00:00 web-1 sshd[7]: time, title, severity\nmore\n",
        b"time,title\n1,2\n",
        b"alpha,beta,gamma\n1,2,3\n",
        b"time,title,title\n1,2,3\n",
        b"1,2020/01/01 00:00:00,0123,TRAFFIC,end\n1,2\n",
        b"<13>time,title,severity\n1,2,3\n",
        b"Severity, title, and time: all of it\nx\n",
        b"time,title,severity",
        b"#time,title,severity\n1,2,3\n",
        b"time,<b>,severity,title\n1,2,3,4\n",
        b"",
        b"\n",
    ],
)
def test_what_is_no_export(data: bytes) -> None:
    assert not is_csv(data)
    assert header_of(data) == b""


def test_lines_with_commas_stay_lines() -> None:
    data = b"first, second\nthird, fourth\n"
    assert [frame.data for frame in split_documents(io.BytesIO(data))] == [b"first, second", b"third, fourth"]


def test_a_fixed_format_reads_rows_too() -> None:
    data = written([["1", "2025-12-31", "T", "High", ""]])
    (item,) = Parser(fixed_format="generic_json").parse(data, NOW_MS)
    assert isinstance(item, ParsedAlert) and item.head.title == "T"


_cells = st.lists(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12),
        min_size=5,
        max_size=5,
    ),
    min_size=1,
    max_size=6,
).filter(lambda rows: all(any(cell.strip() for cell in row) for row in rows))


@given(_cells, st.integers(1, 50), st.sampled_from(["\n", "\r\n"]))
def test_every_row_once_however_it_is_cut(rows: list[list[str]], size: int, end: str) -> None:
    data = written(rows, end=end, quoting=csv.QUOTE_ALL)
    framer = Framer()
    frames = [one for at in range(0, len(data), size) for one in framer.feed(data[at : at + size])]
    frames += framer.finish()
    assert [value for frame in frames for value in values(frame.data)] == expected(rows)


@given(st.binary(max_size=200))
def test_nothing_raises(tail: bytes) -> None:
    Parser().parse(b"time,title,severity\n" + tail, NOW_MS)
