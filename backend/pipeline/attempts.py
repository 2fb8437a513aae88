"""Attempts in a transcript are numbered: an alert that is analysed again goes on where the last one ended."""

import msgspec

from backend.alerts.text import SafeText
from backend.analysis.model import Attempt, AttemptEnded, AttemptStarted, TranscriptEvent
from backend.analysis.transcript import Transcript


def attempts_told(transcript: Transcript) -> int:
    """The highest number of an attempt at the investigation itself (turn 0); 0 where there is none."""
    events = transcript.since(0).events
    return max((one.number for one in events if isinstance(one, AttemptStarted) and not one.turn), default=0)


def broken_off(transcript: Transcript) -> Attempt | None:
    """The attempt that was ended for a critical alert, as its record lists it; None where none was."""
    ended = [one for one in transcript.since(0).events if isinstance(one, AttemptEnded) and not one.turn]
    if not ended or ended[-1].outcome != "cancelled":
        return None
    words = SafeText("cancelled: a critical alert took its model")
    return Attempt(f"{ended[-1].provider}:{ended[-1].model}", words)


class Renumbered:
    """Writes one analysis into a transcript; its attempts count on from those that stand there already."""

    def __init__(self, transcript: Transcript, note: str = "") -> None:
        """`note`: a word on its attempts that have none of their own."""
        self._transcript = transcript
        self._before = attempts_told(transcript)
        self._note = note

    def append(self, event: TranscriptEvent) -> None:
        """Write one event."""
        if isinstance(event, AttemptStarted) and not event.turn and (self._before or self._note):
            event = msgspec.structs.replace(
                event, number=event.number + self._before, note=event.note or self._note
            )
        self._transcript.append(event)
