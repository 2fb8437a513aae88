"""Streamed text made safe piece by piece, with the same result however it was cut into chunks."""

import re

from backend.alerts.text import SafeText, safe_lines
from backend.analysis.guardrails.dead_text import dead

_SEGMENT_CHARS = 256
"""A run without a stopping place is shown in pieces of this length."""

STOP = re.compile(r"\r\n|[\s!-,;<-@\[-^`{-~\u3000-\u9fff\uac00-\ud7af]")
"""Where shown text may pause: space, punctuation, CJK characters; words, numbers, addresses stay whole."""


class TextFlow:
    """Streamed text made safe word by word, so that the pieces add up to the same however it was cut.

    Links, images and HTML in it are dead (`backend.analysis.guardrails.dead_text`).
    Leading blank lines and trailing white space are left out, and what is over `limit` characters.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = ""
        self._blank = ""
        self._length = 0
        self._parts: list[str] = []
        self._before = ""

    @property
    def text(self) -> SafeText:
        """All that came out so far."""
        return SafeText("".join(self._parts))

    @property
    def full(self) -> bool:
        """The limit is reached: nothing more will come out."""
        return self._length >= self._limit

    def feed(self, text: str) -> SafeText:
        """Take some more; returns what can be shown of it now."""
        if self.full:
            return SafeText("")
        self._tail += text
        done, pieces = 0, []
        stops = self._stops()
        # No character of it bears on another beyond a stop: safe whole as in pieces.
        if stops and self._tail.isascii() and "://" not in self._tail:
            stops = stops[-1:]
        for end in stops:
            pieces.append(self._piece(self._tail[done:end]))
            done = end
        self._tail = self._tail[done:]
        return self._emit("".join(pieces))

    def finish(self) -> SafeText:
        """The text has ended; returns the rest of it."""
        rest, self._tail = self._tail, ""
        return self._emit(self._piece(rest)) if rest else SafeText("")

    def _piece(self, text: str) -> str:
        shown = dead(safe_lines(text), self._before)
        self._before = text[-1]
        return shown

    def _stops(self) -> list[int]:
        stops, last = [], 0
        for match in STOP.finditer(self._tail):
            if match[0] == "\r" and match.end() == len(self._tail):
                break  # its line feed may follow in the next chunk
            while match.end() - last > _SEGMENT_CHARS:
                last = self._cut(last)
                stops.append(last)
            last = match.end()
            stops.append(last)
        while len(self._tail) - last > _SEGMENT_CHARS:
            last = self._cut(last)
            stops.append(last)
        return stops

    def _cut(self, start: int) -> int:
        """Where a run without a stop is cut: never inside the mark that makes a link of it."""
        end = start + _SEGMENT_CHARS
        for back in range(3):
            if self._tail[end - back - 1] not in ":/":
                return end - back
        return end

    def _emit(self, piece: str) -> SafeText:
        piece = self._blank + piece
        if not self._length:
            piece = piece.lstrip()
        shown = piece.rstrip()
        self._blank = piece[len(shown) :][: self._limit]  # waits for what follows it
        shown = shown[: self._limit - self._length]
        if shown:
            self._parts.append(shown)
            self._length += len(shown)
        return SafeText(shown)
