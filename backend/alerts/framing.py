"""Bytes of a file to records, each with its place: lines, or JSON documents that span lines.

A file of lines is cut at line feeds. A file whose first line is only the beginning of a JSON document (pretty
printed, or an array, or documents without anything between them) is cut where each document ends; an array is
one record, taken apart by `backend.alerts.unwrap`. The header of a Zeek TSV log, and that of a CSV
export, is no record of its own, but stands in front of each of its rows.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

import msgspec

from backend.alerts.csv_rows import Rows, could_be_header, header_of, with_header
from backend.alerts.zeek_tsv import Header, comments_before

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer line or document is given by its first bytes only, with a reason."""
HEAD_BYTES = 64 * 1024
"""What is kept of such a one."""
BLOCK_BYTES = 256 * 1024
"""Read at a time by `split_documents`."""
_DECIDE_BYTES = 1024 * 1024
"""Where nothing has been decided after so many bytes without a line end, JSON is cut by documents."""

_BLANK = b" \t\r\n"
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One record of a file: `data` without its line end, starting at byte `offset`.

    A row of a Zeek TSV log or a CSV export has its header in front; `offset` is the row's all the same.
    """

    offset: int
    data: bytes
    next_offset: int
    """Where reading goes on after it."""
    reason: str = ""
    """Why `data` is only the beginning; empty where it is whole."""


class _Scan:
    """Follows the nesting of JSON through blocks; knows strings, so a brace in one does not count."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False

    def end(self, data: bytes | bytearray, start: int) -> tuple[int, int]:
        """Go on from `start`: (byte after the document's end or -1, where to go on next time)."""
        place = start
        while True:
            found = (_INSIDE if self.in_string else _OUTSIDE).search(data, place)
            if found is None:
                return -1, len(data)
            char = found.group()
            place = found.end()
            if char == b"\\":
                if place >= len(data):
                    return -1, place - 1  # the escaped byte is not here yet
                place += 1
            elif char == b'"':
                self.in_string = not self.in_string
            else:
                self.depth += 1 if char in b"{[" else -1
                if self.depth <= 0:
                    self.depth = 0
                    return place, place


class Framer:
    """Cuts a stream of blocks into frames. Memory is bounded by `MAX_FRAME_BYTES` and one block.

    Args:
        start: the offset of the first byte that will be fed (where reading goes on after a restart).
        before: the file's first bytes, where `start` lies behind them: a header is looked for there.
    """

    def __init__(self, start: int = 0, *, limit: int = MAX_FRAME_BYTES, before: bytes = b"") -> None:
        self._offset = start  # of self._held[0]
        self._limit = limit
        self._held = bytearray()
        self._mode: Literal["undecided", "lines", "documents", "rows"] = "undecided"
        self._scan = _Scan()
        self._scanned = 0
        self._oversized: Frame | None = None  # its head, while the rest is passed over
        self._header = Header()
        for line in before[:start].split(b"\n")[:-1]:
            self._header.takes(line.rstrip(b"\r"))
        self._rows = Rows()
        self._columns = header_of(before[:start])  # the header of a CSV export
        if self._columns:
            self._mode = "rows"

    @property
    def position(self) -> int:
        """The offset after the last byte that was fed."""
        return self._offset + len(self._held)

    def feed(self, block: bytes) -> list[Frame]:
        """Take the next bytes; the records they complete."""
        self._held += block
        if self._mode == "undecided" and not self._decide(final=False):
            return []
        return self._cut()

    def finish(self) -> list[Frame]:
        """The end of the file: also what has no line end, or is a document broken off."""
        if self._mode == "undecided":
            self._decide(final=True)
        frames = self._cut()
        if self._oversized is not None:
            frames.append(self._close_oversized(self.position))
        elif self._held.strip(_BLANK) and not self._is_header():
            frames.append(self._frame(0, len(self._held)))
        self._drop(len(self._held))
        self._mode = "undecided"
        self._scan = _Scan()
        return frames

    def _cut(self) -> list[Frame]:
        if self._mode == "rows":
            return self._cut_rows()
        return self._cut_documents() if self._mode == "documents" else self._cut_lines()

    # --- what kind of file ------------------------------------------------------------------------------

    def _decide(self, *, final: bool) -> bool:
        """Settle the mode from the first lines; False while that needs more bytes."""
        start = _skip_blank(self._held, 3 if self._held.startswith(b"\xef\xbb\xbf") else 0)
        wait = not final and len(self._held) < _DECIDE_BYTES
        if start == len(self._held) and wait:
            return False
        line_end = self._held.find(b"\n", start)
        if not self._held.startswith((b"{", b"["), start):
            if line_end < 0 and wait and self._offset == 0 and could_be_header(self._held):
                return False
            self._mode = "rows" if self._offset == 0 and self._take_columns() else "lines"
        elif line_end >= 0:
            first = bytes(self._held[start:line_end]).strip()
            second_end = self._held.find(b"\n", line_end + 1)
            if not _is_open(first):
                self._mode = "lines"
            elif second_end >= 0 or not wait:
                second = bytes(self._held[line_end + 1 : second_end if second_end >= 0 else None]).strip()
                # After a first line that was cut off (a rotated file) come whole objects; a document goes on.
                cut_off = len(first) > 1 and _is_object(second)
                self._mode = "lines" if cut_off else "documents"
        elif not wait:
            self._mode = "documents"
        return self._mode != "undecided"

    # --- lines ------------------------------------------------------------------------------------------

    def _cut_lines(self) -> list[Frame]:
        frames: list[Frame] = []
        held = self._held
        end = held.rfind(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(held)
            return self._bound(frames)
        whole = bytes(held[: end + 1])
        offset = self._offset
        self._drop(end + 1)
        lines = whole.split(b"\n")
        lines.pop()
        if self._oversized is not None:
            offset += len(lines[0]) + 1
            frames.append(self._close_oversized(offset))
            del lines[0]
        if offset == 0 and (comments := comments_before(lines)):
            offset = sum(len(line) + 1 for line in lines[:comments])
            del lines[:comments]
        for line in lines:
            after = offset + len(line) + 1
            data = line[:-1] if line.endswith(b"\r") else line
            if len(data) > self._limit:
                frames.append(self._cut_short(data, offset, after))
            elif data and not data.isspace() and not (data[:1] == b"#" and self._header.takes(data)):
                frames.append(Frame(offset, self._header.before(data), after))
            offset = after
        return self._bound(frames)

    # --- rows of a CSV export ---------------------------------------------------------------------------

    def _take_columns(self) -> bool:
        """Whether the file begins with the header of a CSV export; if so it is taken."""
        self._columns = header_of(bytes(self._held[:_DECIDE_BYTES]))
        if self._columns:
            self._drop(self._held.find(b"\n") + 1)
        return bool(self._columns)

    def _cut_rows(self) -> list[Frame]:
        frames: list[Frame] = []
        held = self._held
        start = 0
        place = self._scanned
        while (end := self._rows.end(held, place)) >= 0:
            if self._oversized is not None:
                frames.append(self._close_oversized(self._offset + end))
            elif not held[start:end].isspace():
                frames.append(self._frame(start, end))
            start = place = end
        self._scanned = len(held)
        self._drop(start)
        return self._bound(frames)

    # --- documents --------------------------------------------------------------------------------------

    def _cut_documents(self) -> list[Frame]:
        frames: list[Frame] = []
        held = self._held
        start = 0  # of the document being read
        place = self._scanned
        while True:
            if self._scan.depth == 0 and not self._scan.in_string and self._oversized is None:
                start = _skip_blank(held, start, b" \t\r\n,")
                place = max(place, start)
                if start < len(held) and not held.startswith((b"{", b"["), start):
                    end = held.find(b"\n", start)  # no document: given as a line, so that it is seen
                    if end < 0:
                        place = start
                        break
                    frames.append(self._frame(start, end, after=end + 1))
                    start = place = end + 1
                    continue
            end, place = self._scan.end(held, place)
            if end < 0:
                break
            if self._oversized is not None:
                frames.append(self._close_oversized(self._offset + end))
            else:
                frames.append(self._frame(start, end))
            start = end
        self._scanned = place
        self._drop(start)
        return self._bound(frames)

    # --- the bytes held ---------------------------------------------------------------------------------

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._offset += count
        self._scanned = max(0, self._scanned - count)

    def _bound(self, frames: list[Frame]) -> list[Frame]:
        """Pass over what is longer than the limit, keeping its beginning."""
        if self._oversized is None and len(self._held) > self._limit:
            self._oversized = self._cut_short(bytes(self._held[:HEAD_BYTES]), self._offset, 0)
        if self._oversized is not None:
            keep = 1 if self._held.endswith(b"\\") else 0  # an escape that goes on in the next block
            self._drop(len(self._held) - keep)
        return frames

    def _close_oversized(self, next_offset: int) -> Frame:
        head = self._oversized
        self._oversized = None
        if head is None:
            raise AssertionError("nothing is being passed over")
        return Frame(head.offset, head.data, next_offset, head.reason)

    def _cut_short(self, data: bytes, offset: int, after: int) -> Frame:
        return Frame(
            offset, data[:HEAD_BYTES], after, f"longer than {self._limit} bytes; only its beginning is kept"
        )

    def _is_header(self) -> bool:
        """Whether what is held to the last, a line without its end, is a Zeek log's header or `#close`."""
        return self._held[:1] == b"#" and self._header.takes(bytes(self._held))

    def _frame(self, start: int, end: int, after: int | None = None) -> Frame:
        data = bytes(self._held[start:end])
        offset = self._offset + start
        next_offset = self._offset + (end if after is None else after)
        if len(data) > self._limit:
            return self._cut_short(data, offset, next_offset)
        data = data.rstrip(b"\r\n")
        if self._mode == "rows":
            return Frame(offset, with_header(self._columns, data), next_offset)
        return Frame(offset, self._header.before(data), next_offset)


def split_documents(stream: BinaryIO, start: int = 0) -> Iterator[Frame]:
    """Every record of a file or pipe, read in blocks. Blocks while it reads: not for an event loop."""
    framer = Framer(start)
    while block := stream.read(BLOCK_BYTES):
        yield from framer.feed(block)
    yield from framer.finish()


def split_rows(data: bytes) -> list[bytes]:
    """A record that is a Zeek TSV log, its header and several rows, as records of one row; else as it is."""
    before, _, _ = data.rstrip().rpartition(b"\n")
    only_one = before.rpartition(b"\n")[2].startswith(b"#")
    if only_one or not data.startswith(b"#") or b"#separator" not in data[:4096]:
        return [data]
    framer = Framer()
    rows = [frame.data for frame in (*framer.feed(data), *framer.finish())]
    return rows or [data]


def _skip_blank(data: bytes | bytearray, place: int, blank: bytes = _BLANK) -> int:
    while place < len(data) and data[place] in blank:
        place += 1
    return place


def _is_object(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_open(line: bytes) -> bool:
    """Whether a line only begins a JSON document: it ends nested, and not inside a string."""
    scan = _Scan()
    place = 0
    while place < len(line):
        end, place = scan.end(line, place)
        if end < 0:
            break
    return scan.depth > 0 and not scan.in_string
