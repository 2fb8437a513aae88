"""An answer that breaks the form: what the model is told of it, and what stands where none could be used.

What counts as broken is decided by the readers (`verdict_stream`, `schema`): no object at the start, one
that is not JSON, two of them, NaN, a field missing, a verdict OCSF does not know, an object cut off by the
length limit.
"""

import msgspec

from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.data_block import harmless
from backend.analysis.model import Verdict
from backend.analysis.pane import Reader
from backend.analysis.verdict_stream import ReaderEvent, Reading, VerdictLine
from backend.providers.base import Message, ModelRequest

PROBLEM_CHARS = 200
UNUSABLE = "No model gave an answer that could be used: a human must decide."
NOTE = "no model's answer kept to the form"

_MEND = (
    "Your answer can't be used: {problem}. Answer the triage again. Begin with the one JSON object on one "
    "line, with no code fence, no NaN and no second object, then an empty line, then the Markdown. "
    "Keep it short."
)


def build_repair(request: ModelRequest, answer: str, problem: str) -> ModelRequest:
    """The one request to mend an answer: the first one, so that its cached prefix serves again, and more.

    `problem` may quote the model and so, through it, the alert: it is made safe and capped.
    """
    told = _MEND.format(problem=harmless(safe(problem, PROBLEM_CHARS)).rstrip(". "))
    messages = (*request.messages, Message("assistant", harmless(answer.strip())), Message("user", told))
    return msgspec.structs.replace(request, messages=messages)


def withheld(verdict: Verdict | None, own_severity: int) -> Verdict:
    """The built-in analyst's view where models did answer but nothing of it could be used.

    Never harmless by default: the verdict is "Insufficient Data", whatever rules alone would say, and its
    summary says what they would. Nor does it take the severity below the alert's own.
    """
    if verdict is None:
        return Verdict("Insufficient Data", 0.0, SafeText(UNUSABLE))
    words = f"{UNUSABLE} By rules alone: {verdict.verdict}. {verdict.summary}"
    severity = verdict.severity_id
    return msgspec.structs.replace(
        verdict,
        verdict="Insufficient Data",
        confidence=0.0,
        summary=safe(words, 400),
        severity_id=None if severity is not None and severity < own_severity else severity,
    )


class WithheldReader:
    """Reads the built-in analyst's answer and withholds its verdict (`withheld`)."""

    def __init__(self, reader: Reader, own_severity: int) -> None:
        """Read through `reader`; `own_severity` is the alert's."""
        self._reader = reader
        self._own_severity = own_severity

    @property
    def failed(self) -> bool:
        """Reading on is pointless."""
        return self._reader.failed

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more."""
        return [self._held(event) for event in self._reader.feed(text)]

    def finish(self) -> Reading:
        """The answer has ended."""
        reading = self._reader.finish()
        return msgspec.structs.replace(
            reading,
            events=tuple(self._held(event) for event in reading.events),
            verdict=withheld(reading.verdict, self._own_severity),
            notes=(*reading.notes, NOTE),
        )

    def _held(self, event: ReaderEvent) -> ReaderEvent:
        if isinstance(event, VerdictLine):
            return msgspec.structs.replace(event, verdict=withheld(event.verdict, self._own_severity))
        return event
