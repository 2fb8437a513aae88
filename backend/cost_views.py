"""What money a snapshot shows: plain types, part of `backend.api`."""

import msgspec


class ModelCost(msgspec.Struct, frozen=True, gc=False):
    """One model's part of the ledger."""

    model: str
    calls: int
    usd: float
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int


class CostShare(msgspec.Struct, frozen=True, gc=False):
    """One lane's part of this day's spend, or that of one kind of call (`analysis.entry.CallKind`)."""

    name: str
    usd: float
    calls: int


class Saving(msgspec.Struct, frozen=True, gc=False):
    """What one means has saved this day; `backend.analysis.savings` says by which rule."""

    by: str
    """prompt_cache, folds, answers, batches, tiers or first_ask."""
    usd: float


class SpeculationCost(msgspec.Struct, frozen=True, gc=False):
    """This day's calls made before anybody asked; what was never wanted is waste."""

    calls: int = 0
    usd: float = 0.0
    used: int = 0
    """Calls whose answer was wanted in the end."""
    used_usd: float = 0.0


class CostView(msgspec.Struct, frozen=True, gc=False):
    """Dollars now."""

    usd_this_minute: float
    usd_this_hour: float
    usd_today: float
    budget_hour_usd: float | None
    budget_day_usd: float | None
    saved_usd: float
    """All that `savings` tells apart, of this day."""
    by_model: tuple[ModelCost, ...] = ()
    trend: tuple[float, ...] = ()
    """Dollars per minute, oldest first."""
    note: str = ""
    """What stops calls just now, or keeps them from being counted, in words; empty when nothing does."""
    by_lane: tuple[CostShare, ...] = ()
    by_kind: tuple[CostShare, ...] = ()
    savings: tuple[Saving, ...] = ()
    speculation: SpeculationCost = SpeculationCost()
    usd_per_hour_now: float = 0.0
    """The rate of spending, weighted over the last quarter of an hour."""
    forecast_usd: float | None = None
    """What this day will have cost at the shift's end at that rate; None where nothing is spent."""
    forecast_until: str = ""
    """Until when it looks, `16:00Z`: the end of the shift, or of the UTC day where that comes first."""
    gone_ms: int | None = None
    """When, at that rate, the first budget is spent; None: not before the shift's end."""
    forecast: str = ""
    """The forecast in words; empty where nothing is spent."""
    step_down: str = ""
    """Which lanes do with cheaper models than planned, and since when, in words; empty where none does."""
