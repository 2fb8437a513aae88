"""Where a finished analysis meets the policy: with the second opinion, and all evidence there is by then."""

import secrets
from collections.abc import Callable, Sequence

import msgspec

from backend.alerts.model import Alert
from backend.analysis.guardrails.injection import scan
from backend.analysis.guardrails.policy import Case, Policy, rule
from backend.analysis.guardrails.prose import free_text
from backend.analysis.model import Analysis, Verdict
from backend.enrichment.base import Evidence

CONTEXT_CHARS = 8 * 1024
"""How much of the enrichment's text is looked at for instructions; a finding is a line."""

Judge = Callable[[Alert, Sequence[Evidence], Sequence[str]], tuple[Verdict, str]]
"""`backend.analysis.playbook.analyst.judge`: pure and instant."""


class Gate:
    """Rules on analyses. One for the whole engine: its key draws the sample that people see."""

    def __init__(self, policy: Policy, judge: Judge, key: bytes | None = None) -> None:
        """`key` is for tests; it is random else and never leaves the process."""
        self._policy = policy
        self._judge = judge
        self._key = key or secrets.token_bytes(32)

    def rule(
        self,
        alert: Alert,
        analysis: Analysis,
        evidence: Sequence[Evidence],
        *,
        missing: tuple[str, ...] = (),
        held: bool = False,
    ) -> Analysis:
        """The analysis with its ruling. `held`: a person has the alert or asked for the verdict.

        Signs of instructions in the enrichment are added to the analysis' signals.
        """
        rails = analysis.guardrails
        planted = context_signals(evidence)
        if planted:
            signals = tuple(dict.fromkeys((*rails.signals, *planted)))
            rails = msgspec.structs.replace(rails, signals=signals, injection_suspected=True)
            analysis = msgspec.structs.replace(analysis, guardrails=rails)
        seen = rails.signals if rails.injection_suspected else ()
        if analysis.kind == "playbook":
            second = analysis.verdict
        else:
            second, _ = self._judge(alert, evidence, seen)
        prose = free_text(alert) if analysis.kind == "model" else ""
        case = Case(alert.head, analysis, evidence, second, seen, missing, held, prose)
        return msgspec.structs.replace(analysis, ruling=rule(case, self._policy, self._key))


def context_signals(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Signs of instructions to a model in what enrichment says, `enrichment KIND: excerpt`.

    The alert's own line (E1) is left to the look at the alert.
    """
    text = "\n".join(item.finding.text for item in evidence if item.finding.kind != "alert")
    found: dict[str, str] = {}
    for kind, excerpt in scan(text[:CONTEXT_CHARS]):
        found.setdefault(kind, excerpt)
    return tuple(f"enrichment {kind}: {excerpt}" for kind, excerpt in found.items())
