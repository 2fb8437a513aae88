"""The queue as the console shows it: the open alerts in order, filtered, in bounded memory.

Kept up to date row by row, so that publishing it costs a copy of references, whatever the event rate. Beyond
`LIMIT` rows the least urgent leave the board (never the journal) and are only counted.
"""

import bisect
from typing import Literal

import msgspec

from backend.api import Row
from backend.lanes import LANE_NUMBER
from backend.pipeline.filters import Filter, FilterError

LIMIT = 20_000
CLOSED_KEPT = 2_000
"""Closed rows that stay on the board, so that a decision just made can still be looked up and undone."""

Key = tuple[int, int, int, int]
_QUIET = frozenset({"Benign", "False Positive", "Disregard", "Test", "Duplicate"})


class Board:
    """Rows by id, and the filtered order of them. Used on the engine's loop only."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rows: dict[int, Row] = {}
        self._order: list[tuple[Key, int]] = []
        self._all: list[tuple[Key, int]] = []
        self._closed: dict[int, None] = {}
        self._filter = Filter("")
        self._newest_first = False
        self.filter_error = ""
        self.version = 0
        self.beyond = 0
        """Open alerts that are not on the board because it is full."""

    @property
    def filter_text(self) -> str:
        """The filter in force."""
        return self._filter.text

    @property
    def open_total(self) -> int:
        """Open alerts, also those beyond the board."""
        return len(self._rows) - len(self._closed) + self.beyond

    @property
    def matching(self) -> int:
        """Rows on the board that pass the filter."""
        return len(self._order)

    def get(self, alert_id: int) -> Row | None:
        """One row."""
        return self._rows.get(alert_id)

    def put(self, row: Row) -> None:
        """Add a new row, or replace it by a newer state of itself."""
        old = self._rows.get(row.id)
        if old is not None:
            if self._keeps_its_place(old, row):
                self._rows[row.id] = row
                self.version += 1
                return
            self._take_out(old)
        elif len(self._rows) - len(self._closed) >= self._limit and not self._make_room(row):
            self.beyond += 1
            return
        self._rows[row.id] = row
        bisect.insort(self._all, (_urgency(row), row.id))
        if row.state == "closed":
            self._closed[row.id] = None
            self._forget_closed()
        if row.id in self._rows and self._filter(row):
            bisect.insort(self._order, (self._key(row), row.id))
        self.version += 1

    def update(self, alert_id: int, **changes: object) -> Row | None:
        """Change fields of a row; None if it is not on the board."""
        row = self._rows.get(alert_id)
        if row is None:
            return None
        changed: Row = msgspec.structs.replace(row, **changes)
        self.put(changed)
        return changed

    def set_filter(self, text: str) -> str:
        """Filter by `text`; returns what is wrong with it, empty when it is in force."""
        try:
            self._filter = Filter(text)
        except FilterError as error:
            self.filter_error = str(error)
            return self.filter_error
        self.filter_error = ""
        self._rebuild()
        return ""

    def set_order(self, order: Literal["priority", "newest"]) -> None:
        """Order by what is due first, or by newest."""
        self._newest_first = order == "newest"
        self._rebuild()

    def rows(self) -> tuple[Row, ...]:
        """The rows that pass the filter, in order."""
        rows = self._rows
        return tuple([rows[alert_id] for _, alert_id in self._order])

    def following(self, alert_id: int, count: int) -> list[Row]:
        """The `count` rows that the view shows after an alert; none where it is not in the view."""
        row = self._rows.get(alert_id)
        if row is None:
            return []
        entry = (self._key(row), alert_id)
        at = bisect.bisect_left(self._order, entry)
        if at == len(self._order) or self._order[at] != entry:
            return []
        return [self._rows[follower] for _, follower in self._order[at + 1 : at + 1 + count]]

    def _key(self, row: Row) -> Key:
        return (0, 0, -row.received_ms, -row.id) if self._newest_first else _urgency(row)

    def _keeps_its_place(self, old: Row, row: Row) -> bool:
        """Whether the new state changes neither order nor what the filter says: the common case."""
        return (
            (old.state == "closed") == (row.state == "closed")
            and _urgency(old) == _urgency(row)
            and self._key(old) == self._key(row)
            and self._filter(old) == self._filter(row)
        )

    def _take_out(self, row: Row) -> None:
        _remove(self._all, (_urgency(row), row.id))
        _remove(self._order, (self._key(row), row.id))
        self._closed.pop(row.id, None)

    def _make_room(self, row: Row) -> bool:
        """Drop the least urgent open row if the new one is more urgent than it."""
        for last_key, last_id in reversed(self._all):
            if last_id in self._closed:
                continue
            if _urgency(row) >= last_key:
                return False
            self.beyond += 1
            self._drop(last_id)
            return True
        return False

    def _forget_closed(self) -> None:
        while len(self._closed) > CLOSED_KEPT:
            self._drop(next(iter(self._closed)))

    def _drop(self, alert_id: int) -> None:
        row = self._rows[alert_id]
        self._take_out(row)
        del self._rows[alert_id]

    def _rebuild(self) -> None:
        rows = self._rows
        shown = [row for row in (rows[alert_id] for _, alert_id in self._all) if self._filter(row)]
        self._order = [(self._key(row), row.id) for row in shown]
        if self._newest_first:
            self._order.sort()
        self.version += 1


def _urgency(row: Row) -> Key:
    """What is due first comes first; inside a lane, what was judged harmless comes last."""
    quiet = 1 if row.verdict in _QUIET else 0
    return (LANE_NUMBER[row.lane], quiet, row.deadline_ms or row.received_ms, row.id)


def _remove(entries: list[tuple[Key, int]], entry: tuple[Key, int]) -> None:
    index = bisect.bisect_left(entries, entry)
    if index < len(entries) and entries[index] == entry:
        del entries[index]
