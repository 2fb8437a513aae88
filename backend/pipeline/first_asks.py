"""The small models that lanes ask first, put together from the configuration."""

from collections.abc import Sequence

from backend.analysis.call import Rung
from backend.analysis.first_ask import FirstAsk
from backend.analysis.paying import Paying
from backend.analysis.playbook.analyst import judge
from backend.analysis.savings import Savings
from backend.analysis.short_answer import Sure
from backend.settings import PolicyConfig


def first_ask(
    rung: Rung,
    chain: Sequence[Rung],
    *,
    lane: str,
    savings: Savings,
    policy: PolicyConfig,
) -> FirstAsk:
    """Have `rung` asked before a lane's `chain`. `policy` says how sure a model must be, here of anything."""
    return FirstAsk(
        rung,
        chain,
        judge=judge,
        sure=Sure(policy.min_confidence, policy.min_facts),
        paying=Paying(lane),
        saved=savings.asked_first,
    )
