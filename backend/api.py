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
from backend.analysis.model import RecommendedAction as RecommendedAction
from backend.analysis.model import Ruling as Ruling
from backend.analysis.model import TranscriptEvent as TranscriptEvent
from backend.analysis.model import Verdict as Verdict
from backend.analysis.model import VerdictReady as VerdictReady
from backend.cost_views import CostShare as CostShare
from backend.cost_views import CostView as CostView
from backend.cost_views import ModelCost as ModelCost
from backend.cost_views import Saving as Saving
from backend.cost_views import SpeculationCost as SpeculationCost
from backend.enrichment.base import Evidence as Evidence
from backend.fold_views import FoldView as FoldView
from backend.fold_views import MemberView as MemberView
from backend.fold_views import SeenBefore as SeenBefore
from backend.lanes import LANES as LANES
from backend.order_views import AheadView as AheadView
from backend.order_views import LimitView as LimitView
from backend.order_views import OrderView as OrderView
from backend.order_views import RoomView as RoomView
from backend.order_views import TogetherView as TogetherView
from backend.patterns.view import PatternsView as PatternsView
from backend.sources.base import SourceStatus as SourceStatus

MACHINE = "watchfloor"
"""The actor of what policy lets the machine decide."""

STAGES = ("ingest", "route", "enrich", "analyse", "act")

RowState = Literal["queued", "enriching", "analysing", "paused", "triaged", "claimed", "closed"]
"""`paused`: queued again, with what was written of its analysis kept; a critical alert took its model."""
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
    """Who closed or decided it; empty while nobody did, `MACHINE` where policy let the machine close it."""
    has_note: bool = False
    sla_met: bool | None = None
    """None while it is open or the lane has no deadline."""
    summary: SafeText = SafeText("")
    ruling: Ruling | None = None
    """What code let the machine's verdict do, and why; None while there is no verdict."""
    struck: int = 0
    """Claims of its analysis that its evidence does not bear out: struck through on the screen."""
    withheld: int = 0
    """Actions that code took out of it."""
    count: int = 1
    """Alerts that this row stands for: itself, and those folded with it or the same again."""
    last_ms: int = 0
    """When the latest of them came; 0 where it stands for itself alone."""
    promoted: SafeText = SafeText("")
    """Why its fold was put into the medium lane; empty where it was not."""

    owed: bool = False
    """The playbook stood in while models were down: a model will analyse it when one is back."""

    @property
    def severity_id(self) -> int:
        """The severity in force: the vendor's, or what the ruling made of it."""
        return self.ruling.severity_id if self.ruling is not None else self.head.severity_id

    @property
    def closed_by_machine(self) -> bool:
        """Policy let the machine close it; `Reopen` takes that back."""
        return self.state == "closed" and self.decided_by == MACHINE


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
    forming: int = 0
    """Alerts in the fullest batch that forms; they count as queued."""
    forming_of: int = 0
    """How many close it."""
    forming_left_s: int = 0
    """Until the oldest batch closes by itself."""
    held: int = 0
    """Alerts laid aside in all batches."""
    folds: int = 0
    """Open rows that stand for more than one alert."""
    folded: int = 0
    """Alerts that another row stands for, since start: each counted and kept."""


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


class CatchUpView(msgspec.Struct, frozen=True, gc=False):
    """Alerts that the playbook judged while models were down, and what has become of them since start."""

    owed: int = 0
    """Still to be analysed by a model, open ones alone."""
    running: int = 0
    done: int = 0
    """Analysed by a model since."""
    given_up: int = 0
    """Left with the playbook's verdict: too old, too many, or no model's answer could be used."""


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
    catch_up: CatchUpView = CatchUpView()
    patterns: PatternsView = PatternsView()
    """What is done with raw events: Sigma rules, and patterns of lines."""


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
    fold: FoldView | None = None
    """What it stands for beside itself."""
    seen: SeenBefore | None = None


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


class Reopen(msgspec.Struct, frozen=True, tag=True):
    """Take back the machine's closing of alerts."""

    alert_ids: tuple[int, ...]
    actor: str


class Approve(msgspec.Struct, frozen=True, tag=True):
    """Approve a recommended action that needs it. Only recorded: no sink carries actions out."""

    alert_id: int
    action: str
    target: str
    confirmation: str
    """What the person typed: the target, letter by letter."""
    actor: str
    note: str = ""


class Deny(msgspec.Struct, frozen=True, tag=True):
    """Refuse a recommended action."""

    alert_id: int
    action: str
    target: str
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


Command = (
    SetFilter
    | SetOrder
    | Investigate
    | Look
    | Ask
    | Claim
    | Decide
    | Reopen
    | Approve
    | Deny
    | AddNote
    | Undo
)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What became of a command, in words for a notification."""

    ok: bool
    text: str
    alert_ids: tuple[int, ...] = ()
