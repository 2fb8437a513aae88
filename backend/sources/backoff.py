"""Waiting between attempts: doubling, capped, with jitter, so that many workers don't come back at once."""

import random


class Backoff:
    """Delays in seconds for one chain of attempts.

    Each delay is drawn from the upper half of a doubling, capped window ("equal jitter"), so it is never
    near zero and two clients that lost the same server spread out.
    """

    def __init__(self, base_s: float = 0.25, cap_s: float = 10.0, rng: random.Random | None = None) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._rng = rng or random.SystemRandom()
        self._attempt = 0

    def next_s(self) -> float:
        """The delay before the next attempt, in seconds."""
        window = min(self._cap_s, self._base_s * 2.0 ** min(self._attempt, 32))
        self._attempt += 1
        return window * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: start short again next time."""
        self._attempt = 0
