"""The stage strip: five stages' p99 against their budgets, waiting apart from work."""

from widgets.data import StageItem
from widgets.figures import against, bar, millis, sparkline
from widgets.measure import fit_runs, runs_width
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown

_NAMES = {"analyse": "AI"}


def stage_style(work_ms: float | None, budget_ms: float) -> str:
    """ok under 80 % of the budget, warn up to it, over above."""
    if work_ms is None:
        return "muted"
    if work_ms > budget_ms:
        return "stage-over"
    return "stage-warn" if work_ms > 0.8 * budget_ms else "stage-ok"


def _extras(stage: StageItem, style: str) -> list[list[Run]]:
    """What may follow name and figure, in order of worth."""
    full, rest = bar((stage.work_p99_ms or 0.0) / stage.budget_ms if stage.budget_ms else 0.0, 8)
    trend: list[Run] = (
        [(shown(sparkline(stage.trend, 5, top=stage.budget_ms)), "faint")] if stage.trend else []
    )
    level: list[Run] = [(Shown(full), style), (Shown(rest), "rule")]
    waiting: list[Run] = []
    if stage.wait_p99_ms is not None:
        late = stage.wait_p99_ms > stage.budget_ms
        waiting = [(Shown("wait "), "faint"), (shown(millis(stage.wait_p99_ms)), "warn" if late else "faint")]
        if late:
            return [waiting, trend, level]
    return [trend, waiting, level]


def _cell(stage: StageItem, width: int) -> list[Run]:
    style = stage_style(stage.work_p99_ms, stage.budget_ms)
    figure = against(stage.work_p99_ms, stage.budget_ms)
    name = _NAMES.get(stage.name, stage.name)
    if len(name) + len(figure) + 2 > width:
        figure = figure.rsplit(" ", 1)[0]
    value, _, budget = figure.partition("/")
    runs: list[Run] = [
        (shown(f"{name} "), "muted"),
        (shown(value), f"{style} bold" if style == "stage-over" else style),
        (shown(f"/{budget}"), "muted"),
    ]
    for extra in _extras(stage, style):
        if extra and runs_width(runs) + 1 + runs_width(extra) <= width - 2:
            runs += [(Shown(" "), ""), *extra]
    return fit_runs(runs, width)


class StagesStrip(LinePanel):
    """One line: where the time goes, against what it may take."""

    DEFAULT_CSS = """
    StagesStrip { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._stages: tuple[StageItem, ...] = ()
        self._aside: tuple[Run, ...] = ()

    def show(self, stages: tuple[StageItem, ...], aside: tuple[Run, ...] = ()) -> None:
        """Show these stages, with something more at the right end where there is room."""
        if stages != self._stages or aside != self._aside:
            self._stages, self._aside = stages, aside
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The line."""
        if not self._stages:
            return [[]]
        number = len(self._stages)
        aside_width = runs_width(self._aside)
        # The aside gives way before the stages lose their trend.
        aside_fits = aside_width and width - aside_width - 3 >= number * 21
        room = width - 1 - (aside_width + 2 if aside_fits else 0)
        line: list[Run] = [(Shown(" "), "")]
        for index, stage in enumerate(self._stages):
            start, end = room * index // number, room * (index + 1) // number
            line += _cell(stage, end - start)
        if aside_fits:
            line += [(Shown(" "), ""), *self._aside, (Shown(" "), "")]
        return [line]
