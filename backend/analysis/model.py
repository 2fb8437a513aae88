"""The verdict and the transcript: what an analysis gives, whole or while it is still being written."""

from typing import Literal

import msgspec

from backend.alerts.text import SafeText
from backend.providers.base import Usage

VERDICTS = (
    "Unknown",
    "False Positive",
    "True Positive",
    "Disregard",
    "Suspicious",
    "Benign",
    "Test",
    "Insufficient Data",
    "Security Risk",
    "Managed Externally",
    "Duplicate",
)
"""OCSF verdict captions, in the order of `verdict_id` 0 to 10."""

ACTIONS: dict[str, bool] = {
    "isolate_host": True,
    "disable_user": True,
    "reset_password": True,
    "revoke_sessions": True,
    "block_ip": True,
    "block_domain": True,
    "quarantine_file": True,
    "kill_process": True,
    "collect_forensics": False,
    "open_ticket": False,
    "notify_owner": False,
    "watch": False,
}
"""The allow-list of recommended actions; True where a human must approve (it destroys or interrupts)."""

AnalysisKind = Literal["model", "cache", "batch", "aggregate", "pattern", "playbook"]


class KeyFact(msgspec.Struct, frozen=True, gc=False):
    """One short fact the verdict rests on, with the evidence it cites."""

    text: SafeText
    evidence: tuple[str, ...] = ()


class RecommendedAction(msgspec.Struct, frozen=True, gc=False):
    """One action from the allow-list."""

    action: str
    target: SafeText
    needs_approval: bool


class Verdict(msgspec.Struct, frozen=True):
    """A validated verdict line: every field is inside its allowed values."""

    verdict: str
    confidence: float
    summary: SafeText
    facts: tuple[KeyFact, ...] = ()
    severity_id: int | None = None
    """The severity the analyst (model or playbook) would give; None leaves the alert's own."""
    actions: tuple[RecommendedAction, ...] = ()


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One rung of the ladder that was tried and did not give the verdict."""

    model: str
    error: str


class Guardrails(msgspec.Struct, frozen=True, gc=False):
    """What the checks found, as in the contract's record."""

    injection_suspected: bool = False
    signals: tuple[str, ...] = ()
    ungrounded: tuple[str, ...] = ()
    output_valid: bool = True
    miscited: tuple[str, ...] = ()
    """`NAME in E2`: what a fact names that does not stand in the evidence it cites."""
    borne_out: int = 0
    """Facts whose cited evidence says what they say."""
    withheld: tuple[str, ...] = ()
    """Actions a model recommended that code took out, each with the reason in words."""


RulingKind = Literal["raise", "keep", "lower", "close"]


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """What code lets a verdict do (`backend.analysis.guardrails.policy`)."""

    outcome: RulingKind
    verdict: str
    """The verdict in force: the analyst's own, or a more cautious one where its own may not stand."""
    severity_id: int
    """The severity in force."""
    human: bool
    """A person must look at it."""
    reasons: tuple[SafeText, ...] = ()
    """Why, in short words for the screen, the weightiest first."""
    disagreement: str = ""
    """The second opinion's verdict, where it differs so far that a person decides between the two."""
    sampled: bool = False
    """It would have passed, and was drawn for a person to look at all the same."""


class Analysis(msgspec.Struct, frozen=True):
    """The finished analysis of one alert."""

    verdict: Verdict
    narrative: SafeText
    kind: AnalysisKind
    provider: str
    model: str
    attempts: tuple[Attempt, ...] = ()
    degraded: bool = False
    partial: bool = False
    guardrails: Guardrails = Guardrails()
    usage: Usage = Usage()
    cost_usd: float = 0.0
    saved_usd: float = 0.0
    """What prompt-cache reads saved against the price of fresh input."""
    first_token_ms: float = 0.0
    analyse_ms: float = 0.0
    ruling: Ruling | None = None
    """What code lets it do; None until the gate has looked at it."""

    @property
    def ruled(self) -> str:
        """The verdict that counts: the ruling's, where there is one."""
        return self.ruling.verdict if self.ruling is not None else self.verdict.verdict


# --- the transcript: what the investigation pane shows, event by event -----------------------------------


class AttemptStarted(msgspec.Struct, frozen=True, gc=False):
    """A rung begins to answer. `turn` 0 is the investigation, 1… the follow-ups."""

    turn: int
    provider: str
    model: str
    wall_ms: int
    number: int = 1
    """Which attempt of this turn; above 1 the pane shows it as a new attempt."""
    note: str = ""
    """A word on what kind of attempt it is (repair: the same model mends its answer); empty for most."""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """Some more readable text of the current attempt."""

    turn: int
    text: SafeText
    kind: Literal["facts", "narrative", "raw"] = "narrative"
    """facts: lines drawn out of the verdict object while it is written; raw: an answer not in our form."""


class VerdictReady(msgspec.Struct, frozen=True, gc=False):
    """The verdict line is whole and valid; the narrative still streams."""

    turn: int
    verdict: Verdict
    provider: str
    model: str
    after_ms: float
    """From the start of the attempt."""


class AttemptEnded(msgspec.Struct, frozen=True, gc=False):
    """A rung has ended, well or not; what it wrote stays on screen."""

    turn: int
    provider: str
    model: str
    outcome: str
    """An `OutcomeKind`, or `invalid` where the stream was whole but its verdict was not."""
    detail: SafeText
    usage: Usage = Usage()
    cost_usd: float = 0.0
    ungrounded: tuple[str, ...] = ()


class QuestionAsked(msgspec.Struct, frozen=True, gc=False):
    """The analyst asks on."""

    turn: int
    text: SafeText
    actor: str
    wall_ms: int


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A human decision, a note, a claim or its undoing: the audit trail in the pane."""

    what: SafeText
    actor: str
    wall_ms: int


TranscriptEvent = AttemptStarted | Delta | VerdictReady | AttemptEnded | QuestionAsked | Decided
