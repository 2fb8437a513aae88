"""A circuit breaker for one provider and model: stop asking what is down, then try one call."""

import random
from typing import Literal

from backend.clock import Clock

FAILURES = 3
"""Retryable failures in a row that open it."""
SLOW = 5
"""Calls in a row, each outrun in silence by another model's, that open it. A healthy model is outrun so in
one call of twenty at most, since it is given longer than its first word usually takes; five in a row are then
one in three million. More than for failures, because each is only a sign."""
COOL_OFF_S = 5.0
"""The first pause; it doubles with each failed probe."""
COOL_OFF_MAX_S = 120.0
FAILED_COOL_OFF_S = 600.0
"""How long a refused key or a missing model is left alone: a person has to mend it."""

State = Literal["ready", "cooling", "failed"]


class Permit:
    """Leave to make one call. Say exactly once how it went; what comes after the first is ignored."""

    def __init__(self, breaker: "Breaker", epoch: int, probe: bool) -> None:
        self._breaker: Breaker | None = breaker
        self._epoch = epoch
        self.probe = probe
        """It is the one call that finds out whether the model is back."""

    def succeeded(self) -> None:
        """The model answered."""
        breaker = self._take()
        if breaker is not None:
            breaker._close(self._epoch)

    def failed(self, why: str, *, at_once: bool = False, cool_off_s: float | None = None) -> None:
        """The call failed in a way that may pass; `at_once` opens without waiting for more of the kind."""
        breaker = self._take()
        if breaker is not None:
            breaker._count(self._epoch, why, at_once or self.probe, cool_off_s)

    def slow(self, why: str) -> None:
        """It had not said a word when another model's answer was there; a probe has failed by that."""
        breaker = self._take()
        if breaker is not None:
            breaker._lag(self._epoch, why, self.probe)

    def refused(self, why: str) -> None:
        """It cannot work until a person mends it (key, model name)."""
        breaker = self._take()
        if breaker is not None:
            breaker._fail(why)

    def dropped(self) -> None:
        """The call ended without telling anything about the model: cancelled, or its own fault."""
        breaker = self._take()
        if breaker is not None:
            breaker._drop(self._epoch, self.probe)

    def _take(self) -> "Breaker | None":
        breaker, self._breaker = self._breaker, None
        return breaker


class Breaker:
    """Closed, open for a cool-off with jitter, then half-open: one probe, and closed or open again.

    Used on one event loop; nothing in it waits. Results of calls made before it last opened are ignored, so
    two hundred calls in flight when a vendor dies count as one event.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        failures: int = FAILURES,
        cool_off_s: float = COOL_OFF_S,
        cool_off_max_s: float = COOL_OFF_MAX_S,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._limit = failures
        self._base_s = cool_off_s
        self._max_s = cool_off_max_s
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._in_a_row = 0
        self._slow_in_a_row = 0
        self._opened = 0
        self._epoch = 0
        self._open_until: float | None = None
        self._probing = False
        self._hard = False
        self._why = ""

    @property
    def state(self) -> State:
        """As the console shows it."""
        if self._open_until is None:
            return "ready"
        return "failed" if self._hard else "cooling"

    @property
    def detail(self) -> str:
        """Why it is not ready and when it is tried again, in words; empty when it is ready."""
        if self._open_until is None:
            return ""
        left = self._open_until - self._clock.mono()
        when = (
            "being tried now"
            if self._probing
            else f"next try in {left:.0f} s"
            if left > 0.5
            else "next try now"
        )
        return f"{self._why}; {when}"

    def blocked(self) -> bool:
        """No call may be made now."""
        return self._open_until is not None and (self._probing or self._clock.mono() < self._open_until)

    def permit(self) -> Permit | None:
        """Leave for one call, or None while it is open or its probe is out."""
        if self._open_until is None:
            return Permit(self, self._epoch, probe=False)
        if self.blocked():
            return None
        self._probing = True
        return Permit(self, self._epoch, probe=True)

    def _close(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._in_a_row = self._slow_in_a_row = self._opened = 0
            self._open_until, self._probing, self._hard, self._why = None, False, False, ""

    def _count(self, epoch: int, why: str, at_once: bool, cool_off_s: float | None) -> None:
        if epoch != self._epoch:
            return
        self._in_a_row += 1
        if at_once or self._in_a_row >= self._limit:
            self._open(why, max(self._pause(), min(cool_off_s or 0.0, self._max_s)))

    def _lag(self, epoch: int, why: str, at_once: bool) -> None:
        if epoch != self._epoch:
            return
        self._slow_in_a_row += 1
        if at_once or self._slow_in_a_row >= SLOW:
            self._open(why, self._pause())

    def _pause(self) -> float:
        return min(self._base_s * 2.0**self._opened, self._max_s) * self._rng.uniform(0.8, 1.2)

    def _fail(self, why: str) -> None:
        self._open(why, FAILED_COOL_OFF_S)
        self._hard = True

    def _drop(self, epoch: int, probe: bool) -> None:
        if probe and epoch == self._epoch:
            self._probing = False

    def _open(self, why: str, pause_s: float) -> None:
        self._why = why
        self._open_until = self._clock.mono() + pause_s
        self._opened = min(self._opened + 1, 16)
        self._epoch += 1
        self._in_a_row = self._slow_in_a_row = 0
        self._probing = self._hard = False
