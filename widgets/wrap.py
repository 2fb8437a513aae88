"""Word wrap of styled runs, with a first and a following indent."""

import re
from collections.abc import Sequence

from widgets.measure import take_cells, width_of
from widgets.safe import Run, Shown

_WORD = re.compile(r"[^ ]+")


def break_points(text: str, width: int) -> list[tuple[int, int]]:
    """Where the lines of a text begin and end when wrapped to `width` cells; blanks at breaks fall away.

    A word longer than a line is cut; a text without words is one empty line.
    """
    lines: list[tuple[int, int]] = []
    start = end = -1
    used = 0
    for match in _WORD.finditer(text):
        first, last = match.span()
        cells = width_of(match.group())
        gap = first - end if start >= 0 else 0
        if start >= 0 and used + gap + cells <= width:
            end = last
            used += gap + cells
            continue
        if start >= 0:
            lines.append((start, end))
        while cells > width:
            piece = take_cells(text[first:last], width) or text[first]
            lines.append((first, first + len(piece)))
            first += len(piece)
            cells = width_of(text[first:last])
        start, end, used = (first, last, cells) if first < last else (-1, -1, 0)
    if start >= 0:
        lines.append((start, end))
    return lines or [(0, 0)]


def slice_runs(runs: Sequence[Run], start: int, end: int) -> list[Run]:
    """The part of styled runs between two character positions."""
    result: list[Run] = []
    position = 0
    for text, style in runs:
        after = position + len(text)
        if after > start and position < end:
            result.append((Shown(text[max(0, start - position) : end - position]), style))
        position = after
        if position >= end:
            break
    return result


def wrap_runs(
    runs: Sequence[Run], width: int, first: Sequence[Run] = (), rest: Sequence[Run] = ()
) -> list[list[Run]]:
    """Styled runs as lines of at most `width` cells.

    `first` is put before the first line and `rest` before the others; both must take the same cells.
    """
    room = max(1, width - sum(width_of(text) for text, _ in first))
    text = "".join(part for part, _ in runs)
    return [
        [*(rest if number else first), *slice_runs(runs, start, end)]
        for number, (start, end) in enumerate(break_points(text, room))
    ]
