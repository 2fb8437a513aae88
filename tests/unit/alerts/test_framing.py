"""Files to records: lines, documents over many lines, and all the ways a file can end."""

import io
import itertools
import json
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.framing import HEAD_BYTES, Frame, Framer, split_documents
from tests.unit.alerts.reading import EVE, FINDING

PRETTY = [json.dumps(EVE, indent=2).encode(), json.dumps(FINDING, indent=4).encode()]


def frames(data: bytes, size: int = 10**9, start: int = 0) -> list[Frame]:
    framer = Framer(start)
    found = [
        frame for place in range(0, len(data), size) for frame in framer.feed(data[place : place + size])
    ]
    found += framer.finish()
    assert framer.position == start + len(data)
    for frame in found:
        if not frame.reason:
            assert data[frame.offset - start : frame.next_offset - start].startswith(frame.data)
    return found


def contents(data: bytes, size: int = 10**9) -> list[bytes]:
    return [frame.data for frame in frames(data, size)]


@pytest.mark.parametrize("size", [1, 3, 7, 10**9])
@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n \n{"b":2}\r\n', [b'{"a":1}', b'{"b":2}']),
        (b'\n\n{"a":1}\n{"b":', [b'{"a":1}', b'{"b":']),
        (b"plain\nlines {\nhere", [b"plain", b"lines {", b"here"]),
        (b'[1]\n{"a":1}\n', [b"[1]", b'{"a":1}']),
        (b'{"a":1}{"b":2}\n{"c":3}\n', [b'{"a":1}{"b":2}', b'{"c":3}']),
        (b'{"a":"cut off\n{"b":2}\n{"c":3}\n', [b'{"a":"cut off', b'{"b":2}', b'{"c":3}']),
        (b'{"a":1,\n{"b":2}\n{"c":3}\n', [b'{"a":1,', b'{"b":2}', b'{"c":3}']),
        (b'\xef\xbb\xbf{"a":1}\n{"b":2}\n', [b'\xef\xbb\xbf{"a":1}', b'{"b":2}']),
        (b"", []),
        (b" \r\n\n", []),
        (b"x", [b"x"]),
        (PRETTY[0], [PRETTY[0]]),
        (b"\n" + PRETTY[0] + b"\n" + PRETTY[1] + b"\n", PRETTY),
        (PRETTY[0] + PRETTY[1], PRETTY),
        (PRETTY[0] + b'{"c":"}"}{"d":"\\"{"}', [PRETTY[0], b'{"c":"}"}', b'{"d":"\\"{"}']),
        (b'[\n{"a":1}\n,\n{"b":2}\n]\n', [b'[\n{"a":1}\n,\n{"b":2}\n]']),
        (b'[{"a":1},\n{"b":2}]\n[3]\n', [b'[{"a":1},\n{"b":2}]', b"[3]"]),
        (PRETTY[0] + b"\nrubbish here\n" + PRETTY[1], [PRETTY[0], b"rubbish here", PRETTY[1]]),
        (PRETTY[0] + PRETTY[1][:-2], [PRETTY[0], PRETTY[1][:-2]]),
        (b'{"a":1,"b":[{}', [b'{"a":1,"b":[{}']),
        (b'{"a":{}}{"b":"x"}{"c":', [b'{"a":{}}', b'{"b":"x"}', b'{"c":']),
    ],
)
def test_records(data: bytes, records: list[bytes], size: int) -> None:
    if b"\n" not in data and data.startswith(b'{"a":{}}') and size != 1:
        size = 1
    assert contents(data, size) == records


def test_offsets_and_where_reading_goes_on() -> None:
    data = b'{"a":1}\r\n\n{"b":2}\n{"c"'
    assert frames(data, start=100) == [
        Frame(100, b'{"a":1}', 109),
        Frame(110, b'{"b":2}', 118),
        Frame(118, b'{"c"', 122),
    ]


@pytest.mark.parametrize("documents", [[b'{"a":1}', b'{"b":[2]}', b'{"c":"x"}'], PRETTY * 3])
def test_reading_on_from_any_record_gives_the_rest(documents: list[bytes]) -> None:
    data = b"\n".join(documents) + b"\n"
    whole = frames(data)
    assert len(whole) == len(documents)
    for index, frame in enumerate(whole):
        rest = Framer(frame.next_offset)
        found = rest.feed(data[frame.next_offset :]) + rest.finish()
        assert found == whole[index + 1 :]


def test_a_whole_line_is_given_at_once_and_half_a_line_is_kept_back() -> None:
    framer = Framer()
    assert [frame.data for frame in framer.feed(b'{"a":1}\n{"b"')] == [b'{"a":1}']
    assert framer.feed(b":2}") == []
    assert [frame.data for frame in framer.feed(b"\n")] == [b'{"b":2}']
    assert framer.finish() == []


def test_a_document_is_given_as_soon_as_it_ends() -> None:
    framer = Framer()
    assert framer.feed(PRETTY[0][:-1]) == []
    assert [frame.data for frame in framer.feed(b"}")] == [PRETTY[0]]


def test_documents_without_any_line_end_are_cut_before_the_file_ends() -> None:
    one = b'{"pad":"' + b"x" * 1000 + b'"}'
    framer = Framer()
    found = framer.feed(one * 2000)
    assert len(found) == 2000
    assert {frame.data for frame in found} == {one}


@pytest.mark.parametrize("opening", [b'{"a":"', b"plain "])
def test_a_line_beyond_the_limit_keeps_its_beginning(opening: bytes) -> None:
    limit = 200_000
    framer = Framer(limit=limit)
    closing = b'"}\n' if opening.startswith(b"{") else b"\n"
    data = b'{"first":1}\n' + opening + b"x" * 1_000_000 + closing + b'{"last":1}\n'
    found: list[Frame] = []
    for place in range(0, len(data), 65536):
        found += framer.feed(data[place : place + 65536])
        assert len(framer._held) <= limit + 65536
    first, long, last = found + framer.finish()
    assert (first.data, last.data) == (b'{"first":1}', b'{"last":1}')
    assert long.data == opening + b"x" * (HEAD_BYTES - len(opening))
    assert (long.offset, long.next_offset) == (first.next_offset, last.offset)
    assert long.reason == "longer than 200000 bytes; only its beginning is kept"


def test_a_document_beyond_the_limit_keeps_its_beginning() -> None:
    framer = Framer(limit=200_000)
    long = b'{\n"a": "' + b'\\"}' * 400_000 + b'"\n}'
    data = PRETTY[0] + long + PRETTY[1]
    found: list[Frame] = []
    for place in range(0, len(data), 7777):
        found += framer.feed(data[place : place + 7777])
        assert len(framer._held) <= 210_000
    first, middle, last = found + framer.finish()
    assert (first.data, last.data) == (PRETTY[0], PRETTY[1])
    assert (middle.data, middle.reason != "") == (long[:HEAD_BYTES], True)
    assert (middle.offset, middle.next_offset) == (len(PRETTY[0]), len(PRETTY[0]) + len(long))


def test_a_line_beyond_the_limit_at_the_end() -> None:
    framer = Framer(limit=100_000)
    assert framer.feed(b"y" * 300_000) == []
    (only,) = framer.finish()
    assert (only.offset, only.next_offset, len(only.data)) == (0, 300_000, HEAD_BYTES)


def test_split_documents_reads_a_stream_in_blocks() -> None:
    lines = [b'{"n":%d,"pad":"%s"}' % (number, b"x" * 200) for number in range(5000)]
    found = list(split_documents(io.BytesIO(b"\n".join(lines))))
    assert [frame.data for frame in found] == lines
    assert found[-1].next_offset == sum(map(len, lines)) + len(lines) - 1


_documents = st.lists(
    st.dictionaries(
        st.text(max_size=4), st.text(max_size=6) | st.lists(st.integers(0, 9), max_size=3), max_size=3
    ),
    min_size=1,
    max_size=5,
)


@given(_documents, st.integers(1, 40), st.sampled_from([None, 2]), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_every_document_once_however_it_is_cut(
    documents: list[dict[str, object]], size: int, indent: int | None, between: str
) -> None:
    texts = [json.dumps(document, indent=indent).encode() for document in documents]
    data = between.encode().join(texts)
    if indent and b"\n" not in data.split(between.encode())[0]:
        return  # "{}" alone on the first line: a file of lines
    assert contents(data, size) == texts


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_given_once(data: bytes, size: int) -> None:
    whole = frames(data, size)
    assert whole == frames(data)
    assert all(before.next_offset <= after.offset for before, after in itertools.pairwise(whole))
    given_back = b"".join(frame.data for frame in whole)
    assert len(given_back) <= len(data)


def test_random_cuts_of_a_large_file() -> None:
    random.seed(7)
    lines = [json.dumps(EVE | {"n": number, "pad": os.urandom(20).hex()}).encode() for number in range(2000)]
    data = b"\n".join(lines) + b"\n"
    framer, found, place = Framer(), list[Frame](), 0
    while place < len(data):
        size = random.randint(1, 9000)
        found += framer.feed(data[place : place + size])
        place += size
    found += framer.finish()
    assert [frame.data for frame in found] == lines
