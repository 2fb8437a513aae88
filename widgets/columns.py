"""Which columns of a table fit, how wide each is, and where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.data import Column

GUTTER = 2
"""Cells at the left for the cursor's bar and the selection mark."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that shows: its place among all columns, its first cell in the row, and its width."""

    index: int
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """All columns, those that show, and the width they are laid out in."""

    columns: tuple[Column, ...]
    placed: tuple[Placed, ...] = ()
    width: int = 0


def _gap(width: int) -> int:
    """Cells between columns: one where room is scarce."""
    return 1 if width < 72 else 2


def lay_out(columns: Sequence[Column], width: int) -> Layout:
    """Lay the columns out in `width` cells.

    Columns that need a wider table are left out, then those of the highest priority number until the rest
    fits (of equal ones the rightmost leaves first; priority 0 stays). Spare room goes to the flexible ones.
    """
    gap = _gap(width)
    room = width - GUTTER - 1
    chosen = [index for index, column in enumerate(columns) if width >= column.from_width]

    def need() -> int:
        return sum(columns[index].width for index in chosen) + gap * max(0, len(chosen) - 1)

    while need() > room:
        leaving = max((columns[index].priority, index) for index in chosen) if chosen else (0, 0)
        if leaving[0] == 0:
            break
        chosen.remove(leaving[1])
    shares = _shares(columns, chosen, room - need())
    placed: list[Placed] = []
    x = GUTTER
    for index in chosen:
        cells = min(columns[index].width + shares.get(index, 0), max(0, width - x))
        if cells <= 0:
            break
        placed.append(Placed(index, x, cells))
        x += cells + gap
    return Layout(tuple(columns), tuple(placed), width)


def _shares(columns: Sequence[Column], chosen: Sequence[int], spare: int) -> dict[int, int]:
    """Divide spare cells among flexible columns by their shares, without losing one to rounding.

    When the columns don't fit (`spare` < 0) the flexible ones shrink instead, to no less than 4 cells.
    """
    flexible = [index for index in chosen if columns[index].flex]
    total = sum(columns[index].flex for index in flexible)
    shares: dict[int, int] = {}
    for index in flexible:
        part = spare * columns[index].flex // total
        shares[index] = max(part, 4 - columns[index].width)
        spare -= part
        total -= columns[index].flex
    return shares
