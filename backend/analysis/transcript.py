"""An investigation's transcript: written on one thread, read by cursor from others without locks."""

from bisect import bisect_right

import msgspec

from backend.alerts.text import SafeText
from backend.analysis.model import AttemptEnded, AttemptStarted, Delta, TranscriptEvent
from backend.api import TranscriptSlice

MAX_CHARS = 256 * 1024
MAX_ENTRIES = 2_000
MERGED_CHARS = 4 * 1024
"""Neighbouring deltas of one kind are merged up to this length once they are old news."""
_COMPACT_EVERY = 256


class _Entry(msgspec.Struct, frozen=True):
    """One event at its place: what stands before it, a character of a delta and any other event as 1."""

    start: int
    event: TranscriptEvent

    @property
    def end(self) -> int:
        return self.start + _length(self.event)


class _Shelf(msgspec.Struct, frozen=True):
    """What a reader takes hold of in one step; only its list grows, and only at the end."""

    entries: list[_Entry]
    dropped_to: int
    """Places before this may have been dropped."""


def _length(event: TranscriptEvent) -> int:
    return len(event.text) if isinstance(event, Delta) else 1


def _start(entry: _Entry) -> int:
    return entry.start


class Transcript:
    """Append-only and bounded. Cursors are places in the text, so merging old deltas never moves them.

    One thread appends; any thread reads. A published entry is never changed: when entries are merged or
    dropped, a new shelf takes the old one's place, and whoever still reads the old one reads it whole.
    """

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._shelf = _Shelf([], 0)
        self._end = 0
        self._chars = 0
        self._since_compact = 0
        self._live = False

    @property
    def live(self) -> bool:
        """An attempt is still writing."""
        return self._live

    @property
    def cursor(self) -> int:
        """The place after all that was written so far."""
        return self._end

    def append(self, event: TranscriptEvent) -> None:
        """Write one event."""
        length = _length(event)
        if not length:
            return
        if isinstance(event, AttemptStarted):
            self._live = True
        self._shelf.entries.append(_Entry(self._end, event))
        self._end += length
        self._chars += length
        self._since_compact += 1
        if self._since_compact >= _COMPACT_EVERY or self._chars > self._max_chars:
            self._compact()
        if isinstance(event, AttemptEnded):
            self._live = False

    def finish(self) -> None:
        """Nothing is writing any more, however it ended."""
        self._live = False

    def since(self, cursor: int = 0) -> TranscriptSlice:
        """What was written from `cursor` on; pass the slice's cursor back for what comes next.

        `truncated` says that some of what was asked for is gone.
        """
        live = self._live  # read first: a slice that says "not live" then holds everything
        shelf = self._shelf
        count = len(shelf.entries)
        index = max(bisect_right(shelf.entries, cursor, hi=count, key=_start) - 1, 0)
        events: list[TranscriptEvent] = []
        place = cursor
        for entry in shelf.entries[index:count]:
            if entry.end <= cursor:
                continue
            place = entry.end
            events.append(_from(entry, cursor))
        return TranscriptSlice(tuple(events), place, live, truncated=cursor < shelf.dropped_to)

    def _compact(self) -> None:
        """Merge neighbouring deltas; where there is too much, drop the oldest text down to half the room."""
        self._since_compact = 0
        entries = _merged(self._shelf.entries)
        dropped_to = self._shelf.dropped_to
        if self._chars > self._max_chars or len(entries) > MAX_ENTRIES:
            entries, dropped_to = self._dropped(entries, dropped_to)
        self._chars = sum(entry.end - entry.start for entry in entries)
        self._shelf = _Shelf(entries, dropped_to)

    def _dropped(self, entries: list[_Entry], dropped_to: int) -> tuple[list[_Entry], int]:
        excess = self._chars - self._max_chars // 2
        kept: list[_Entry] = []
        for entry in entries:
            if excess > 0 and isinstance(entry.event, Delta):
                excess -= entry.end - entry.start
                dropped_to = max(dropped_to, entry.end)
            else:
                kept.append(entry)
        if len(kept) > MAX_ENTRIES:
            dropped_to = max(dropped_to, kept[-MAX_ENTRIES // 2].start)
            kept = kept[-MAX_ENTRIES // 2 :]
        return kept, dropped_to


def _from(entry: _Entry, cursor: int) -> TranscriptEvent:
    event = entry.event
    if cursor > entry.start and isinstance(event, Delta):
        return msgspec.structs.replace(event, text=SafeText(event.text[cursor - entry.start :]))
    return event


def _merged(entries: list[_Entry]) -> list[_Entry]:
    out: list[_Entry] = []
    run: list[_Entry] = []
    size = 0
    for entry in entries:
        if run and not (_same(run[-1], entry) and size + _length(entry.event) <= MERGED_CHARS):
            out.append(_joined(run))
            run, size = [], 0
        run.append(entry)
        size += _length(entry.event)
    if run:
        out.append(_joined(run))
    return out


def _same(one: _Entry, other: _Entry) -> bool:
    return (
        isinstance(one.event, Delta)
        and isinstance(other.event, Delta)
        and (one.event.turn, one.event.kind) == (other.event.turn, other.event.kind)
        and one.end == other.start
    )


def _joined(run: list[_Entry]) -> _Entry:
    first = run[0]
    if len(run) == 1 or not isinstance(first.event, Delta):
        return first
    text = "".join(entry.event.text for entry in run if isinstance(entry.event, Delta))
    return _Entry(first.start, msgspec.structs.replace(first.event, text=SafeText(text)))
