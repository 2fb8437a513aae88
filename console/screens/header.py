"""The top of the main screen: sources, models and money; the lanes; what is wrong; that it is a demo."""

import time
from collections.abc import Callable, Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from backend.api import Snapshot
from console.screens.lines import LinesBlock
from console.view_models.cost import cost_item
from console.view_models.header import (
    GAP,
    RateMeter,
    clock_run,
    lane_items,
    model_runs,
    notices,
    source_items,
)
from widgets.cost import cost_runs
from widgets.lanes import LanesBar
from widgets.safe import Run, Shown
from widgets.status import SourcesLine

MODELS_FROM = 100
"""Cells from which the models' slots stand in the first line."""


class Header(Vertical):
    """Three or more lines that repaint only where they differ."""

    def __init__(self, now_ms: Callable[[], int], mono: Callable[[], float] = time.monotonic) -> None:
        super().__init__(id="header")
        self._now_ms = now_ms
        self._mono = mono
        self._rates = RateMeter()
        self._width = 0
        self._notice_limit = 1
        self.sources = SourcesLine(id="sources")
        self.lanes = LanesBar(id="lanes")
        self.notices = LinesBlock(id="notices")

    def compose(self) -> ComposeResult:
        """Sources, lanes, notices."""
        yield self.sources
        yield self.lanes
        yield self.notices

    def use_room(self, width: int, height: int) -> None:
        """How much room there is for models and for notices."""
        self._width = width
        self._notice_limit = 3 if height >= 30 else 1

    def show(self, snapshot: Snapshot, failed: str, sla_s: Mapping[str, float], passed_s: float) -> None:
        """Another state, or the same a second later."""
        rates = self._rates.update(snapshot.sources, self._mono())
        right: list[Run] = []
        if self._width >= MODELS_FROM:
            right += [*model_runs(snapshot.models)]
        cost = cost_runs(cost_item(snapshot.cost), self._width)
        right += [*cost, GAP, clock_run(self._now_ms())]
        self.sources.show(Shown("watchfloor"), source_items(snapshot.sources, rates), tuple(right))
        self.lanes.show(lane_items(snapshot.lanes, sla_s, passed_s))
        lines = notices(snapshot, failed, self._notice_limit)
        self.notices.display = bool(lines)
        self.notices.show(lines)
