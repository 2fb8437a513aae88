"""The plain records that widgets draw. Text fields are `Shown`; durations and money say their unit."""

from dataclasses import dataclass
from typing import Literal

from widgets.safe import Run, Shown

NOTHING = Shown("")

Align = Literal["left", "right"]
Tone = Literal["", "strong", "dim", "breached"]
BlockKind = Literal["attempt", "question", "audit", "note", "error"]
CacheWord = Literal["hit", "miss", "stale"]
ActionState = Literal["proposed", "approved", "denied", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell; `extra` runs follow the text in the same cell, in styles of their own."""

    text: Shown
    style: str = ""
    extra: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One table column.

    `width` is in cells, a minimum where `flex` > 0 (the share of spare room it takes). A column shows where
    the table is at least `from_width` cells wide; while the columns don't fit, those with the highest
    `priority` number leave first; 0 never leaves.
    """

    key: str
    title: Shown
    width: int
    flex: int = 0
    priority: int = 0
    align: Align = "left"
    from_width: int = 0


@dataclass(frozen=True, slots=True)
class RowData:
    """One row: its lasting identity, a cell for every column (shown or not), and the whole row's tone."""

    key: int
    cells: tuple[Cell, ...]
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class LaneItem:
    """One lane now. `queued` None is unknown and shows as —; `breach_in_s` is negative once breached."""

    name: str
    queued: int | None
    running: int = 0
    oldest_s: float | None = None
    breach_in_s: float | None = None
    per_minute: float = 0.0
    sla_s: float = 0.0
    note: Shown = NOTHING


@dataclass(frozen=True, slots=True)
class StageItem:
    """One stage's p99 against its budget, waiting apart from work; `trend` is p99 of work, oldest first."""

    name: str
    budget_ms: float
    work_p99_ms: float | None
    wait_p99_ms: float | None = None
    work_p50_ms: float | None = None
    count: int = 0
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCostItem:
    """One model's part of the spend."""

    model: Shown
    usd: float
    calls: int = 0


@dataclass(frozen=True, slots=True)
class ShareItem:
    """A part of the money, by name: a lane's, a kind of call's, or what one means has saved."""

    name: Shown
    usd: float
    calls: int = 0
    style: str = "text"


@dataclass(frozen=True, slots=True)
class CostItem:
    """Dollars now; `trend` is dollars a minute, oldest first; `note` says what stops or hides calls."""

    hour_usd: float
    today_usd: float
    minute_usd: float = 0.0
    hour_budget_usd: float | None = None
    day_budget_usd: float | None = None
    saved_usd: float = 0.0
    by_model: tuple[ModelCostItem, ...] = ()
    trend: tuple[float, ...] = ()
    note: Shown = NOTHING
    step_down: Shown = NOTHING
    """Which lanes do with cheaper models, and since when."""
    forecast: Shown = NOTHING
    """What the rate of spending comes to, in words."""
    going: bool = False
    """At that rate a budget is spent before the shift ends."""
    forecast_usd: float | None = None
    until: Shown = NOTHING
    """Until when `forecast_usd` looks: `16:00Z`."""
    lanes: tuple[ShareItem, ...] = ()
    kinds: tuple[ShareItem, ...] = ()
    savings: tuple[ShareItem, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One source: its state is one of starting, live, lagging, reconnecting, paused, finished, failed."""

    name: Shown
    state: str
    detail: Shown = NOTHING
    per_second: float | None = None
    lag: int | None = None
    show_lag: bool = False


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One stage of one alert, ms from the moment it was received: first it waits, then it works."""

    name: Shown
    start_ms: float
    wait_ms: float = 0.0
    work_ms: float = 0.0
    budget_ms: float | None = None
    style: str = ""
    note: Shown = NOTHING


@dataclass(frozen=True, slots=True)
class WaterfallData:
    """The latency waterfall of one alert; `marks` are moments (ms) with a name, such as the first token."""

    bars: tuple[WaterfallBar, ...]
    total_ms: float
    budget_ms: float | None = None
    marks: tuple[tuple[float, Shown], ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One numbered finding; `weight` runs from -3 (harmless) to +3 (hostile), `hard` is a hard signal."""

    id: Shown
    kind: Shown
    text: Shown
    cache: CacheWord = "miss"
    age_s: float = 0.0
    weight: int = 0
    hard: bool = False
    field: Shown = NOTHING


@dataclass(frozen=True, slots=True)
class FactItem:
    """One short fact of a verdict and the evidence ids it cites."""

    text: Shown
    evidence: tuple[Shown, ...] = ()
    grounded: bool = True


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One recommended action and what became of it."""

    action: Shown
    target: Shown
    needs_approval: bool
    state: ActionState = "proposed"


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """A whole verdict as the stream pane draws it. `confidence` is 0 to 1."""

    verdict: Shown
    confidence: float
    severity_id: int | None = None
    summary: Shown = NOTHING
    facts: tuple[FactItem, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    model: Shown = NOTHING
    after_ms: float | None = None
    cost_usd: float | None = None
    cited: int = 0
    cited_total: int = 0
    degraded: bool = False
    partial: bool = False
    injection: bool = False
