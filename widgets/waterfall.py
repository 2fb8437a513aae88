"""The latency waterfall of one alert: what it waited for and what it was worked on, on one time axis."""

from widgets.data import WaterfallBar, WaterfallData
from widgets.figures import against, millis
from widgets.measure import fit_runs
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown
from widgets.stages import stage_style

_NAME, _FIGURE = 9, 15
_WAIT, _WORK, _TICK = "░", "█", "│"
_STEPS_MS = (
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1000,
    2000,
    5000,
    10_000,
    30_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
)


def axis_step(span_ms: float, width: int) -> float:
    """The round distance between labels that leaves at least 8 cells for each."""
    most = max(1, width // 8)
    for step in _STEPS_MS:
        if span_ms / step < most + 1:
            return float(step)
    return span_ms / most


class WaterfallPanel(LinePanel):
    """Waiting is hatched, work is solid, a tick marks where the budget ends."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._data: WaterfallData | None = None

    def show(self, data: WaterfallData | None) -> None:
        """Show this alert's times; None shows that there are none yet."""
        if data != self._data:
            self._data = data
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """The axis, a line a stage, the moments, and the total."""
        data = self._data
        if data is None:
            return [[(Shown(" no times yet"), "muted")]]
        figure = _FIGURE if width >= 48 else 9
        room = max(8, width - _NAME - figure - 2)
        span = max([data.total_ms, *(bar.start_ms + bar.wait_ms + bar.work_ms for bar in data.bars), 1.0])
        lines: list[Line] = [self._axis(span, room)]
        for bar in data.bars:
            style = bar.style or stage_style(bar.work_ms, bar.budget_ms or float("inf"))
            text = (
                against(bar.work_ms, bar.budget_ms) if bar.budget_ms and figure > 9 else millis(bar.work_ms)
            )
            lines.append(
                [
                    *fit_runs([(Shown(" "), ""), (bar.name, "muted")], _NAME),
                    *self._track(bar, span, room, style),
                    *fit_runs([(shown(text), style)], figure, "right"),
                ]
            )
        lines += [self._moment(at, name, span, room) for at, name in data.marks]
        lines.append(self._total(data, room, figure))
        return lines

    @staticmethod
    def _axis(span: float, room: int) -> list[Run]:
        step = axis_step(span, room)
        text = [" "] * room
        at = 0.0
        while at <= span:
            label = millis(at) if at else "0"
            cell = int(at / span * (room - 1))
            if cell + len(label) > room:
                break
            text[cell : cell + len(label)] = list(label)
            at += step
        return [(Shown(" " * _NAME), ""), (shown("".join(text)), "faint")]

    @staticmethod
    def _track(bar: WaterfallBar, span: float, room: int, style: str) -> list[Run]:
        """The bar's cells. Anything that took time is at least one cell, so that it can be seen."""
        scale = (room - 1) / span
        start = int(bar.start_ms * scale)
        work_at = int((bar.start_ms + bar.wait_ms) * scale)
        if bar.wait_ms > 0 and work_at == start and bar.wait_ms * scale > 0.5:
            work_at += 1
        end = max(
            work_at + (1 if bar.work_ms > 0 else 0),
            int((bar.start_ms + bar.wait_ms + bar.work_ms) * scale + 0.5),
        )
        tick = int((bar.start_ms + bar.wait_ms + bar.budget_ms) * scale + 0.5) if bar.budget_ms else -1
        runs: list[Run] = []
        for cell in range(room):
            if start <= cell < work_at:
                sign, colour = _WAIT, "stage-wait"
            elif work_at <= cell < end:
                over = 0 <= tick <= cell and bar.work_ms > (bar.budget_ms or 0)
                sign, colour = _WORK, "stage-over" if over else style
            elif cell == tick:
                sign, colour = _TICK, "muted"
            else:
                sign, colour = " ", ""
            if runs and runs[-1][1] == colour:
                runs[-1] = (Shown(runs[-1][0] + sign), colour)
            else:
                runs.append((Shown(sign), colour))
        return runs

    @staticmethod
    def _moment(at: float, name: Shown, span: float, room: int) -> list[Run]:
        cell = int(at / span * (room - 1))
        label = f"{name} {millis(at)}"
        if cell + 2 + len(label) > room:
            text = " " * max(0, cell - len(label) - 1) + label + " ▲"
        else:
            text = " " * cell + "▲ " + label
        return [(Shown(" " * _NAME), ""), (shown(text), "accent")]

    @staticmethod
    def _total(data: WaterfallData, room: int, figure: int) -> list[Run]:
        style = stage_style(data.total_ms, data.budget_ms) if data.budget_ms else "strong"
        waited = sum(bar.wait_ms for bar in data.bars)
        worked = sum(bar.work_ms for bar in data.bars)
        split = f"{_WAIT} waited {millis(waited)}   {_WORK} worked {millis(worked)}"
        total = (
            against(data.total_ms, data.budget_ms) if data.budget_ms and figure > 9 else millis(data.total_ms)
        )
        return [
            *fit_runs([(Shown(" total"), "strong")], _NAME),
            *fit_runs([(shown(split), "muted")], room),
            *fit_runs([(shown(total), f"{style} bold")], figure, "right"),
        ]
