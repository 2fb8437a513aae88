"""A live table of any length that draws only what is seen, and of that only what changed."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from widgets.columns import Layout, lay_out
from widgets.data import Column, RowData
from widgets.rows import FOCUSED, MARKED, POINTED, RowPainter, changed_cells, notice
from widgets.safe import Run
from widgets.scroll import LineScroll
from widgets.window import RowSource, RowWindow


class TableMessage(Message):
    """What a table has to say."""

    def __init__(self, table: "VirtualTable") -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> "VirtualTable":
        """The table, for `on` with a selector."""
        return self.table


class VirtualTable(LineScroll, can_focus=True):
    """Rows by index from a callback, asked for the visible ones only.

    The cursor belongs to a row's key, not to its place: when rows move, it moves along and the view stays
    still. What is on screen is compared with what should be, cell by cell, and only cells that differ are
    repainted; so a countdown costs its own column, and a table in which nothing happens costs nothing.
    """

    DEFAULT_CSS = """
    VirtualTable { height: 1fr; width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,up", "cursor(-1)", "Up", show=False, id="table.up"),
        Binding("j,down", "cursor(1)", "Down", show=False, id="table.down"),
        Binding("g,home", "edge(-1)", "Top", show=False, id="table.top"),
        Binding("G,end", "edge(1)", "Bottom", show=False, id="table.bottom"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("enter", "open", "Open", show=False, id="table.open"),
    ]

    class RowHighlighted(TableMessage):
        """The cursor came to rest on another row, or on none."""

        def __init__(self, table: "VirtualTable", key: int | None) -> None:
            super().__init__(table)
            self.key = key

    class RowOpened(TableMessage):
        """A row was opened, by enter or a double click."""

        def __init__(self, table: "VirtualTable", key: int) -> None:
            super().__init__(table)
            self.key = key

    class MarksChanged(TableMessage):
        """Other rows are selected than before."""

        def __init__(self, table: "VirtualTable", marked: frozenset[int]) -> None:
            super().__init__(table)
            self.marked = marked

    def __init__(
        self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._layout = Layout(tuple(columns))
        self._painter = RowPainter()
        self._window = RowWindow()
        self._version: int | None = None
        self._cursor = 0
        self._cursor_key: int | None = None
        self._marked: frozenset[int] = frozenset()
        self._painted: dict[int, tuple[RowData | None, int]] = {}
        self._frozen = False
        self._waiting: tuple[Sequence[int], RowSource, int] | None = None
        self._seen: frozenset[int] | None = None
        self._hidden_new = 0
        self._empty: tuple[Run, ...] = ()

    # --- what it shows ---------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[RowData], version: int) -> None:
        """Show these rows. For a table of a few; nothing happens when `version` is that of the last call."""
        self.set_source([row.key for row in rows], rows.__getitem__, version)

    def set_source(self, keys: Sequence[int], row_source: RowSource, version: int) -> None:
        """Show one row per key; `row_source(index)` is called for rows that come into view.

        Nothing happens when `version` is that of the last call. While the table is frozen the newest source
        waits and only what it would bring is counted.
        """
        if version == self._version:
            return
        self._version = version
        if self._frozen:
            self._waiting = (keys, row_source, version)
            self._count_new(keys)
            return
        self._apply(keys, row_source)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns; the next source's rows must have a cell for each of them."""
        self._layout = Layout(tuple(columns))
        self._arrange()
        self.refresh()

    def set_empty(self, lines: Sequence[Run]) -> None:
        """What stands in the middle while there are no rows, one run a line."""
        if tuple(lines) != self._empty:
            self._empty = tuple(lines)
            if not self._window.keys:
                self.refresh()

    def tick(self) -> None:
        """Ask for the visible rows again and repaint the cells that differ; for countdowns and ages."""
        self._window.forget()
        self._sync()

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._window.keys)

    def row_at(self, key: int) -> RowData | None:
        """The row with a key, or None when there is none."""
        index = self._window.index_of(key)
        return None if index is None else self._window.row(index)

    # --- cursor ----------------------------------------------------------------------------------------

    @property
    def cursor_key(self) -> int | None:
        """The key of the row under the cursor; None while the table is empty."""
        return self._cursor_key

    def move_to(self, key: int) -> bool:
        """Put the cursor on a row; False when there is no such row."""
        index = self._window.index_of(key)
        if index is None:
            return False
        self._point(index)
        return True

    def move_by(self, delta: int) -> None:
        """Move the cursor down (or up, when negative), stopping at the ends."""
        self._point(self._cursor + delta)

    def action_cursor(self, delta: int) -> None:
        """Key: one row up or down."""
        self.move_by(delta)

    def action_page(self, direction: int) -> None:
        """Key: one page up or down."""
        self.move_by(direction * max(1, self._body_height - 1))

    def action_edge(self, direction: int) -> None:
        """Key: to the first or the last row."""
        self._point(0 if direction < 0 else len(self._window.keys) - 1)

    def action_open(self) -> None:
        """Key: open the row under the cursor."""
        if self._cursor_key is not None:
            self.post_message(self.RowOpened(self, self._cursor_key))

    # --- selection -------------------------------------------------------------------------------------

    @property
    def marked(self) -> frozenset[int]:
        """Keys of the selected rows; those of rows that left the table are forgotten."""
        return self._marked

    def toggle_mark(self, key: int | None = None) -> None:
        """Select a row or take it out again; without a key the one under the cursor."""
        chosen = self._cursor_key if key is None else key
        if chosen is not None:
            self._set_marked(self._marked ^ {chosen})

    def mark(self, keys: Iterable[int]) -> None:
        """Select more rows."""
        self._set_marked(self._marked | frozenset(keys))

    def clear_marks(self) -> None:
        """Select none."""
        self._set_marked(frozenset())

    def _set_marked(self, marked: frozenset[int]) -> None:
        if marked != self._marked:
            self._marked = marked
            self._sync()
            self.post_message(self.MarksChanged(self, marked))

    # --- freezing --------------------------------------------------------------------------------------

    @property
    def frozen(self) -> bool:
        """Whether rows stay as they are although newer ones are known."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        if value == self._frozen:
            return
        self._frozen = value
        if not value:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._apply(waiting[0], waiting[1])
            self._count_new(self._window.keys)
        self._refresh_header()

    @property
    def hidden_new(self) -> int:
        """New rows that are not in sight: held back while frozen, or above while scrolled down."""
        return self._hidden_new

    def _count_new(self, keys: Sequence[int]) -> None:
        if self._frozen:
            new = len(set(keys).difference(self._window.keys))
        else:
            seen = self._seen
            new = 0 if seen is None else sum(key not in seen for key in keys[: self.top])
        if new != self._hidden_new:
            self._hidden_new = new
            self._refresh_header()

    # --- applying a source -----------------------------------------------------------------------------

    def _apply(self, keys: Sequence[int], source: RowSource) -> None:
        old_top, old_cursor = self.top, self._cursor
        anchor = self._window.keys[old_top] if old_top < len(self._window.keys) else None
        was_empty = not self._window.keys
        in_view = 0 <= old_cursor - old_top < self._body_height
        self._window = RowWindow(keys, source)
        moved_to = self._window.index_of(self._cursor_key, near=old_cursor)
        self._cursor = min(old_cursor, max(0, len(keys) - 1)) if moved_to is None else moved_to
        self.set_extent(len(keys) + 1 if keys else 0)
        self._keep_still(old_top, old_cursor, anchor, in_view=in_view)
        self._forget_gone_marks()
        self._count_new(keys)
        if was_empty or not keys:
            self.refresh()
        else:
            self._sync()
        self._announce()

    def _keep_still(self, old_top: int, old_cursor: int, anchor: int | None, *, in_view: bool) -> None:
        """Scroll so that what the analyst looks at stays where it is.

        At the very top new rows are let in above, and the view moves only if the cursor would leave it.
        """
        if old_top > 0:
            if in_view:
                self.jump(self._cursor - (old_cursor - old_top))
            elif anchor is not None and (index := self._window.index_of(anchor, near=old_top)) is not None:
                self.jump(index)
        elif in_view and old_cursor > 0:
            self._reveal()

    def _forget_gone_marks(self) -> None:
        if self._marked:
            kept = self._marked.intersection(self._window.keys)
            if kept != self._marked:
                self._marked = kept
                self.post_message(self.MarksChanged(self, kept))

    def _point(self, index: int) -> None:
        if not self._window.keys:
            return
        self._cursor = max(0, min(index, len(self._window.keys) - 1))
        self._reveal()
        self._announce()
        self._sync()

    def _announce(self) -> None:
        key = self._window.keys[self._cursor] if self._window.keys else None
        if key != self._cursor_key:
            self._cursor_key = key
            self.post_message(self.RowHighlighted(self, key))

    def _reveal(self) -> None:
        if self._cursor < self.top:
            self.jump(self._cursor)
        elif self._cursor >= self.top + self._body_height:
            self.jump(self._cursor - self._body_height + 1)

    # --- drawing ---------------------------------------------------------------------------------------

    @property
    def _body_height(self) -> int:
        return max(1, self.size.height - 1)

    def _flags(self, index: int) -> int:
        flags = 0
        if index == self._cursor:
            flags = POINTED | FOCUSED if self.has_focus else POINTED
        return flags | MARKED if self._window.keys[index] in self._marked else flags

    def _wanted(self, y: int) -> tuple[RowData | None, int]:
        index = self.top + y - 1
        return (self._window.row(index), self._flags(index)) if index < len(self._window.keys) else (None, 0)

    def _sync(self) -> None:
        """Compare what is on the screen with what should be, and ask for a repaint of what differs."""
        if not self.size:
            return
        regions: list[Region] = []
        width = self.size.width
        for y in range(1, self.size.height):
            painted = self._painted.get(y)
            wanted = self._wanted(y)
            if painted is None:
                regions.append(Region(0, y, width, 1))
            elif painted != wanted:
                spans = changed_cells(painted, wanted, self._layout)
                regions.extend(Region(x, y, cells, 1) for x, cells in spans)
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line of what is visible, as Textual's line API asks for it: the header, then rows."""
        width = self.size.width
        if not self._window.keys:
            return self._painter.empty(self._empty, y, self.size, self.palette)
        if y == 0:
            return self._painter.header(
                self._layout, self.palette.on("panel"), notice(self._hidden_new, frozen=self._frozen)
            )
        row, flags = self._wanted(y)
        self._painted[y] = (row, flags)
        if row is None:
            return Strip.blank(width, self.palette.style(""))
        return self._painter.row(row, flags, self._layout, self.palette)

    def _refresh_header(self) -> None:
        self.refresh(Region(0, 0, self.size.width, 1))

    def _arrange(self) -> None:
        self._layout = lay_out(self._layout.columns, self.size.width)
        self._painter.clear()
        self._painted.clear()

    def colours_changed(self) -> None:
        """Drop rows drawn in the old colours."""
        self._painter.clear()

    # --- events ----------------------------------------------------------------------------------------

    def _on_resize(self, event: Resize) -> None:
        self._arrange()
        self.set_extent(len(self._window.keys) + 1 if self._window.keys else 0)
        if self._window.keys:
            self._reveal()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled: remember what was known at the top, so that what comes in above can be counted."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) == 0:
            self._seen = None
        elif self._seen is None:
            self._seen = frozenset(self._window.keys)
        self._count_new(self._window.keys)

    def watch_has_focus(self, value: bool) -> None:
        """The cursor's colour tells where keys go."""
        super().watch_has_focus(value)
        if self._window.keys:
            self._sync()

    def on_click(self, event: Click) -> None:
        """Select the row; a double click opens it. Nothing else: data never runs anything."""
        event.stop()
        offset = event.get_content_offset(self)
        index = self.top + offset.y - 1 if offset is not None and offset.y > 0 else -1
        if not 0 <= index < len(self._window.keys):
            return
        self._point(index)
        if event.chain == 2:
            self.action_open()
