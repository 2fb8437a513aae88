"""The verdict of one alert as those that it stands for inherit it: free, marked, and said so."""

import msgspec

from backend.alerts.text import safe
from backend.analysis.model import Analysis
from backend.journal.stored import Result

NOTE = "Folded: it is one of many of the same rule; alert {leader} was analysed for all of them."


def inherited_result(result: Result, leader: int, lane: str, received_ms: int, deadline_ms: int) -> Result:
    """A leader's result as a member's own: given when the leader's was, or at once where that was before.

    Its evidence is left to whoever has the member's alert; the leader's is about the leader.
    """
    answered = max(result.answered_ms, received_ms)
    return Result(
        analysis=inherited(result.analysis, leader, NOTE.format(leader=leader)),
        evidence=(),
        latency_ms={"total": float(answered - received_ms)},
        lane=lane,
        deadline_ms=deadline_ms,
        verdict_ms=answered,
    )


def inherited(analysis: Analysis, leader: int, note: str) -> Analysis:
    """An analysis without what is only true of the alert that was analysed: facts, actions, dollars."""
    verdict = msgspec.structs.replace(analysis.verdict, facts=(), actions=())
    return Analysis(
        verdict=verdict,
        narrative=safe(f"{note} Its verdict: {analysis.verdict.summary}", 600),
        kind="aggregate",
        provider=analysis.provider,
        model=analysis.model,
        degraded=analysis.degraded,
        guardrails=analysis.guardrails,
        ruling=analysis.ruling,
    )
