"""What stands while no model answers: which alerts are owed a second look, and what that may not undo.

The playbook answers where every model of a lane failed. Such a verdict is a stand-in: the alert is owed a
model's own analysis once one is back. What that says may raise the verdict freely; below the stand-in's it
goes only in sight of a person.
"""

import msgspec

from backend.alerts.text import safe
from backend.analysis.guardrails.policy import HARMLESS
from backend.analysis.model import Analysis, Attempt, Ruling

_DOWN = frozenset(
    {
        "auth",
        "cooling",
        "deadline",
        "error",
        "failed",
        "idle",
        "network",
        "not_found",
        "overloaded",
        "protocol",
        "rate_limited",
        "server",
        "truncated",
        "unavailable",
    }
)
"""How an attempt begins that a model did not end well, or was not asked in because it is down: an
`Outcome`'s error class or kind, a breaker's state. Not here: no money, no time left, no slot, data that may
not leave, and answers that broke the form."""
_ANSWERED = frozenset({"bad_request", "filtered", "invalid", "length", "too_long"})
"""How one begins that a model did answer, or refused because of what it was asked."""


def is_stand_in(analysis: Analysis) -> bool:
    """Whether the playbook gave this verdict because models failed: the alert is owed a model's own."""
    return analysis.kind == "playbook" and analysis.degraded and models_failed(analysis)


def models_failed(analysis: Analysis) -> bool:
    """Whether a model failed in this analysis, or was known to be down."""
    return any(attempt.error.partition(":")[0] in _DOWN for attempt in analysis.attempts)


def was_answered(analysis: Analysis) -> bool:
    """Whether a model did say something in this analysis, and nothing of it could be used."""
    return any(attempt.error.partition(":")[0] in _ANSWERED for attempt in analysis.attempts)


def after_stand_in(analysis: Analysis, before: Analysis) -> Analysis:
    """A model's analysis with what was tried before it, and the stand-in itself, among its attempts."""
    words = safe(f"stood in with {before.ruled} while no model answered")
    stood = Attempt(f"{before.provider}:{before.model}", words)
    return msgspec.structs.replace(analysis, attempts=(*before.attempts, stood, *analysis.attempts))


def never_below(analysis: Analysis, before: Analysis) -> Analysis:
    """The analysis with its ruling held where it would undercut the stand-in's without a word.

    The ruling has a second opinion of its own, the playbook's on the evidence of now. What was known when the
    stand-in was given may be gone since; a raise that rested on it stands, and so does a verdict that was not
    harmless. Where the new verdict says less in other ways a person is told.
    """
    new, old = analysis.ruling, before.ruling
    if new is None or old is None:
        return analysis
    raised = old.outcome == "raise" and old.severity_id > new.severity_id
    softer = new.verdict in HARMLESS and old.verdict not in HARMLESS
    weaker = old.verdict == "True Positive" != new.verdict
    if not raised and not softer and (new.disagreement or not weaker):
        return analysis
    ruling = Ruling(
        outcome="raise" if raised else "keep" if softer else new.outcome,
        verdict=old.verdict if softer else new.verdict,
        severity_id=old.severity_id if raised else new.severity_id,
        human=True,
        reasons=(safe(f"the playbook said {old.verdict} while no model answered"), *new.reasons),
        disagreement=new.disagreement or (old.verdict if softer or weaker else ""),
        sampled=new.sampled,
    )
    return msgspec.structs.replace(analysis, ruling=ruling)
