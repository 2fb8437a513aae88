"""Widths in terminal cells, and text cut to a width.

Widths are Rich's per-character table (it agrees with wcwidth but for newly assigned characters): the
compositor crops by the same table, so what is measured here is what is drawn.
"""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, get_character_cell_size

from widgets.safe import Run, Shown

ELLIPSIS = "…"


def width_of(text: str) -> int:
    """Cells the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def runs_width(runs: Iterable[Run]) -> int:
    """Cells that styled runs take together."""
    return sum(width_of(text) for text, _ in runs)


def take_cells(text: str, width: int) -> str:
    """The longest beginning of the text that fits into `width` cells."""
    if width <= 0:
        return ""
    if text.isascii():
        return text[:width]
    used = 0
    for position, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:position]
    return text


def cut(text: str, width: int) -> str:
    """The text if it fits into `width` cells, else its beginning and an ellipsis."""
    if width <= 0:
        return ""
    if width_of(text) <= width:
        return text
    return take_cells(text, width - 1).rstrip() + ELLIPSIS


def fit(text: str, width: int, align: str = "left") -> str:
    """The text cut or padded to exactly `width` cells."""
    piece = cut(text, width)
    blank = " " * (width - width_of(piece))
    return blank + piece if align == "right" else piece + blank


def cut_runs(runs: Sequence[Run], width: int) -> list[Run]:
    """Runs cut to `width` cells together, with an ellipsis in the style of the run that was cut."""
    result: list[Run] = []
    left = width
    for position, (text, style) in enumerate(runs):
        need = width_of(text)
        last = position == len(runs) - 1
        if need < left or (need == left and (last or not any(rest for rest, _ in runs[position + 1 :]))):
            result.append((text, style))
            left -= need
            continue
        if left > 0:
            piece = take_cells(text, left - 1).rstrip() + ELLIPSIS
            result.append((Shown(piece), style))
        break
    return result


def fit_runs(runs: Sequence[Run], width: int, align: str = "left") -> list[Run]:
    """Runs cut or padded to exactly `width` cells."""
    pieces = cut_runs(runs, width)
    blank = width - runs_width(pieces)
    if blank > 0:
        space: Run = (Shown(" " * blank), "")
        return [space, *pieces] if align == "right" else [*pieces, space]
    return pieces


def spread(left: Sequence[Run], right: Sequence[Run], width: int, gap: int = 2) -> list[Run]:
    """One line with `left` at its start and `right` at its end.

    The left gives way first; the right is left out when fewer than a third of the cells would remain for
    the left.
    """
    right_width = runs_width(right)
    if right_width and width - right_width - gap < width // 3:
        return fit_runs(left, width)
    if not right_width:
        return fit_runs(left, width)
    return [*fit_runs(left, width - right_width - gap), (Shown(" " * gap), ""), *right]
