"""The configured policy, as the gate and the ladders take it, and what its closing leaves behind."""

from backend.alerts.model import SEVERITY_NAMES
from backend.analysis.guardrails.gate import Gate
from backend.analysis.guardrails.policy import Policy
from backend.analysis.playbook.analyst import judge
from backend.journal.stored import MACHINE, Decision, Result
from backend.settings import PolicyConfig

_LEVELS = {name: number for number, name in SEVERITY_NAMES.items()}


def build_gate(config: PolicyConfig) -> Gate:
    """The gate that rules on every analysis; the built-in analyst is its second opinion."""
    policy = Policy(
        close=config.close,
        close_up_to=_LEVELS[config.close_up_to],
        lower_up_to=_LEVELS.get(config.lower_up_to, 0),
        min_confidence=config.min_confidence,
        min_facts=config.min_facts,
        human_sample=config.human_sample,
    )
    return Gate(policy, judge)


def protected(config: PolicyConfig) -> frozenset[str]:
    """What no interrupting action may be recommended on, without case."""
    return frozenset(one.strip().casefold() for one in config.protected if one.strip())


def machine_close(alert_id: int, result: Result) -> Decision | None:
    """The audit trail's entry for what the ruling closes; None where it closes nothing."""
    ruling = result.analysis.ruling
    if ruling is None or ruling.outcome != "close":
        return None
    by = f"{result.analysis.provider}:{result.analysis.model}"
    note = f"{by}, confidence {result.analysis.verdict.confidence:.2f}; {'; '.join(ruling.reasons)}"
    return Decision(alert_id, "decide", ruling.verdict, MACHINE, note, result.verdict_ms)
