"""What the analysis costs: against the budgets, at the rate of now, by lane and kind, and what was saved."""

from collections.abc import Sequence

from widgets.data import CostItem, ShareItem
from widgets.figures import bar, count, percent, sparkline, usd
from widgets.measure import fit, fit_runs, spread
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs

_MODELS = 3
_LINES = 19
"""The panel shows fewer models rather than grow beyond it."""
_TREND_FROM = 100
_ROOMY_FROM = 140
_FORECAST_FROM = 180
"""Cells of the screen from which the status line has room for the trend, the day's budget, the forecast."""


def budget_style(spent_usd: float, budget_usd: float | None) -> str:
    """ok under 80 % of the budget, warn up to it, over above; plain without a budget."""
    if not budget_usd:
        return "cost"
    used = spent_usd / budget_usd
    if used >= 1:
        return "stage-over"
    return "stage-warn" if used > 0.8 else "stage-ok"


def cost_runs(cost: CostItem, width: int = _FORECAST_FROM) -> tuple[Run, ...]:
    """The cost in one line for a screen of so many cells: this hour and today of their budgets, the forecast.

    Stepped down, or with a budget that will not last, it bears the sign of trouble.
    """
    runs: list[Run] = []
    trouble = bool(cost.note or cost.step_down or cost.going)
    if trouble:
        runs.append((Shown("▲ "), "warn bold"))
    runs.append((shown(usd(cost.hour_usd)), f"{budget_style(cost.hour_usd, cost.hour_budget_usd)} bold"))
    runs.append((shown(f"/h{_of(cost.hour_budget_usd)}"), "muted"))
    if cost.trend and width >= (_ROOMY_FROM if trouble else _TREND_FROM):
        runs += [(Shown(" "), ""), (shown(sparkline(cost.trend, 8)), "faint")]
    runs += [
        (Shown("  today "), "muted"),
        (shown(usd(cost.today_usd)), budget_style(cost.today_usd, cost.day_budget_usd)),
    ]
    if cost.day_budget_usd and (width >= _ROOMY_FROM or not cost.hour_budget_usd):
        runs.append((shown(_of(cost.day_budget_usd)), "muted"))
    if cost.forecast_usd is not None and width >= _FORECAST_FROM:
        style = "warn" if cost.going else "muted"
        runs.append((shown(f"  {usd(cost.forecast_usd)} by {cost.until}"), style))
    return tuple(runs)


def _of(budget: float | None) -> str:
    return f" of {usd(budget).removeprefix('$')}" if budget else ""


class CostPanel(LinePanel):
    """Dollars in some lines for the right rail."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cost: CostItem | None = None

    def show(self, cost: CostItem) -> None:
        """Show this state of the ledger."""
        if cost != self._cost:
            self._cost = cost
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """Budgets with their bars, the forecast, what is done about it, the lanes, kinds, savings, models."""
        cost = self._cost
        if cost is None:
            return [[]]
        lines: list[Line] = [
            *self._budget("This hour", cost.hour_usd, cost.hour_budget_usd, width),
            *self._budget("Today", cost.today_usd, cost.day_budget_usd, width),
            self._pair(
                [(Shown("Each minute"), "muted")],
                [(shown(sparkline(cost.trend, 12)), "faint"), (shown(f"{usd(cost.minute_usd):>9}"), "cost")],
                width,
            ),
            *self._forecast(cost, width),
        ]
        for words in (cost.note, cost.step_down):
            lines += self._warning(words, width)
        all_usd = sum(lane.usd for lane in cost.lanes)
        for lane in cost.lanes:
            lines.append(self._lane(lane, all_usd, width))
        if len(cost.kinds) > 1:
            lines += self._listed(cost.kinds, width)
        if cost.saved_usd:
            only = f" by {cost.savings[0].name}" if len(cost.savings) == 1 else ""
            saved: list[Run] = [(shown(usd(cost.saved_usd)), "ok")]
            lines.append(self._pair([(shown(f"Saved{only}"), "muted")], saved, width))
            if not only:
                lines += self._listed(cost.savings, width)
        for model in cost.by_model[: min(_MODELS, max(1, _LINES - len(lines)))]:
            lines.append(self._row([(model.model, "text")], model.calls, model.usd, width))
        return lines

    @staticmethod
    def _pair(left: list[Run], right: list[Run], width: int) -> list[Run]:
        return [(Shown(" "), ""), *spread(left, right, width - 2), (Shown(" "), "")]

    def _row(self, left: list[Run], calls: int, dollars: float, width: int) -> list[Run]:
        words = f"{count(calls)} {'call ' if calls == 1 else 'calls'}"
        right: list[Run] = [(shown(words), "faint"), (shown(f"{usd(dollars):>9}"), "cost")]
        return self._pair(left, right, width)

    def _lane(self, lane: ShareItem, all_usd: float, width: int) -> list[Run]:
        """A lane's name, its part of the day's money as a bar, its calls and dollars."""
        full, rest = bar(lane.usd / all_usd if all_usd else 0.0, max(1, width - 33))
        left: list[Run] = [
            (shown(fit(lane.name, 9)), lane.style),
            (Shown(full), lane.style),
            (Shown(rest), "rule"),
        ]
        return self._row(left, lane.calls, lane.usd, width)

    @staticmethod
    def _warning(words: Shown, width: int) -> list[Line]:
        if not words:
            return []
        wrapped = wrap_runs([(words, "warn")], width - 4)
        signs = [Shown(" ▲ "), *[Shown("   ")] * (len(wrapped) - 1)]
        return [[(sign, "warn bold"), *line] for sign, line in zip(signs, wrapped, strict=True)]

    @staticmethod
    def _listed(items: Sequence[ShareItem], width: int) -> list[Line]:
        """Parts with their dollars, as many in a line as there is room for."""
        lines: list[list[Run]] = []
        room = 0
        for item in items:
            part: list[Run] = [(shown(f"{item.name} "), "muted"), (shown(usd(item.usd)), "cost")]
            need = sum(len(text) for text, _ in part) + 3
            if need > room:
                lines.append([(Shown(" "), "")])
                room = width - 2 + 3
            elif lines:
                lines[-1].append((Shown(" · "), "faint"))
            lines[-1] += part
            room -= need
        return [*lines]

    def _forecast(self, cost: CostItem, width: int) -> list[Line]:
        if cost.going:
            return self._warning(cost.forecast, width)
        if cost.forecast_usd is None:
            return []
        left: list[Run] = [(shown(f"At this rate by {cost.until}"), "muted")]
        return [self._pair(left, [(shown(usd(cost.forecast_usd)), "cost")], width)]

    def _budget(self, name: str, spent: float, budget: float | None, width: int) -> list[Line]:
        style = budget_style(spent, budget)
        right: list[Run] = [(shown(usd(spent)), f"{style} bold")]
        if not budget:
            return [self._pair([(shown(name), "muted")], right, width)]
        right.append((shown(f" of {usd(budget)}"), "muted"))
        room = width - 8
        full, rest = bar(spent / budget, max(1, room))
        return [
            self._pair([(shown(name), "muted")], right, width),
            [
                (Shown(" "), ""),
                (Shown(full), style),
                (Shown(rest), "rule"),
                *fit_runs([(shown(percent(spent / budget)), "muted")], 6, "right"),
            ],
        ]
