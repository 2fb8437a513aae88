"""Alerts that share one analysis: what of it those inherit that were taken along with the first."""

import msgspec

from backend.alerts.text import safe
from backend.analysis.model import Analysis, Guardrails


def inherited(analysis: Analysis, leader: int, count: int, signals: tuple[str, ...] = ()) -> Analysis:
    """The analysis of one alert as those that were folded with it inherit it: free, marked, and said so.

    `signals` are those of the alert that inherits: its own text may try what the first one's does not.
    """
    rails = analysis.guardrails
    said = f"Folded: one of {count} alerts of one rule on one entity; alert {leader} was analysed for all."
    verdict = msgspec.structs.replace(analysis.verdict, facts=(), actions=())
    return Analysis(
        verdict=verdict,
        narrative=safe(f"{said} Its verdict: {analysis.verdict.summary}", 600),
        kind="aggregate",
        provider=analysis.provider,
        model=analysis.model,
        degraded=analysis.degraded,
        guardrails=Guardrails(rails.injection_suspected or bool(signals), (*rails.signals, *signals)),
    )
