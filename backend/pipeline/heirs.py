"""Alerts that share one analysis: what of it those inherit that were taken along with the first."""

import msgspec

from backend.analysis.model import Analysis, Guardrails
from backend.journal import inheriting


def inherited(analysis: Analysis, leader: int, count: int, signals: tuple[str, ...] = ()) -> Analysis:
    """The analysis of one alert as those that were folded with it inherit it: free, marked, and said so.

    `signals` are those of the alert that inherits: its own text may try what the first one's does not.
    """
    said = f"Folded: one of {count} alerts of one rule on one entity; alert {leader} was analysed for all."
    rails = analysis.guardrails
    return msgspec.structs.replace(
        inheriting.inherited(analysis, leader, said),
        guardrails=Guardrails(rails.injection_suspected or bool(signals), (*rails.signals, *signals)),
        ruling=None,  # the gate rules on each by itself
    )
