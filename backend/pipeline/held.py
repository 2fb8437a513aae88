"""A transcript's events held back until somebody looks: what is written before anybody asked."""

from backend.analysis.model import AttemptStarted, TranscriptEvent
from backend.analysis.transcript import Transcript
from backend.pipeline.investigations import Investigations

_STAND_IN = "playbook"
"""Nothing is told from its attempt on: it stands in where no model answered; the alert has a verdict."""


class Held:
    """Takes the events of one analysis; what is whole is told at `show`, or the moment the alert is open."""

    def __init__(self, investigations: Investigations, alert_id: int) -> None:
        """For one alert, for as long as its analysis takes."""
        self._investigations = investigations
        self._alert_id = alert_id
        self._events: list[TranscriptEvent] = []
        self._transcript: Transcript | None = None
        self._over = False

    def append(self, event: TranscriptEvent) -> None:
        """Take one event."""
        self._over = self._over or (isinstance(event, AttemptStarted) and event.provider == _STAND_IN)
        if self._over:
            return
        if self._transcript is not None:
            self._transcript.append(event)
            return
        self._events.append(event)  # bounded: an answer is cut at its length limit
        if self._investigations.watched(self._alert_id):
            self.show()

    def show(self) -> None:
        """Tell what was held back; what comes is told as it comes."""
        if self._transcript is None:
            self._transcript = self._investigations.writing(self._alert_id)
            for event in self._events:
                self._transcript.append(event)
            self._events.clear()

    def close(self) -> None:
        """The analysis has ended, however it did."""
        if self._transcript is not None:
            self._transcript.finish()
