"""A transcript's events held back until somebody looks: what is written before anybody asked."""

from backend.analysis.model import AttemptStarted, TranscriptEvent
from backend.pipeline.attempts import Renumbered
from backend.pipeline.investigations import Investigations

_STAND_IN = "playbook"
"""Nothing is told from its attempt on: it stands in where no model answered; the alert has a verdict."""


class Held:
    """Takes the events of one analysis; what is whole is told at `show`, or the moment the alert is open."""

    def __init__(self, investigations: Investigations, alert_id: int, note: str = "") -> None:
        """For one alert, for as long as its analysis takes; `note` says in a word why it is made."""
        self._investigations = investigations
        self._alert_id = alert_id
        self._note = note
        self._events: list[TranscriptEvent] = []
        self._out: Renumbered | None = None
        self._over = False

    def append(self, event: TranscriptEvent) -> None:
        """Take one event."""
        self._over = self._over or (isinstance(event, AttemptStarted) and event.provider == _STAND_IN)
        if self._over:
            return
        if self._out is not None:
            self._out.append(event)
            return
        self._events.append(event)  # bounded: an answer is cut at its length limit
        if self._investigations.watched(self._alert_id):
            self.show()

    def show(self) -> None:
        """Tell what was held back; what comes is told as it comes."""
        if self._out is None:
            self._out = Renumbered(self._investigations.writing(self._alert_id), self._note)
            for event in self._events:
                self._out.append(event)
            self._events.clear()

    def close(self) -> None:
        """The analysis has ended, however it did."""
        if self._out is not None:
            self._investigations.writing(self._alert_id).finish()
