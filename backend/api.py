"""The plain types that cross the engine's door: snapshots and details out, commands in.

All of it is immutable, and all text in it is safe to show. A front end imports this and `backend.engine`,
nothing else of the backend.
"""

from typing import Literal

import msgspec

from backend.alerts.model import SEVERITY_NAMES as SEVERITY_NAMES
from backend.alerts.model import Alert as Alert
from backend.alerts.model import Head as Head
from backend.alerts.text import SafeText
from backend.analysis.model import Analysis as Analysis
from backend.analysis.model import AttemptEnded as AttemptEnded
from backend.analysis.model import AttemptStarted as AttemptStarted
from backend.analysis.model import Decided as Decided
from backend.analysis.model import Delta as Delta
from backend.analysis.model import QuestionAsked as QuestionAsked
from backend.analysis.model import TranscriptEvent as TranscriptEvent
from backend.analysis.model import Verdict as Verdict
from backend.analysis.model import VerdictReady as VerdictReady
from backend.enrichment.base import Evidence as Evidence
from backend.lanes import LANES as LANES
from backend.sources.base import SourceStatus as SourceStatus

STAGES = ("ingest", "route", "enrich", "analyse", "act")

RowState = Literal["queued", "enriching", "analysing", "triaged", "claimed", "closed"]
Disposition = Literal["True Positive", "False Positive", "Benign", "Suspicious", "Insufficient Data"]


class Row(msgspec.Struct, frozen=True, gc=False):
    """One alert as a queue row."""

    id: int
    """The journal's id: what commands name."""
    head: Head
    lane: str
    state: RowState
    received_ms: int
    deadline_ms: int
    """Wall clock by which the lane's SLA wants a verdict; 0 where the lane has none."""
    verdict: str = ""
    """The verdict in force: the human's if there is one, else the machine's; empty while there is none."""
    confidence: float = 0.0
    verdict_ms: int = 0
    """Wall clock of the machine's first verdict, which the deadline is for; 0 while there is none."""
    analysed_by: str = ""
    """provider:model that answered."""
    degraded: bool = False
    partial: bool = False
    injection: bool = False
    cost_usd: float = 0.0
    decided_by: str = ""
    """Who closed or decided it; empty while no human did."""
    has_note: bool = False
    sla_met: bool | None = None
    """None while it is open or the lane has no deadline."""
    summary: SafeText = SafeText("")


class LaneView(msgspec.Struct, frozen=True, gc=False):
    """One lane now."""

    name: str
    queued: int
    running: int
    oldest_ms: int | None
    """How long the oldest queued alert has waited; None when none waits."""
    breach_in_ms: int | None
    """Time to the earliest deadline among those waiting or running (negative: breached); None without one."""
    per_minute: float
    """Alerts that came in, by the last minute's rate."""
    done: int
    """Verdicts given since start."""
    breached: int
    """Verdicts given, or still owed, after their deadline, since start."""


class StageView(msgspec.Struct, frozen=True, gc=False):
    """One stage's latency, waiting apart from work, over the last minutes."""

    name: str
    budget_ms: float
    work_p50_ms: float | None
    work_p99_ms: float | None
    wait_p50_ms: float | None
    wait_p99_ms: float | None
    count: int
    trend: tuple[float, ...] = ()
    """p99 of work per recent interval, oldest first, for a sparkline."""


class ModelCost(msgspec.Struct, frozen=True, gc=False):
    """One model's part of the ledger."""

    model: str
    calls: int
    usd: float
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int


class CostShare(msgspec.Struct, frozen=True, gc=False):
    """One lane's part of this day's spend, or that of one kind of call (`analysis.entry.CallKind`)."""

    name: str
    usd: float
    calls: int


class Saving(msgspec.Struct, frozen=True, gc=False):
    """What one means has saved this day; `backend.analysis.savings` says by which rule."""

    by: str
    """prompt_cache, folds, answers, batches or tiers."""
    usd: float


class SpeculationCost(msgspec.Struct, frozen=True, gc=False):
    """This day's calls made before anybody asked; what was never wanted is waste."""

    calls: int = 0
    usd: float = 0.0
    used: int = 0
    """Calls whose answer was wanted in the end."""
    used_usd: float = 0.0


class CostView(msgspec.Struct, frozen=True, gc=False):
    """Dollars now."""

    usd_this_minute: float
    usd_this_hour: float
    usd_today: float
    budget_hour_usd: float | None
    budget_day_usd: float | None
    saved_usd: float
    """All that `savings` tells apart, of this day."""
    by_model: tuple[ModelCost, ...] = ()
    trend: tuple[float, ...] = ()
    """Dollars per minute, oldest first."""
    note: str = ""
    """What stops calls just now, or keeps them from being counted, in words; empty when nothing does."""
    by_lane: tuple[CostShare, ...] = ()
    by_kind: tuple[CostShare, ...] = ()
    savings: tuple[Saving, ...] = ()
    speculation: SpeculationCost = SpeculationCost()
    usd_per_hour_now: float = 0.0
    """The rate of spending, weighted over the last quarter of an hour."""
    forecast_usd: float | None = None
    """What this day will have cost at the shift's end at that rate; None where nothing is spent."""
    forecast_until: str = ""
    """Until when it looks, `16:00Z`: the end of the shift, or of the UTC day where that comes first."""
    gone_ms: int | None = None
    """When, at that rate, the first budget is spent; None: not before the shift's end."""
    forecast: str = ""
    """The forecast in words; empty where nothing is spent."""
    step_down: str = ""
    """Which lanes do with cheaper models than planned, and since when, in words; empty where none does."""


class ModelView(msgspec.Struct, frozen=True, gc=False):
    """One configured model now."""

    name: str
    """Its name in the config (best, fast …)."""
    spec: str
    """provider:model"""
    busy: int
    slots: int
    state: Literal["ready", "cooling", "failed"] = "ready"
    detail: str = ""


class SpeculationView(msgspec.Struct, frozen=True, gc=False):
    """What analysing alerts before they were opened has brought, since start."""

    running: int = 0
    """Second analyses being made now in slots that nobody needed."""
    hits: int = 0
    """Alerts that were opened after work on them had begun early."""
    misses: int = 0
    """Alerts worked on early that were closed, claimed by others or left without being opened."""
    saved_s: float = 0.0
    """Seconds of waiting for the first words that the hits saved: what had passed of them at the opening."""
    spent_usd: float = 0.0
    """What calls cost that were made only because an alert might be opened."""
    wasted_usd: float = 0.0
    """The part of it that went into calls cancelled halfway and alerts that nobody opened."""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything the main screen shows, published at most ten times a second by swapping a reference."""

    version: int
    wall_ms: int
    demo: bool
    sources: tuple[SourceStatus, ...]
    lanes: tuple[LaneView, ...]
    stages: tuple[StageView, ...]
    cost: CostView
    models: tuple[ModelView, ...]
    rows: tuple[Row, ...]
    """The open alerts that pass the view's filter, in queue order, at most `rows_limit` of them."""
    rows_version: int
    """Changes whenever `rows` does."""
    rows_total: int
    """Open alerts that pass the filter, also those beyond the limit (counted in the journal)."""
    open_total: int
    filter_text: str = ""
    filter_error: str = ""
    alerts_total: int = 0
    """Alerts stored since start."""
    events_total: int = 0
    """Records that were no alerts, counted since start."""
    dead_letters: int = 0
    duplicates: int = 0
    """Records recognised as read before, since start."""
    engine_lag_ms: float = 0.0
    """p99 delay of the engine's own loop."""
    trouble: tuple[str, ...] = ()
    """What is wrong now and what is being done about it, one line each, worst first."""
    speculation: SpeculationView = SpeculationView()


class NoteView(msgspec.Struct, frozen=True, gc=False):
    """One entry of an alert's audit trail."""

    wall_ms: int
    actor: str
    what: SafeText
    note: SafeText = SafeText("")


class Detail(msgspec.Struct, frozen=True):
    """One alert opened: everything the tabs show. The streaming text comes through `Engine.transcript`."""

    row: Row
    alert: Alert
    evidence: tuple[Evidence, ...]
    analysis: Analysis | None
    latency_ms: dict[str, float]
    """The contract's keys (ingest, route, enrich, queue …), plus waits (`enrich_wait` …)."""
    trail: tuple[NoteView, ...] = ()
    raw_text: SafeText = SafeText("")
    """The raw record, pretty-printed where it is JSON, safe to show, capped."""
    missing: tuple[str, ...] = ()
    """Enrichers that had not answered within the budget."""


class TranscriptSlice(msgspec.Struct, frozen=True):
    """What is new in a transcript since a cursor."""

    events: tuple[TranscriptEvent, ...]
    cursor: int
    live: bool
    """An attempt is still writing."""
    truncated: bool = False
    """Events before these were dropped to keep memory bounded."""


# --- commands: what a front end may ask; each is answered by a later snapshot and a `Reply` ----------------


class SetFilter(msgspec.Struct, frozen=True, tag=True):
    """Show only rows that match the filter expression; empty shows all that is open."""

    text: str


class SetOrder(msgspec.Struct, frozen=True, tag=True):
    """Order the queue by what is due first, or by newest."""

    order: Literal["priority", "newest"]


class Investigate(msgspec.Struct, frozen=True, tag=True):
    """Analyse now (again, if it was already), ahead of its lane, on behalf of a person."""

    alert_id: int


class Look(msgspec.Struct, frozen=True, tag=True):
    """The analyst's cursor rests on an alert: it and those that follow in the view may be opened next."""

    alert_id: int


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Ask a follow-up; the answer streams into the transcript."""

    alert_id: int
    question: str


class Claim(msgspec.Struct, frozen=True, tag=True):
    """Take alerts on."""

    alert_ids: tuple[int, ...]
    actor: str


class Decide(msgspec.Struct, frozen=True, tag=True):
    """Close alerts with a human disposition and an optional note."""

    alert_ids: tuple[int, ...]
    disposition: Disposition
    actor: str
    note: str = ""


class AddNote(msgspec.Struct, frozen=True, tag=True):
    """Write a note without deciding."""

    alert_ids: tuple[int, ...]
    note: str
    actor: str


class Undo(msgspec.Struct, frozen=True, tag=True):
    """Take back the actor's latest decision, claim or note that is not yet undone."""

    actor: str


Command = SetFilter | SetOrder | Investigate | Look | Ask | Claim | Decide | AddNote | Undo


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What became of a command, in words for a notification."""

    ok: bool
    text: str
    alert_ids: tuple[int, ...] = ()
