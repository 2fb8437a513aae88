"""What a source says about itself while it runs: the one mutable thing behind `SourceStatus`."""

from collections import deque

from backend.alerts.text import safe
from backend.clock import Clock
from backend.sources.base import SourceStatus, State

PAUSED_AFTER_S = 1.0
"""A batch that waited this long for room is shown as a pause, in seconds; shorter waits are normal."""


class Tally:
    """Counts and words of one source, read as a `SourceStatus` at any time.

    Trouble that passes is `say`; what must not scroll by unseen (a gap, a lost group) is `note`, which stays.
    """

    def __init__(self, name: str, kind: str, clock: Clock) -> None:
        self.lag: int | None = None
        self.caught_up = False
        self._name = name
        self._kind = kind
        self._clock = clock
        self._state: State = "starting"
        self._detail = ""
        self._notes: deque[str] = deque(maxlen=3)
        self._records = 0
        self._last_record_ms = 0
        self._waiting_since: float | None = None
        self._trouble = ""

    @property
    def state(self) -> State:
        """The state last said."""
        return self._state

    def say(self, state: State, detail: str = "") -> None:
        """Set the state and what is to be said about it."""
        self._state = state
        self._detail = safe(detail)

    def note(self, text: str) -> None:
        """Add words that stay in the detail; the same words are not repeated."""
        shown = safe(text)
        if shown not in self._notes:
            self._notes.append(shown)

    def waiting(self, since: float | None) -> None:
        """A batch has been waiting for room since this `Clock.mono` time; None when it no longer is."""
        self._waiting_since = since

    def trouble(self, text: str) -> None:
        """Why batches can't be stored, or empty when they can."""
        self._trouble = safe(text)

    def took(self, records: int) -> None:
        """Count records that the journal now holds."""
        self._records += records
        self._last_record_ms = self._clock.wall_ms()

    def snapshot(self) -> SourceStatus:
        """The status now."""
        state, detail = self._state, self._detail
        since = self._waiting_since
        if self._trouble:
            state, detail = "paused", self._trouble
        elif since is not None and self._clock.mono() - since > PAUSED_AFTER_S:
            state, detail = "paused", "the pipeline has no room: reading is paused, nothing is lost"
        return SourceStatus(
            name=self._name,
            kind=self._kind,
            state=state,
            detail="; ".join(part for part in (detail, *self._notes) if part),
            records=self._records,
            lag=self.lag,
            caught_up=self.caught_up,
            last_record_ms=self._last_record_ms,
        )
