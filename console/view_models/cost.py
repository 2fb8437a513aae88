"""What the models cost: for the panel and the status line, and the whole account in lines."""

from backend.api import CostShare, CostView
from console.view_models.detail import Line
from widgets.data import CostItem, ModelCostItem, ShareItem
from widgets.figures import count, percent, usd
from widgets.glyphs import lane_style
from widgets.measure import fit
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs

KINDS = {
    "analysis": "analyses",
    "first": "short questions",
    "question": "questions",
    "hedge": "second runners",
    "repair": "repairs",
    "warm": "cache warm-ups",
    "speculation": "looking ahead",
}
SAVINGS = {
    "prompt_cache": "prompt caches",
    "folds": "folds",
    "answers": "kept analyses",
    "batches": "batches",
    "tiers": "step-down",
    "first_ask": "short questions",
}
_HEAD = 10
_VALUE = 8
_WIDE = 70
"""Cells that a popup has for its lines on a screen of 80."""
_TABLE = 33
_FITS = 17
"""Lines that it has there; one less where the tables stand close together."""


def cost_item(cost: CostView) -> CostItem:
    """The dollars for the cost panel and the status line."""
    return CostItem(
        hour_usd=cost.usd_this_hour,
        today_usd=cost.usd_today,
        minute_usd=cost.usd_this_minute,
        hour_budget_usd=cost.budget_hour_usd,
        day_budget_usd=cost.budget_day_usd,
        saved_usd=cost.saved_usd,
        by_model=tuple(ModelCostItem(shown(m.model), m.usd, m.calls) for m in cost.by_model),
        trend=cost.trend,
        note=shown(cost.note),
        step_down=shown(cost.step_down),
        forecast=shown(cost.forecast),
        going=cost.gone_ms is not None,
        forecast_usd=cost.forecast_usd,
        until=shown(cost.forecast_until),
        lanes=tuple(ShareItem(shown(s.name), s.usd, s.calls, lane_style(s.name)) for s in cost.by_lane),
        kinds=tuple(ShareItem(_kind(s), s.usd, s.calls) for s in cost.by_kind),
        savings=tuple(ShareItem(shown(SAVINGS.get(s.by, s.by)), s.usd) for s in cost.savings),
    )


def cost_lines(cost: CostView) -> tuple[Line, ...]:
    """The account: budgets, forecast, step-down and savings; by lane, kind and model."""
    lines: list[Line] = [
        *_budget("this hour", cost.usd_this_hour, cost.budget_hour_usd, "hour"),
        *_budget("today", cost.usd_today, cost.budget_day_usd, "day"),
        *_forecast(cost),
    ]
    if cost.note:
        lines += _field("budget", "", "warn", f"▲ {cost.note}", "warn")
    if cost.step_down:
        lines += _field("step-down", "", "warn", f"▲ {cost.step_down}", "warn")
    saved = [f"{SAVINGS.get(one.by, one.by)} {usd(one.usd)}" for one in cost.savings]
    lines += _field("saved", usd(cost.saved_usd), "ok", ", ".join(saved) or "nothing yet today")
    ahead = cost.speculation
    if ahead.calls:
        wasted = f"{ahead.used} of {ahead.calls} wanted, {usd(max(0.0, ahead.usd - ahead.used_usd))} wasted"
        lines += _field("ahead", usd(ahead.usd), "text", wasted)
    if not cost.by_model:
        lines += [(), ((Shown("no model was called yet"), "muted"),)]
        return tuple(lines)
    shares, models = _shares(cost), _models(cost)
    apart: list[Line] = [()] if len(lines) + len(shares) + len(models) + 2 <= _FITS else []
    return (*lines, (), *shares, *apart, *models)


def _budget(name: str, spent: float, budget: float | None, per: str) -> list[Line]:
    if budget is None:
        return _field(name, usd(spent), "strong bold", f"no budget is set for the {per}")
    words = f"{percent(spent / budget)} of {usd(budget)}" if budget else f"of {usd(budget)}"
    return _field(name, usd(spent), "strong bold", words)


def _forecast(cost: CostView) -> list[Line]:
    if cost.forecast_usd is None:
        return []
    name, value = f"by {cost.forecast_until}", usd(cost.forecast_usd)
    if cost.gone_ms is not None:
        return _field(name, value, "strong bold", f"▲ {cost.forecast}", "warn")
    words = f"at {usd(cost.usd_per_hour_now)} an hour"
    if cost.budget_day_usd:
        words += f": {percent(cost.forecast_usd / cost.budget_day_usd)} of {usd(cost.budget_day_usd)}"
    return _field(name, value, "strong bold", words)


def _shares(cost: CostView) -> list[Line]:
    """Lanes and kinds, side by side."""
    lanes = [_share(s.name, s, lane_style(s.name)) for s in cost.by_lane]
    kinds = [_share(_kind(s), s, "text") for s in cost.by_kind]
    left, right = _titles("LANE"), _titles("FOR")
    gap: Run = (Shown(" " * (_WIDE - 2 * _TABLE)), "")
    lines: list[Line] = [(*left, gap, *right)]
    blank: Line = ((Shown(" " * _TABLE), ""),)
    for number in range(max(len(lanes), len(kinds))):
        first = lanes[number] if number < len(lanes) else blank
        lines.append((*first, gap, *(kinds[number] if number < len(kinds) else ())))
    return lines


def _titles(name: str) -> Line:
    return ((shown(f"{name:<16}{'CALLS':>8}{'COST':>9}"), "muted bold"),)


def _share(name: str, share: CostShare, style: str) -> Line:
    return (
        (shown(fit(name, 16)), style),
        (shown(f"{count(share.calls):>8}"), "muted"),
        (shown(f"{usd(share.usd):>9}"), "cost"),
    )


def _models(cost: CostView) -> list[Line]:
    titles = f"{'MODEL':<31}{'CALLS':>7}{'IN':>7}{'OUT':>7}{'CACHED':>9}{'COST':>9}"
    lines: list[Line] = [((shown(titles), "muted bold"),)]
    for model in cost.by_model:
        figures = (
            f"{count(model.calls):>7}{count(model.input_tokens):>7}{count(model.output_tokens):>7}"
            f"{count(model.cache_read_tokens):>9}"
        )
        lines.append(
            (
                (shown(fit(shown(model.model), 31)), "text"),
                (shown(figures), "muted"),
                (shown(f"{usd(model.usd):>9}"), "cost"),
            )
        )
    return lines


def _kind(share: CostShare) -> Shown:
    return shown(KINDS.get(share.name, share.name))


def _field(name: str, value: str, style: str, words: str = "", words_style: str = "muted") -> list[Line]:
    """A name, a figure at the right of its column, and words wrapped beside them, or in its place."""
    head: list[Run] = [(shown(f"{name:<{_HEAD}}"), "muted")]
    if value:
        head.append((shown(f"{value:>{_VALUE}}  "), style))
    used = _HEAD + (_VALUE + 2 if value else 0)
    wrapped = wrap_runs([(shown(words), words_style)], _WIDE - used)
    first, *rest = wrapped or [[]]
    return [(*head, *first), *(((Shown(" " * used), ""), *line) for line in rest)]
