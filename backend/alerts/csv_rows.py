"""CSV exports: rows whose fields only the header line names, with cells that hold line ends.

Framing gives every row with the header in front (`header_of`, `Rows`), so that such a record is whole
wherever it is stored, sent or read again; `rows` makes an object of each, named as the header says.
"""

import csv
import io
import re
from collections.abc import Iterator

import msgspec

from backend.alerts.decode import to_text
from backend.alerts.fields import Object
from backend.alerts.generic_keys import KEYS, canonical

_MIN_NAMES = 3
_MAX_NAMES = 500
_MAX_HEADER_BYTES = 16 * 1024
_MAX_GROWTH = 8
_FREE_BYTES = 1024 * 1024
"""Rows with their names may be so many times as long as the record, and that much more: rows of nothing
but commas under a long header would fill the memory."""
_LEAST_SHARE = 100
"""A header so many times as long as a row does not stand in front of it: the row is none of that export."""
_MIN_KNOWN = 2
"""Names a header must share with what alerts usually call their fields: prose with commas in it does not."""

_KNOWN = frozenset(name for names in KEYS.values() for name in names) | {"systemalertid", "timegenerated"}
_FIRST = re.compile(rb'[\xefA-Za-z_"@,]')
_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?[A-Za-z_"@,][^\r\n]*,')
# No blank at either end: after the commas of prose there is one.
_NAME = re.compile(r"[A-Za-z_@$](?:[\w .@$/()\[\]-]{0,80}[\w)\]])?")
_QUOTE_OR_END = re.compile(rb'["\n]')

# The module's own limit, 131,072, is shorter than a Sentinel alert's entities may be; records are bounded.
_MAX_CELL = 64 * 1024 * 1024


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row: as an object, or with the reason why it is none."""

    raw: bytes
    """The object as JSON; of a row that can't be read, the row with the header in front."""
    value: Object | None
    reason: str = ""


class Rows:
    """Finds where rows end, block by block: at a line feed outside of quotes."""

    def __init__(self) -> None:
        self._quoted = False

    def end(self, data: bytes | bytearray, start: int) -> int:
        """Go on from `start`: the byte after the row's line feed, or -1 where `data` ends before it."""
        place = start
        while found := _QUOTE_OR_END.search(data, place):
            place = found.end()
            if found.group() == b'"':
                self._quoted = not self._quoted
            elif not self._quoted:
                return place
        return -1


def could_be_header(start: bytes | bytearray) -> bool:
    """Whether bytes without a line end yet may grow into a header."""
    return len(start) < _MAX_HEADER_BYTES and _FIRST.match(start) is not None


def with_header(header: bytes, row: bytes) -> bytes:
    """A row with its header in front, if it is long enough to be a row of it."""
    return header + b"\n" + row if len(header) <= _LEAST_SHARE * (len(row) + 1) else row


def header_of(data: bytes) -> bytes:
    """The header line, without its end, that `data` begins with; empty where it begins with none."""
    if _FIRST.match(data) is None:
        return b""
    end = data.find(b"\n", 0, _MAX_HEADER_BYTES)
    if end < 0 or _BEGINS.match(data) is None:
        return b""
    line = data[:end].rstrip(b"\r")
    return line if _names(line) else b""


def is_csv(data: bytes) -> bool:
    """Whether a record is a header and at least one row."""
    return bool(header_of(data))


def rows(data: bytes) -> Iterator[Row]:
    """Every row of a record for which `is_csv` holds; raises nothing."""
    header = header_of(data)
    names = _names(header)
    body, _ = to_text(data[len(header) :])
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(io.StringIO(body.lstrip("\r\n"), newline=""))
    number = 0
    left = _MAX_GROWTH * len(data) + _FREE_BYTES
    try:
        for cells in reader:
            if cells:
                number += 1
                row = _row(header, names, cells, number)
                left -= len(row.raw)
                if left < 0:
                    yield Row(
                        data, None, f"CSV whose rows are too short for its header, from row {number} on"
                    )
                    return
                yield row
    except csv.Error as error:
        yield Row(data, None, f"CSV can't be read after row {number}: {error}")


def _row(header: bytes, names: list[str], cells: list[str], number: int) -> Row:
    if len(cells) != len(names):
        again = io.StringIO(newline="")
        csv.writer(again).writerow(cells)
        raw = with_header(header, again.getvalue().encode("utf-8", "surrogateescape"))
        return Row(raw, None, f"CSV row {number} has {len(cells)} cells, the header names {len(names)}")
    value: Object = dict(zip(names, cells, strict=True))
    try:
        return Row(msgspec.json.encode(value), value)
    except UnicodeEncodeError:  # bytes that are not UTF-8, carried as lone surrogates
        value = {
            name: cell.encode("utf-8", "replace").decode() for name, cell in zip(names, cells, strict=True)
        }
        return Row(msgspec.json.encode(value), value)


def _names(line: bytes) -> list[str]:
    """The header's names; none where the line is no header. A column without a name gets its number."""
    text, _ = to_text(line)
    try:
        cells = next(csv.reader([text]), [])
    except csv.Error:
        return []
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    if not _MIN_NAMES <= len(names) <= _MAX_NAMES or len(set(names)) < len(names):
        return []
    if not all(_NAME.fullmatch(name) for name in names):
        return []
    return names if len(_KNOWN.intersection(map(canonical, names))) >= _MIN_KNOWN else []
