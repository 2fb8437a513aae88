"""Pseudonyms in a model's answer turned back into names while it streams, wherever it was cut."""

import re

import msgspec

from backend.alerts.secrets import mask_struct
from backend.alerts.text import SafeText
from backend.analysis.guardrails.pseudonyms import KINDS, Case
from backend.analysis.model import Delta
from backend.analysis.pane import Reader
from backend.analysis.verdict_stream import ReaderEvent, Reading, VerdictLine


def _beginnings() -> str:
    """A pattern for every beginning of a token, and a whole one, whose number may still go on."""
    parts = []
    for kind in KINDS:
        parts += [kind[:length] for length in range(1, len(kind) + 1)]
        parts.append(f"{kind}-[0-9]{{0,3}}")
    return "|".join(dict.fromkeys(parts))


_BEGUN = re.compile(rf"(?:^|(?<![A-Za-z0-9]))(?:{_beginnings()})\Z", re.IGNORECASE)
_LONGEST = max(map(len, KINDS)) + 4
"""Characters of the longest token: as many are held back at most."""


class Restorer:
    """Text in pieces; a token that is split over two of them is put together before it is turned back."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._held = ""
        self._before = ""
        """The last character given out: after a letter or digit no token begins."""

    def feed(self, text: str) -> SafeText:
        """Take some more; gives all of it but what may be the beginning of a token."""
        buffer = self._before + self._held + text
        lead = len(self._before)
        begun = _BEGUN.search(buffer, max(lead, len(buffer) - _LONGEST - 1))
        end = begun.start() if begun is not None else len(buffer)
        return self._give(buffer, lead, end)

    def finish(self) -> SafeText:
        """There is no more; gives what was held back."""
        buffer = self._before + self._held
        return self._give(buffer, len(self._before), len(buffer))

    def _give(self, buffer: str, lead: int, end: int) -> SafeText:
        self._held = buffer[end:]
        self._before = buffer[:end][-1:]
        return self._case.restore_part(buffer, lead, end)


class RestoringReader:
    """Reads an answer through another reader and gives names for pseudonyms in all that comes out of it.

    The answer is read first: a name with a quote in it can't break the verdict's JSON. Why an answer can't be
    used (`problem`) stays as it is, because a model is told it.
    """

    def __init__(self, reader: Reader, case: Case) -> None:
        """Read through `reader`; `case` knows the names."""
        self._reader = reader
        self._case = case
        self._flow = Restorer(case)
        self._last: Delta | None = None

    @property
    def failed(self) -> bool:
        """Reading on is pointless."""
        return self._reader.failed

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more."""
        return self._restored(self._reader.feed(text))

    def finish(self) -> Reading:
        """The answer has ended."""
        reading = self._reader.finish()
        events = [*self._restored(reading.events), *self._flush()]
        return msgspec.structs.replace(
            reading,
            events=tuple(events),
            verdict=mask_struct(reading.verdict, self._case.restore),
            narrative=self._case.restore(reading.narrative),
            notes=tuple(str(self._case.restore(note)) for note in reading.notes),
        )

    def _restored(self, events: list[ReaderEvent] | tuple[ReaderEvent, ...]) -> list[ReaderEvent]:
        shown: list[ReaderEvent] = []
        for event in events:
            if isinstance(event, VerdictLine):
                shown += self._flush()
                shown.append(mask_struct(event, self._case.restore))
                continue
            if self._last is not None and self._last.kind != event.kind:
                shown += self._flush()
            self._last = event
            text = self._flow.feed(event.text)
            if text:
                shown.append(msgspec.structs.replace(event, text=text))
        return shown

    def _flush(self) -> list[ReaderEvent]:
        last, self._last = self._last, None
        text = self._flow.finish()
        self._flow = Restorer(self._case)
        return [msgspec.structs.replace(last, text=text)] if last is not None and text else []
