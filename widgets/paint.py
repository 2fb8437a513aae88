"""Runs of styled text to strips."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.strip import Strip

from widgets.measure import fit_runs, width_of
from widgets.palette import Palette
from widgets.safe import Run


def strip_of(runs: Iterable[Run], palette: Palette) -> Strip:
    """A strip of the runs as they are."""
    segments: list[Segment] = []
    length = 0
    for text, style in runs:
        if text:
            segments.append(Segment(text, palette.style(style)))
            length += width_of(text)
    return Strip(Segment.simplify(segments), length)


def line_of(runs: Sequence[Run], palette: Palette, width: int) -> Strip:
    """A strip of exactly `width` cells: cut with an ellipsis, or padded."""
    return strip_of(fit_runs(runs, width), palette)


def changed_span(before: Strip, after: Strip) -> tuple[int, int] | None:
    """The cells from the first to the last segment in which two strips of one width differ; None if equal."""
    if before is after:
        return None
    old, new = list(before), list(after)
    if old == new:
        return None
    width = max(before.cell_length, after.cell_length)
    start = 0
    for a, b in zip(old, new, strict=False):
        if a != b:
            break
        start += width_of(a.text)
    end = width
    if before.cell_length == after.cell_length:
        for a, b in zip(reversed(old), reversed(new), strict=False):
            if a != b:
                break
            end -= width_of(a.text)
    return (start, end) if end > start else (start, width)
