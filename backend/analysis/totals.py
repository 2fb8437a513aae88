"""One day of the ledger, summed up by model, by lane and kind, and by what saved money."""

from backend.analysis.entry import LedgerEntry
from backend.api import CostShare, ModelCost, Saving, SpeculationCost
from backend.lanes import LANES

MAX_MODELS = 64
"""Models told apart; what comes beyond them is summed up as "other"."""


class Tally:
    """Calls, dollars and tokens of one thing."""

    __slots__ = ("cache_read_tokens", "calls", "input_tokens", "output_tokens", "usd")

    def __init__(self) -> None:
        self.calls = 0
        self.usd = 0.0
        self.input_tokens = self.output_tokens = self.cache_read_tokens = 0

    def add(self, entry: LedgerEntry, sign: int) -> None:
        """Add an entry, or with `sign` -1 take it out again."""
        self.calls += sign
        self.usd += sign * entry.usd
        self.input_tokens += sign * entry.usage.input_tokens
        self.output_tokens += sign * entry.usage.output_tokens
        self.cache_read_tokens += sign * entry.usage.cache_read_tokens


class DayTotals:
    """What the entries of one day come to."""

    def __init__(self) -> None:
        self.usd = 0.0
        self.saved: dict[str, float] = {}
        self._models: dict[str, Tally] = {}
        self._parts: dict[tuple[str, str], Tally] = {}
        self._used = Tally()

    def add(self, entry: LedgerEntry, sign: int = 1) -> None:
        """Add an entry, or with `sign` -1 take it out again."""
        if entry.saved_usd:
            self.saved[entry.saved_by] = self.saved.get(entry.saved_by, 0.0) + sign * entry.saved_usd
        if not entry.model:
            return
        self.usd = max(0.0, self.usd + sign * entry.usd)
        name = entry.model if entry.model in self._models or len(self._models) < MAX_MODELS else "other"
        self._models.setdefault(name, Tally()).add(entry, sign)
        self._parts.setdefault((entry.lane, entry.kind), Tally()).add(entry, sign)
        if entry.used:
            self._used.add(entry, sign)

    def by_model(self) -> tuple[ModelCost, ...]:
        """The dearest first."""
        models = sorted(self._models.items(), key=lambda item: -item[1].usd)
        return tuple(
            ModelCost(name, t.calls, t.usd, t.input_tokens, t.output_tokens, t.cache_read_tokens)
            for name, t in models
        )

    def by_lane(self) -> tuple[CostShare, ...]:
        """In the lanes' order; lanes without a call are left out."""
        shares = self._shares(0)
        return tuple(sorted(shares, key=lambda one: LANES.index(one.name) if one.name in LANES else 99))

    def by_kind(self) -> tuple[CostShare, ...]:
        """By what the calls were for, the dearest first."""
        return tuple(sorted(self._shares(1), key=lambda one: -one.usd))

    def savings(self) -> tuple[Saving, ...]:
        """What saved how much, the most first."""
        found = [Saving(by, usd) for by, usd in self.saved.items() if usd > 0]
        return tuple(sorted(found, key=lambda one: -one.usd))

    def speculation(self) -> SpeculationCost:
        """What was asked before anybody wanted it, and how much of it was wanted."""
        ahead = next((share for share in self._shares(1) if share.name == "speculation"), None)
        if ahead is None:
            return SpeculationCost()
        return SpeculationCost(ahead.calls, ahead.usd, self._used.calls, self._used.usd)

    def _shares(self, part: int) -> list[CostShare]:
        summed: dict[str, tuple[float, int]] = {}
        for key, tally in self._parts.items():
            usd, calls = summed.get(key[part], (0.0, 0))
            summed[key[part]] = (usd + tally.usd, calls + tally.calls)
        return [CostShare(name, max(0.0, usd), calls) for name, (usd, calls) in summed.items()]
