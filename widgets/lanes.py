"""The lanes: one line that says what is due, and a panel with depths."""

import math
from itertools import pairwise

from widgets.data import LaneItem
from widgets.figures import age, count, countdown, countdown_style
from widgets.glyphs import lane_glyph, lane_style, lane_word
from widgets.measure import fit_runs, runs_width
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown


def _name(lane: LaneItem) -> Run:
    busy = bool(lane.queued or lane.running)
    style = f"{lane_style(lane.name)} bold" if busy else lane_style(lane.name)
    return (shown(f"{lane_glyph(lane.name)} {lane_word(lane.name)}"), style)


def _due(lane: LaneItem) -> list[Run]:
    """Time to the earliest deadline, or what a lane without one does instead."""
    if lane.breach_in_s is not None:
        style = countdown_style(lane.breach_in_s, lane.sla_s)
        return [(shown(countdown(lane.breach_in_s)), f"{style} bold" if style == "sla-breached" else style)]
    if lane.note:
        return [(lane.note, "muted")]
    if lane.name == "raw" and lane.per_minute:
        return [(shown(f"{count(lane.per_minute)}/min"), "muted")]
    return []


def _cell(lane: LaneItem, width: int) -> list[Run]:
    """A lane in so many cells; what it is and how deep always shows, the rest where there is room."""
    runs: list[Run] = [_name(lane), (Shown(" "), ""), (shown(count(lane.queued)), "strong bold")]
    due = _due(lane)
    extras: list[list[Run]] = [due]
    if lane.breach_in_s is not None and lane.breach_in_s >= 0:
        extras.append([(Shown("left"), "muted")])
    if lane.breach_in_s is not None and lane.note:
        extras.append([(lane.note, "muted")])
    if lane.running:
        extras.append([(shown(f"{lane.running} running"), "muted")])
    for extra in extras:
        if not extra:
            continue
        room = width - 1 - runs_width(runs) - runs_width(extra)
        if room < 1:
            break
        tight = room < 2 or extra[0][0] == "left"
        runs += [(Shown(" " if tight else "  "), ""), *extra]
    return fit_runs(runs, width)


def _shares(lanes: tuple[LaneItem, ...], room: int) -> list[int]:
    """Cells for each lane: fixed by which lanes there are, so that nothing moves when figures change."""
    # Where room is scarce it goes to the lanes with a countdown.
    narrow = room < 110
    weights = [4 if narrow and lane.name in ("low", "raw") else 5 for lane in lanes]
    total = sum(weights)
    edges = [room * sum(weights[:index]) // total for index in range(len(weights) + 1)]
    return [end - start for start, end in pairwise(edges)]


class LanesBar(LinePanel):
    """One line: each lane's depth and the time left to its earliest deadline, always at the same place."""

    DEFAULT_CSS = """
    LanesBar { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lanes: tuple[LaneItem, ...] = ()

    def show(self, lanes: tuple[LaneItem, ...]) -> None:
        """Show these lanes."""
        if lanes != self._lanes:
            self._lanes = lanes
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The line."""
        if not self._lanes:
            return [[]]
        line: list[Run] = [(Shown(" "), "")]
        for lane, cells in zip(self._lanes, _shares(self._lanes, width - 1), strict=True):
            line += _cell(lane, cells)
        return [line]


class LaneDepthPanel(LinePanel):
    """One row a lane: a bar for its depth, how long the oldest waits, and the time to breach."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lanes: tuple[LaneItem, ...] = ()

    def show(self, lanes: tuple[LaneItem, ...]) -> None:
        """Show these lanes."""
        if lanes != self._lanes:
            self._lanes = lanes
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """A header and a line for each lane."""
        bar_width = max(4, width - 33)
        head: list[Run] = [
            *fit_runs([(Shown(" LANE"), "muted")], 9 + bar_width),
            *fit_runs([(Shown("DEPTH"), "muted")], 6, "right"),
            *fit_runs([(Shown("OLDEST"), "muted")], 8, "right"),
            *fit_runs([(Shown("DUE"), "muted")], 8, "right"),
        ]
        deepest = max([100, *(lane.queued or 0 for lane in self._lanes)])
        return [head, *(self._row(lane, bar_width, deepest) for lane in self._lanes)]

    @staticmethod
    def _row(lane: LaneItem, bar_width: int, deepest: int) -> list[Run]:
        # Depths run from a handful to many thousands: a logarithm lets both be seen beside each other.
        queued = lane.queued or 0
        cells = math.ceil(math.log1p(queued) / math.log1p(deepest) * bar_width)
        style = countdown_style(lane.breach_in_s, lane.sla_s)
        return [
            *fit_runs([(Shown(" "), ""), _name(lane)], 9),
            (Shown("━" * cells), lane_style(lane.name)),
            (Shown("─" * (bar_width - cells)), "rule"),
            *fit_runs([(shown(count(lane.queued)), "strong")], 6, "right"),
            *fit_runs([(shown(age(lane.oldest_s)), "muted")], 8, "right"),
            *fit_runs([(shown(countdown(lane.breach_in_s)), style)], 8, "right"),
            (Shown(" "), ""),
        ]
