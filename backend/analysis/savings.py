"""What was not spent, in dollars, and against what it is counted.

| by | counted | against |
|---|---|---|
| prompt_cache | with each call | the same tokens as fresh input (`providers.prices.saved_usd`) |
| folds | per alert that inherited a verdict | the mean cost of an analysis in its lane |
| answers | per alert answered from a like alert's analysis | the same |
| batches | per alert answered together with others | the same, less its share of the request |
| first_ask | per short question whose answer will do | what the planned model took for an alert lately, or |
|   |   | its price for the same tokens; less what all such questions cost, those in vain too |
| tiers | per answer of a cheaper model than planned, because the budget stepped down | the planned model's |
|   |   | price for the same tokens; where the playbook answered, the lane's mean |

The mean is of the lane's latest whole analyses by models that cost anything (`Ledger.mean_usd`); until there
is one the saving counts as nothing, so that no figure is made up.
"""

from collections.abc import Callable

from backend.analysis.entry import LedgerEntry, SavedBy
from backend.analysis.ledger import Ledger
from backend.analysis.model import Analysis
from backend.providers.prices import Price, cost_usd

BY_KIND: dict[str, SavedBy] = {
    "aggregate": "folds",
    "pattern": "folds",
    "cache": "answers",
    "batch": "batches",
}
"""Kinds of analyses that were made for less than one call of their own."""


class Savings:
    """Books savings into the ledger as calls settle and verdicts fall."""

    def __init__(self, ledger: Ledger, spared: Callable[[str, str], Price | None]) -> None:
        """`spared` is `Budget.spared`: the planned price where the step-down changed who answers."""
        self._ledger = ledger
        self._spared = spared
        self._vain: dict[str, float] = {}
        """By lane: dollars of short questions that nothing saved has made up for yet."""

    def booked(self, entry: LedgerEntry) -> None:
        """A ledger entry was written: what a cheaper model than planned saved."""
        if not entry.settled or not entry.model or entry.kind != "analysis" or entry.outcome != "complete":
            return
        planned = self._spared(entry.lane, entry.model)
        if planned is not None:
            self._ledger.save(entry.lane, "tiers", cost_usd(planned, entry.usage) - entry.usd)

    def asked_first(self, lane: str, usd: float, spared_usd: float) -> None:
        """A short question cost `usd` and spared a call of `spared_usd`, 0 where its answer would not do."""
        net = spared_usd - usd - self._vain.get(lane, 0.0)
        self._vain[lane] = max(0.0, -net)
        self._ledger.save(lane, "first_ask", net)

    def folded(self, lane: str, count: int) -> None:
        """So many alerts inherited the verdict of another one."""
        self._ledger.save(lane, "folds", self._ledger.mean_usd(lane) * count)

    def analysed(self, lane: str, analysis: Analysis) -> None:
        """An alert has its verdict: what it saved that no call of its own was made."""
        by = BY_KIND.get(analysis.kind)
        if by is None and analysis.kind == "playbook" and self._spared(lane, "") is not None:
            by = "tiers"
        if by is not None:
            self._ledger.save(lane, by, self._ledger.mean_usd(lane) - analysis.cost_usd)
