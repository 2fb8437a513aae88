"""The raw lane in words: patterns of lines, and the Sigma rules that raw events are held against."""

from backend.api import PatternsView
from widgets.figures import count
from widgets.safe import Run, Shown, shown

NAME_CELLS, FIGURE_CELLS = 11, 5


def pattern_lines(view: PatternsView) -> tuple[tuple[Run, ...], ...]:
    """A line each for lines, patterns and rules, figures beneath each other; none where the lane is off."""
    lines: list[tuple[Run, ...]] = []
    if view.mining:
        mined: Run = (Shown("a minute" if view.lines else "none came yet"), "muted")
        new, surging = _said(view.new, "new", "strong"), _said(view.surges, "surging", "warn")
        lines.append(_line("lines mined", view.lines_per_minute, "text", mined))
        lines.append(_line("patterns", view.templates, "text", new, surging))
        if view.held_back:
            beyond: Run = (Shown("over the limit an hour"), "muted")
            lines.append(_line("not raised", view.held_back, "warn", beyond))
    if view.rules or view.rules_left_out:
        hits = _said(view.matches, "hit" if view.matches == 1 else "hits", "strong")
        left_out = (_said(view.rules_left_out, "left out", "warn"),) if view.rules_left_out else ()
        lines.append(_line("Sigma rules", view.rules, "text", hits, *left_out))
    if lines and view.counted_only:
        lines.append(_line("passed over", view.counted_only, "warn", (Shown("more came than fit"), "muted")))
    return tuple(lines)


def _said(number: int, what: str, style: str) -> Run:
    return (shown(f"{count(number)} {what}"), style if number else "muted")


def _line(name: str, figure: float, style: str, *words: Run) -> tuple[Run, ...]:
    line: list[Run] = [
        (shown(f"  {name:<{NAME_CELLS}}"), "muted"),
        (shown(f"{count(figure):>{FIGURE_CELLS}}"), style),
    ]
    for run in words:
        line += [(Shown("  "), ""), run]
    return tuple(line)
