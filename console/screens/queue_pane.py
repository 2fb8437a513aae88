"""The queue pane: its heading, the filter line and the table of alerts."""

from collections.abc import Callable, Mapping

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from backend.api import Row, Snapshot
from console.screens.line_input import LineInput
from console.screens.lines import LinesBlock
from console.view_models.header import empty_lines
from console.view_models.queue import LAYOUTS, QueueContext, row_data
from widgets.data import Column, RowData
from widgets.figures import count
from widgets.heading import PaneTitle
from widgets.safe import Run, Shown, shown
from widgets.table import VirtualTable

FILTER_HINT = "words · sev>=high · src:10.0.0.0/8 · host: · rule: · state:closed · verdict:tp · -not"
TYPING_REST_S = 0.15
"""A filter is asked for when typing has paused this long."""
LOOK_REST_S = 0.3
"""The cursor looks at a row when it has rested this long: longer than between two steps of a held key."""


class QueuePane(Vertical):
    """Shows the snapshot's rows; knows the cursor, the selection, the filter and what is frozen."""

    class FilterTyped(Message):
        """The analyst wants another filter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class CursorRested(Message):
        """The cursor stays on an alert: it may be opened next."""

        def __init__(self, alert_id: int) -> None:
            super().__init__()
            self.alert_id = alert_id

    def __init__(self, now_ms: Callable[[], int], sla_s: Mapping[str, float]) -> None:
        super().__init__(id="queue-pane")
        self._now_ms = now_ms
        self._cells = QueueContext(now_ms(), sla_s)
        self._columns: tuple[Column, ...] = LAYOUTS["wide"]
        self._rows: tuple[Row, ...] = ()
        self._index: dict[int, Row] = {}
        self._held_back: tuple[Row, ...] | None = None
        self._rows_version: int | None = None
        self._snapshot: Snapshot | None = None
        self._typing: Timer | None = None
        self._resting: Timer | None = None
        self._before = ""
        self._wanted: int | None = None
        self.order = "priority"
        self.table = VirtualTable(self._columns, id="queue")
        self.title_line = PaneTitle(id="queue-title")
        self.filter_input = LineInput(placeholder=FILTER_HINT, id="filter")
        self.filter_note = LinesBlock(id="filter-note")

    def compose(self) -> ComposeResult:
        """Heading, filter, table."""
        yield self.title_line
        yield self.filter_input
        yield self.filter_note
        yield self.table

    # --- what it shows ----------------------------------------------------------------------------------

    def use_layout(self, name: str) -> None:
        """Columns for a layout of the screen: narrow, wide or ultra."""
        columns = LAYOUTS[name]
        if columns != self._columns:
            self._columns = columns
            self.table.set_columns(columns)
            self.table.tick()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Another state; the rows are looked at only where they changed."""
        self._snapshot = snapshot
        self._cells.now_ms = self._now_ms()
        if snapshot.rows_version != self._rows_version:
            self._rows_version = snapshot.rows_version
            self._take_rows(snapshot.rows)
            self.table.set_source(
                [row.id for row in snapshot.rows], self._source(snapshot.rows), snapshot.rows_version
            )
            if self._wanted is not None and self.table.move_to(self._wanted):
                self._wanted = None
        self.table.set_empty(empty_lines(snapshot, self._cells.now_ms))
        self.show_heading()

    def _take_rows(self, rows: tuple[Row, ...]) -> None:
        """While the view is frozen its order and membership stay; what is known of each row does not."""
        fresh = {row.id: row for row in rows}
        if self.table.frozen:
            self._held_back = rows
            self._index = {row.id: fresh.get(row.id, row) for row in self._rows} | fresh
            return
        self._held_back = None
        self._rows, self._index = rows, fresh

    def _source(self, rows: tuple[Row, ...]) -> Callable[[int], RowData]:
        def row(index: int) -> RowData:
            kept = rows[index]
            return row_data(self._index.get(kept.id, kept), self._columns, self._cells)

        return row

    def second(self) -> None:
        """Countdowns and ages a second on; nothing where there are none."""
        self._cells.now_ms = self._now_ms()
        if self._rows:
            self.table.tick()
        elif self._snapshot is not None:
            self.table.set_empty(empty_lines(self._snapshot, self._cells.now_ms))

    def show_heading(self) -> None:
        """Counts, filter and order on the left; selection and freezing on the right."""
        snapshot = self._snapshot
        if snapshot is None:
            return
        left: list[Run] = [
            (Shown("Queue"), "strong bold"),
            (shown(f"  {count(snapshot.rows_total)}"), "text"),
        ]
        if snapshot.filter_text:
            left += [
                (shown(f" of {count(snapshot.open_total)} open"), "muted"),
                (Shown("   /"), "accent"),
                (shown(snapshot.filter_text), "accent"),
            ]
        else:
            left.append((Shown(" open"), "muted"))
        if self.order == "newest":
            left.append((Shown("   newest first"), "muted"))
        right: list[Run] = []
        if self.table.marked:
            right.append((shown(f"{len(self.table.marked)} selected"), "accent bold"))
        if self.table.frozen:
            waiting = f" +{self.table.hidden_new}" if self.table.hidden_new else ""
            right += [(Shown("  "), ""), (shown(f"║ frozen{waiting}"), "warn bold")]
        self.title_line.show(tuple(left), tuple(right))
        self._show_filter_error(snapshot)

    def _show_filter_error(self, snapshot: Snapshot) -> None:
        error = snapshot.filter_error
        self.filter_note.display = bool(error)
        self.filter_note.show([[(Shown(" ✗ "), "error bold"), (shown(error), "error")]] if error else [])

    # --- rows -------------------------------------------------------------------------------------------

    def row(self, alert_id: int | None) -> Row | None:
        """The row of an alert that the queue shows."""
        return self._index.get(alert_id) if alert_id is not None else None

    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.row(self.table.cursor_key)

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        """Another row is under the cursor: wait whether it stays there."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(LOOK_REST_S, self._rested)

    def _rested(self) -> None:
        self._resting = None
        key = self.table.cursor_key
        if key is not None:
            self.post_message(self.CursorRested(key))

    def targets(self) -> tuple[int, ...]:
        """What a triage key acts on: the selection in queue order, else the row under the cursor."""
        marked = self.table.marked
        if marked:
            known = [row.id for row in self._rows if row.id in marked]
            return tuple(known) + tuple(sorted(marked - self._index.keys()))
        key = self.table.cursor_key
        return (key,) if key is not None else ()

    def place(self, alert_id: int) -> int:
        """Its place in the queue, from 1; 0 where it is not in it."""
        return next((n for n, row in enumerate(self._rows, 1) if row.id == alert_id), 0)

    def move_past(self, done: tuple[int, ...]) -> None:
        """Put the cursor on the next alert that is not among those dealt with, else on the one before."""
        acted = set(done)
        key = self.table.cursor_key
        if key not in acted:
            return
        at = next((n for n, row in enumerate(self._rows) if row.id == key), 0)
        after = [row.id for row in self._rows[at + 1 :] if row.id not in acted]
        before = [row.id for row in self._rows[:at] if row.id not in acted]
        if after or before:
            self.table.move_to(after[0] if after else before[-1])

    def come_back_to(self, alert_id: int) -> None:
        """Put the cursor on an alert that is back, or will be with the next rows."""
        self._wanted = None if self.table.move_to(alert_id) else alert_id

    def mark_all(self) -> int:
        """Select every row that matches, also those not on the screen; how many."""
        self.table.mark(row.id for row in self._rows)
        return len(self._rows)

    def mark_same_rule(self) -> int:
        """Select every row of the rule under the cursor; how many."""
        current = self.current()
        if current is None:
            return 0
        rule = (current.head.rule_uid, current.head.rule_name or current.head.title)
        same = [r.id for r in self._rows if (r.head.rule_uid, r.head.rule_name or r.head.title) == rule]
        self.table.mark(same)
        return len(same)

    # --- the filter -------------------------------------------------------------------------------------

    def open_filter(self) -> None:
        """Show the filter line and put the keys there."""
        self._before = self._snapshot.filter_text if self._snapshot is not None else ""
        self.filter_input.display = True
        with self.prevent(Input.Changed):
            self.filter_input.value = self._before
        self.filter_input.cursor_position = len(self._before)
        self.filter_input.focus()

    def close_filter(self, keep: bool) -> None:
        """Hide the line; the filter stays as typed, or goes back to what it was."""
        self._stop_typing()
        self.post_message(self.FilterTyped(self.filter_input.value if keep else self._before))
        self.filter_input.display = False
        self.table.focus()

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask for the filter once typing rests."""
        event.stop()
        self._stop_typing()
        text = event.value
        self._typing = self.set_timer(TYPING_REST_S, lambda: self.post_message(self.FilterTyped(text)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self.close_filter(keep=True)

    def toggle_freeze(self) -> bool:
        """Freeze the view or let it go on; whether it is frozen now."""
        self.table.frozen = not self.table.frozen
        if not self.table.frozen and self._held_back is not None:
            self._take_rows(self._held_back)
        self.show_heading()
        return self.table.frozen

    def release_marks(self) -> bool:
        """Let go of the selection; whether there was one."""
        had = bool(self.table.marked)
        self.table.clear_marks()
        self.show_heading()
        return had
