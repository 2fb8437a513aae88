"""The right rail of a wide screen: depth per lane, the open alert's waterfall, money, models."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from backend.api import ModelView, Snapshot
from console.screens.lines import LinesBlock
from console.view_models.header import cost_item, lane_items, totals_lines
from widgets.cost import CostPanel
from widgets.data import WaterfallData
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


class Rail(Vertical):
    """Everything the wall wants to see at once."""

    def __init__(self) -> None:
        super().__init__(id="rail")
        self.depth = LaneDepthPanel(id="depth")
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

    def show(self, snapshot: Snapshot, sla_s: Mapping[str, float], passed_s: float) -> None:
        """Another state of the engine."""
        self.depth.show(lane_items(snapshot.lanes, sla_s, passed_s))
        self.cost.show(cost_item(snapshot.cost))
        self.models.show(model_lines(snapshot.models))
        self.totals.show(totals_lines(snapshot))

    def show_waterfall(self, data: WaterfallData | None) -> None:
        """Where the open alert's time went."""
        self.waterfall.show(data)
