"""How often a pattern of lines comes, and when that is far more often than it used to be."""

import msgspec

WINDOW_MS = 60_000
"""Rates are counted a minute."""
WEIGHT = 0.1
"""Of the newest window in the average: it follows a change within about ten minutes."""
LEARNED_WINDOWS = 10
"""So many windows a pattern must have been known before it can surge."""


class Baseline(msgspec.Struct, gc=False, array_like=True):
    """The rate of one pattern: an exponentially weighted mean of its lines a window.

    It surges in the window in which its lines reach both `least` and `factor` times the mean, once; again
    only after a window below half of that. The mean goes on learning: a rate that lasts becomes usual.
    """

    window: int = -1
    """Number of the current window since the epoch."""
    count: int = 0
    """Lines in it."""
    mean: float = 0.0
    """Of the windows before it."""
    windows: int = 0
    """How many those are, empty ones too."""
    surging: bool = False

    def add(self, at_ms: int, factor: float, least: int) -> bool:
        """Count a line received at `at_ms`; True where this line makes it a surge. Time never goes back."""
        window = at_ms // WINDOW_MS
        if window > self.window:
            self._turn(window, factor, least)
        self.count += 1
        if self.surging or self.windows < LEARNED_WINDOWS or self.count < max(least, factor * self.mean):
            return False
        self.surging = True
        return True

    def _turn(self, window: int, factor: float, least: int) -> None:
        if self.window >= 0:
            self.mean = self.count if self.windows == 0 else self.mean + WEIGHT * (self.count - self.mean)
            if self.count < max(least, factor * self.mean) / 2:
                self.surging = False
            empty = window - self.window - 1
            if empty:
                self.mean *= (1 - WEIGHT) ** min(empty, 1_000)
                self.surging = False
            self.windows += 1 + empty
        self.window = window
        self.count = 0
