"""Zeek's TSV logs: rows whose columns only the file's own header names.

A row can't be read without the `#fields` line above it, and columns differ from file to file.
So framing keeps the header lines (`Header`) and gives every row with them in front: such a record is whole
wherever it is stored, sent or read again. `read_row` reads it.
"""

import re
from typing import NamedTuple

from backend.alerts.decode import to_text
from backend.alerts.fields import Object

_KEPT = (b"#separator", b"#set_separator", b"#empty_field", b"#unset_field", b"#path", b"#fields")
_PASSED_OVER = (b"#types", b"#open")
_MAX_LINE_BYTES = 16 * 1024
"""A longer header line is not Zeek's: its widest log has some 60 columns."""

_HEADER_LINE = re.compile(
    r"#(?:separator|set_separator|empty_field|unset_field|path|open|close|fields|types)[^\w]"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\\))")
_SETS = frozenset({"actions", "email_dest"})

# The order of notice.log's first columns, unchanged from Bro 2.2 to Zeek 7: for rows that lost their header.
_USUAL = (
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "fuid", "file_mime_type", "file_desc"),
    *("proto", "note", "msg", "sub", "src", "dst", "p", "n", "peer_descr", "actions"),
)
_TIME = re.compile(r"\d{1,12}\.\d{1,9}|X+\.X+", re.ASCII)
_NOTE = re.compile(r"[A-Za-z_]\w*(?:::\w+)*", re.ASCII)


class Header:
    """The header lines of one Zeek log, collected as they go by."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        self._lines = b""

    def before(self, record: bytes) -> bytes:
        """The record with the header's lines in front, if a log has begun and this can be a row of it."""
        return self._lines + record if self._lines and record[:1] not in (b"{", b"[") else record

    def takes(self, line: bytes) -> bool:
        """Whether the line belongs to a header (or is a log's last, `#close`), and so is no record.

        A log begins with `#separator`, before which nothing is taken, and ends with `#close` or the next one.
        """
        name = re.split(rb"[^#\w]", line[:40], maxsplit=1)[0]
        if name in (b"#separator", b"#close"):
            begun = bool(self._kept)
            self._kept.clear()
            self._lines = b""
            if name == b"#close":
                return begun
        elif not self._kept:
            return False
        if name not in _KEPT or len(line) > _MAX_LINE_BYTES:
            return name in _PASSED_OVER
        self._kept[name] = line
        self._lines = b"".join(kept + b"\n" for kept in self._kept.values())
        return True


def comments_before(lines: list[bytes]) -> int:
    """How many lines of comment stand in front of a Zeek log's header, 0 where no such log begins here."""
    for index, line in enumerate(lines[:10]):
        if line.startswith(b"#separator"):
            return index
        if not line.startswith(b"#"):
            break
    return 0


class Row(NamedTuple):
    """One row: the log it is of (`notice`, `conn`, …) and its columns; unset ones are left out."""

    path: str
    columns: Object
    notes: tuple[str, ...] = ()


def is_tsv(text: str) -> bool:
    """Whether a record is a row with its header, a header line, or a notice row without one."""
    return _HEADER_LINE.match(text) is not None or _is_usual(text)


def read_row(raw: bytes) -> Row | None:
    """The row of a record, None where it is a header without one.

    Raises:
        ValueError: the columns are not known; the message says why.
    """
    text, notes = to_text(raw)
    header: dict[str, str] = {}
    row = ""
    for line in text.split("\n"):
        if line.startswith("#") and not row:
            name = re.split(r"[^#\w]", line, maxsplit=1)[0]
            header[name] = line[len(name) + 1 :]
        elif line.strip("\r"):
            row = line.rstrip("\r")
    if not row:
        return None
    if "#fields" not in header:
        if not _is_usual(row):
            raise ValueError("Zeek row without the #fields line that names its columns")
        notes = (*notes, "Zeek row without its header: columns read in Zeek's usual order")
        return Row("notice", _columns(row.split("\t"), _USUAL, {}), notes)
    separator = _unescaped(header.get("#separator", "\\x09").strip()) or "\t"
    names = header["#fields"].split(separator)
    values = row.split(separator)
    if len(names) != len(values):
        notes = (*notes, f"Zeek row of {len(values)} columns where the header names {len(names)}")
    return Row(header.get("#path", "").strip(), _columns(values, tuple(names), header), notes)


def _is_usual(text: str) -> bool:
    """Whether a line looks like a row of notice.log: nothing else has such a first and eleventh column."""
    if "\t" not in text[:64]:
        return False
    values = text.split("\t", len(_USUAL))
    return (
        len(values) >= len(_USUAL)
        and _TIME.fullmatch(values[0]) is not None
        and _NOTE.fullmatch(values[10]) is not None
        and (values[18] in ("-", "(empty)") or "ACTION_" in values[18])
    )


def _columns(values: list[str], names: tuple[str, ...], header: dict[str, str]) -> Object:
    unset = header.get("#unset_field", "-")
    empty = header.get("#empty_field", "(empty)")
    between = header.get("#set_separator", ",") or ","
    found: Object = {}
    for name, value in zip(names, values, strict=False):
        if value == unset:
            continue
        if name in _SETS:
            found[name] = [] if value == empty else [_unescaped(one) for one in value.split(between)]
        else:
            found[name] = "" if value == empty else _unescaped(value)
    return found


def _unescaped(value: str) -> str:
    r"""Zeek writes what it can't print, and its own separator, as `\x09`, and a backslash as two."""
    if "\\" not in value:
        return value
    raw = _ESCAPE.sub(lambda found: "\\" if found[2] else chr(int(found[1], 16)), value)
    try:  # bytes of UTF-8 that were escaped one by one
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw
