"""Stepping down: which lanes give up their dearest models while there is still money, so that none stops.

Low (and raw) go first, then medium, then high. Critical never steps: it has its chain and the reserve.
"""

from collections.abc import Sequence

import msgspec

from backend.analysis.forecast import Outlook
from backend.clock import Clock


class Step(msgspec.Struct, frozen=True, gc=False):
    """When one step is taken. Shares are of what lanes other than critical may spend of a budget."""

    lanes: tuple[str, ...]
    spent: float
    """Taken when this share is spent, whatever the rate."""
    forecast: float
    """Taken when the forecast comes to this share …"""
    forecast_from: float
    """… and at least this share is spent already: the first minutes of a shift are no trend."""


STEPS = (
    Step(("low", "raw"), spent=0.70, forecast=1.00, forecast_from=0.10),
    Step(("medium",), spent=0.80, forecast=1.25, forecast_from=0.25),
    Step(("high",), spent=0.90, forecast=1.50, forecast_from=0.50),
)
"""Low steps as soon as the money would not last: it is most of the alerts and the least of the risk. At 1.25
and 1.5 times the budget a fifth and a third of the spending has to go, more than low alone is likely to be.
By share spent, a tenth of the money lies between two steps: room to see whether one was enough."""
BACK_AT = 0.8
"""A step is taken back when its threshold times this holds no more, so that it does not flap …"""
HOLD_S = 900.0
"""… for as long as the rate of spending takes to tell of it (`forecast.RATE_OVER_MS`)."""


class StepDown:
    """How far the lanes have stepped down, and since when. Deeper steps always include the earlier ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: list[int | None] = [None] * len(STEPS)
        self._needed_mono = [0.0] * len(STEPS)

    def update(self, outlooks: Sequence[tuple[Outlook, float]]) -> None:
        """Judge the budgets as they stand: each with the dollars of it that are open to every lane."""
        now = self._clock.mono()
        for number, step in enumerate(STEPS):
            if any(_due(step, outlook, open_usd, 1.0) for outlook, open_usd in outlooks):
                if self._since_ms[number] is None:
                    self._since_ms[number] = self._clock.wall_ms()
                self._needed_mono[number] = now
            elif self._since_ms[number] is not None:
                if any(_due(step, outlook, open_usd, BACK_AT) for outlook, open_usd in outlooks):
                    self._needed_mono[number] = now
                elif now - self._needed_mono[number] >= HOLD_S:
                    self._since_ms[number] = None

    def since_ms(self, lane: str) -> int | None:
        """Wall clock since which the lane does with less; None where it does not."""
        for number, step in enumerate(STEPS):
            if lane in step.lanes:
                return self._since_ms[number]
        return None

    @property
    def any(self) -> bool:
        """Whether any lane has stepped down."""
        return self._since_ms[0] is not None


def _due(step: Step, outlook: Outlook, open_usd: float, ease: float) -> bool:
    if open_usd <= 0:
        return False
    spent, forecast = outlook.spent_usd / open_usd, outlook.forecast_usd / open_usd
    by_forecast = forecast >= step.forecast * ease and spent >= step.forecast_from * ease
    return spent >= step.spent * ease or by_forecast
