"""Follow-up questions: the answer is prose, whatever form the model gives it."""

import msgspec

from backend.alerts.text import SafeText
from backend.analysis.call import STOPPED
from backend.analysis.model import Attempt, Delta
from backend.analysis.verdict_stream import NARRATIVE_CHARS, ReaderEvent, Reading, VerdictReader
from backend.providers.base import Outcome, Usage


class FollowUp(msgspec.Struct, frozen=True):
    """An answered question."""

    text: SafeText
    provider: str
    model: str
    attempts: tuple[Attempt, ...] = ()
    degraded: bool = False
    """A lower rung than planned answered."""
    partial: bool = False
    """The answer was cut by its length limit."""
    ungrounded: tuple[str, ...] = ()
    usage: Usage = Usage()
    cost_usd: float = 0.0
    first_token_ms: float = 0.0
    answer_ms: float = 0.0


class AnswerReader:
    """Reads an answer as prose, also where a small model repeats the verdict form all the same.

    Everything becomes `narrative` deltas; a verdict object in it decides nothing.
    """

    def __init__(self, turn: int) -> None:
        self._reader = VerdictReader(turn, raw_chars=NARRATIVE_CHARS)
        self._text: list[str] = []

    @property
    def failed(self) -> bool:
        """It has grown so long that reading on is pointless."""
        return self._reader.failed

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more of the answer."""
        return self._prose(self._reader.feed(text))

    def finish(self) -> Reading:
        """The answer has ended; `narrative` is all of it, and empty is a problem."""
        events = self._prose(self._reader.finish().events)
        text = SafeText("".join(self._text))
        return Reading(tuple(events), None, text, "" if text else "the answer is empty")

    def _prose(self, events: list[ReaderEvent] | tuple[ReaderEvent, ...]) -> list[ReaderEvent]:
        shown: list[ReaderEvent] = []
        for event in events:
            if isinstance(event, Delta):
                self._text.append(event.text)
                shown.append(msgspec.structs.replace(event, kind="narrative"))
        return shown


def answered(outcome: Outcome, reading: Reading) -> bool:
    """Whether an answer is whole enough to stand: it came to its end, or to a length limit."""
    return not reading.problem and (outcome.kind in ("complete", "length") or outcome is STOPPED)
