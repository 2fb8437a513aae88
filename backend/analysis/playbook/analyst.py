"""The built-in analyst: rules, no model, no network; the same input always gives the same answer.

It is the last rung of every fallback chain, so it must be able to judge any alert there is.
"""

from collections.abc import Sequence

from backend.alerts.model import Alert
from backend.analysis.model import Verdict
from backend.analysis.playbook.advice import actions
from backend.analysis.playbook.decide import decide
from backend.analysis.playbook.narrative import facts, narrative, summary
from backend.analysis.playbook.reading import read
from backend.analysis.playbook.score import weigh
from backend.enrichment.base import Evidence


def judge(alert: Alert, evidence: Sequence[Evidence], signals: Sequence[str] = ()) -> tuple[Verdict, str]:
    """The verdict on an alert in the light of its evidence, and the Markdown that explains it.

    `signals` are the guardrails' signs that the alert's text tries to instruct a model; with any of them it
    is at least Suspicious. Raises nothing.
    """
    picture = read(alert)
    score = weigh(picture, evidence)
    decision = decide(picture, score, signals)
    todo = actions(picture, score, decision.verdict)
    verdict = Verdict(
        verdict=decision.verdict,
        confidence=decision.confidence,
        summary=summary(picture, score, decision, signals),
        facts=facts(picture, score, signals),
        severity_id=decision.severity_id,
        actions=todo,
    )
    return verdict, narrative(picture, score, decision, signals, todo)
