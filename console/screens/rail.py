"""The right rail of a wide screen: lanes, raw events, the open alert's waterfall, money, models."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from backend.api import CatchUpView, ModelView, Snapshot, SpeculationView
from console.screens.lines import LinesBlock
from console.view_models.cost import cost_item
from console.view_models.header import lane_items, shared_lines, totals_lines
from console.view_models.patterns import pattern_lines
from widgets.cost import CostPanel
from widgets.data import WaterfallData
from widgets.figures import count, percent, usd
from widgets.heading import PaneTitle
from widgets.lanes import LaneDepthPanel
from widgets.safe import Run, Shown, shown
from widgets.waterfall import WaterfallPanel

TITLES = {
    "rail-lanes": "Lanes",
    "rail-latency": "Latency of the open alert",
    "rail-cost": "Budget",
    "rail-models": "Models",
    "rail-totals": "Since start",
}


def model_lines(models: tuple[ModelView, ...]) -> tuple[tuple[Run, ...], ...]:
    """One line per model: a sign, its name, its busy slots; beneath it what is wrong, if anything is."""
    lines: list[tuple[Run, ...]] = []
    for model in models:
        sign, style = {"ready": ("●", "ok"), "cooling": ("▲", "warn")}.get(model.state, ("■", "error"))
        slots = f"{model.busy}/{model.slots}" if model.slots else ""
        lines.append(
            (
                (shown(f" {sign} "), style),
                (shown(f"{model.name:<8}"), "text"),
                (shown(f"{slots:<6}"), "strong" if model.busy else "muted"),
                (shown(model.spec), "muted"),
            )
        )
        if model.state != "ready" and model.detail:
            lines.append(((shown(f"   {model.detail}"), style),))
    return tuple(lines) or (((Shown("   playbook only: no model is configured"), "muted"),),)


def ahead_lines(ahead: SpeculationView) -> tuple[tuple[Run, ...], ...]:
    """What looking ahead has brought: how often it was right, what it saved and wasted; none at first."""
    tried = ahead.hits + ahead.misses
    if not (tried or ahead.running or ahead.spent_usd):
        return ()
    sign = ((Shown(" ○ "), "accent" if ahead.running else "muted"), (shown(f"{'ahead':<8}"), "text"))
    right = f"{percent(ahead.hits / tried)} of {count(tried)} opened" if tried else "nothing opened yet"
    lines: list[tuple[Run, ...]] = [(*sign, (shown(right), "strong"))]
    if ahead.saved_s:
        lines.append(
            ((Shown("   saved "), "muted"), (shown(f"{count(round(ahead.saved_s))} s of waiting"), "ok"))
        )
    if ahead.spent_usd:
        wasted: Run = (shown(usd(ahead.wasted_usd)), "warn" if ahead.wasted_usd else "muted")
        lines.append(
            ((Shown("   wasted "), "muted"), wasted, (shown(f" of {usd(ahead.spent_usd)}"), "muted"))
        )
    return tuple(lines)


def late_lines(late: CatchUpView) -> tuple[tuple[Run, ...], ...]:
    """What the playbook judged while models were down: how much is still to be analysed; none at first."""
    if not (late.owed or late.done or late.given_up):
        return ()
    sign = ((Shown(" ○ "), "accent" if late.running else "muted"), (shown(f"{'later':<8}"), "text"))
    owed: Run = (shown(f"{count(late.owed)} to analyse"), "warn") if late.owed else (Shown("caught up"), "ok")
    told = [
        f"{count(number)} {word}"
        for number, word in ((late.done, "done"), (late.given_up, "given up"))
        if number
    ]
    return ((*sign, owed, (shown("".join(f", {one}" for one in told)), "muted")),)


class Rail(Vertical):
    """Everything the wall wants to see at once."""

    def __init__(self) -> None:
        super().__init__(id="rail")
        self.depth = LaneDepthPanel(id="depth")
        self.shared = LinesBlock(id="shared")
        self.patterns = LinesBlock(id="patterns")
        self.waterfall = WaterfallPanel(id="rail-waterfall")
        self.cost = CostPanel(id="cost")
        self.models = LinesBlock(id="models")
        self.totals = LinesBlock(id="totals")

    def compose(self) -> ComposeResult:
        """A heading over each panel."""
        for name, panel in (
            ("rail-lanes", self.depth),
            ("rail-latency", self.waterfall),
            ("rail-cost", self.cost),
            ("rail-models", self.models),
            ("rail-totals", self.totals),
        ):
            title = PaneTitle(id=name)
            title.show(((Shown(TITLES[name]), "strong bold"),))
            yield title
            yield panel
            if panel is self.depth:
                yield self.shared
                yield self.patterns

    def show(self, snapshot: Snapshot, sla_s: Mapping[str, float], passed_s: float) -> None:
        """Another state of the engine."""
        self.depth.show(lane_items(snapshot.lanes, sla_s, passed_s))
        self.shared.show(shared_lines(snapshot.lanes))
        raw = pattern_lines(snapshot.patterns)
        self.patterns.show(raw)
        self.patterns.display = bool(raw)
        self.cost.show(cost_item(snapshot.cost))
        self.models.show(
            (
                *model_lines(snapshot.models),
                *ahead_lines(snapshot.speculation),
                *late_lines(snapshot.catch_up),
            )
        )
        self.totals.show(totals_lines(snapshot))

    def show_waterfall(self, data: WaterfallData | None) -> None:
        """Where the open alert's time went."""
        self.waterfall.show(data)
