"""How a table's header, rows and emptiness look: columns and records to strips."""

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from widgets.columns import GUTTER, Layout, Placed
from widgets.data import Cell, RowData
from widgets.figures import count
from widgets.measure import cut, fit_runs, width_of
from widgets.paint import line_of
from widgets.palette import Palette
from widgets.safe import Run, Shown

POINTED, FOCUSED, MARKED = 1, 2, 4
"""Flags of a row: the cursor is on it, the table has the focus, it is selected."""

_KEPT = 512
"""Drawn rows kept: several screens of the tallest terminal."""


class RowPainter:
    """Draws rows and keeps them, so that an unchanged row is drawn once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[RowData, int], Strip] = {}

    def clear(self) -> None:
        """Forget what is kept: the columns, the width or the colours changed."""
        self._kept.clear()

    def row(self, row: RowData, flags: int, layout: Layout, palette: Palette) -> Strip:
        """One row."""
        key = (row, flags)
        strip = self._kept.get(key)
        if strip is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            strip = self._kept[key] = _draw(row, flags, layout, palette)
        return strip

    @staticmethod
    def header(layout: Layout, palette: Palette, notice: Run) -> Strip:
        """The titles, with a notice at the right end where there is something to say."""
        cells: list[Run] = []
        at = 0
        for column in layout.placed:
            title = Cell(layout.columns[column.index].title, "muted")
            cells.extend(_cell(title, at, column, layout.columns[column.index].align))
            at = column.x + column.width
        room = layout.width - width_of(notice[0])
        if notice[0] and room > 0:
            return line_of([*fit_runs(cells, room), notice], palette, layout.width)
        return line_of(cells, palette, layout.width)

    @staticmethod
    def empty(lines: Sequence[Run], y: int, size: Size, palette: Palette) -> Strip:
        """One line of a table without rows: the text stands in the middle."""
        index = y - max(0, (size.height - len(lines)) // 2)
        if not 0 <= index < len(lines):
            return Strip.blank(size.width, palette.style(""))
        text, style = lines[index]
        piece = cut(text, size.width)
        left = (size.width - width_of(piece)) // 2
        return line_of([(Shown(" " * left + piece), style)], palette, size.width)


def changed_cells(
    before: tuple[RowData | None, int], after: tuple[RowData | None, int], layout: Layout
) -> list[tuple[int, int]]:
    """Where two looks of a line (row and flags) differ: first cell and number of cells of each place."""
    old, new = before[0], after[0]
    if old is None or new is None or before[1] != after[1] or old.tone != new.tone:
        return [(0, layout.width)]
    return [
        (column.x, column.width)
        for column in layout.placed
        if old.cells[column.index] != new.cells[column.index]
    ]


def notice(new: int, *, frozen: bool) -> Run:
    """What the header says of rows that are not in sight; empty where there is nothing to say."""
    if frozen:
        return (Shown(f" frozen  +{count(new)} new " if new else " frozen "), "warn bold")
    return (Shown(f" ↑ {count(new)} new ") if new else Shown(""), "accent bold")


def _cell(cell: Cell, at: int, column: Placed, align: str) -> list[Run]:
    """A cell's runs, with the blank between the previous column's end (`at`) and its own beginning."""
    text = Shown(cell.text.replace("\n", " ")) if "\n" in cell.text else cell.text
    return [
        (Shown(" " * (column.x - at)), ""),
        *fit_runs([(text, cell.style), *cell.extra], column.width, align),
    ]


def _ground(row: RowData, flags: int, palette: Palette) -> Palette:
    text = {"strong": "strong", "dim": "muted"}.get(row.tone, "")
    if flags & POINTED:
        return palette.on("cursor-ground" if flags & FOCUSED else "cursor-blurred-ground", text)
    if flags & MARKED:
        return palette.on("marked-ground", text)
    if row.tone == "breached":
        return palette.on("breached-ground", text)
    return palette.on("", text) if text else palette


def _draw(row: RowData, flags: int, layout: Layout, palette: Palette) -> Strip:
    ground = _ground(row, flags, palette)
    bar = "▌" if flags & POINTED else " "
    mark = "•" if flags & MARKED else " "
    segments = [
        Segment(bar, ground.style("accent" if flags & FOCUSED else "muted")),
        Segment(mark, ground.style("accent bold")),
    ]
    at = GUTTER
    for column in layout.placed:
        for text, style in _cell(row.cells[column.index], at, column, layout.columns[column.index].align):
            if text:
                segments.append(Segment(text, ground.style(style)))
        at = column.x + column.width
    if at < layout.width:
        segments.append(Segment(" " * (layout.width - at), ground.style("")))
    return Strip(Segment.simplify(segments), layout.width)
