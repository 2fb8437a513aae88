"""What the analysis costs: now, against the budgets, by model, and what was saved."""

from widgets.data import CostItem
from widgets.figures import bar, count, percent, sparkline, usd
from widgets.measure import fit_runs, spread
from widgets.panel import Line, LinePanel
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs

_MODELS = 4


def budget_style(spent_usd: float, budget_usd: float | None) -> str:
    """ok under 80 % of the budget, warn up to it, over above; plain without a budget."""
    if not budget_usd:
        return "cost"
    used = spent_usd / budget_usd
    if used >= 1:
        return "stage-over"
    return "stage-warn" if used > 0.8 else "stage-ok"


def cost_runs(cost: CostItem) -> tuple[Run, ...]:
    """The cost in one line: this hour of its budget, the trend, today."""
    runs: list[Run] = [
        (shown(usd(cost.hour_usd)), f"{budget_style(cost.hour_usd, cost.hour_budget_usd)} bold")
    ]
    if cost.hour_budget_usd:
        runs.append((shown(f"/h of {usd(cost.hour_budget_usd).removeprefix('$')}"), "muted"))
    else:
        runs.append((Shown("/h"), "muted"))
    if cost.trend:
        runs += [(Shown(" "), ""), (shown(sparkline(cost.trend, 8)), "faint")]
    runs += [(Shown("  today "), "muted"), (shown(usd(cost.today_usd)), "cost")]
    return tuple(runs)


class CostPanel(LinePanel):
    """Dollars in a few lines for the right rail."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cost: CostItem | None = None

    def show(self, cost: CostItem) -> None:
        """Show this state of the ledger."""
        if cost != self._cost:
            self._cost = cost
            self.rebuild()

    def build(self, width: int) -> list[Line]:
        """Budgets with their bars, the rate with its trend, what was saved, and the dearest models."""
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
        ]
        if cost.saved_usd:
            lines.append(
                self._pair(
                    [(Shown("Saved by caches and folds"), "muted")],
                    [(shown(usd(cost.saved_usd)), "ok")],
                    width,
                )
            )
        for model in cost.by_model[:_MODELS]:
            calls = "call" if model.calls == 1 else "calls"
            right: list[Run] = [
                (shown(f"{count(model.calls)} {calls}"), "faint"),
                (shown(f"{usd(model.usd):>9}"), "cost"),
            ]
            lines.append(self._pair([(model.model, "text")], right, width))
        if cost.note:
            lines += [[(Shown(" "), ""), *line] for line in wrap_runs([(cost.note, "warn")], width - 2)]
        return lines

    @staticmethod
    def _pair(left: list[Run], right: list[Run], width: int) -> list[Run]:
        return [(Shown(" "), ""), *spread(left, right, width - 2), (Shown(" "), "")]

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
