"""Reading the answer to a batch while it is written: each line is handed on the moment it is whole."""

import msgspec

MAX_LINE = 8 * 1024
"""A line longer than a verdict object may be is none."""
MAX_WHY = 600


class Line(msgspec.Struct, frozen=True, gc=False):
    """One whole line that names an alert."""

    tag: str
    text: str
    """The JSON object as it was written."""
    why: str = ""


class _Named(msgspec.Struct):
    alert: str
    why: str = ""


_decode = msgspec.json.Decoder(_Named).decode


class BatchLines:
    """Cuts an answer into lines. What names no alert is passed over; nothing here is trusted yet."""

    def __init__(self) -> None:
        self._buffer = ""
        self._overlong = False

    def feed(self, text: str) -> list[Line]:
        """Take some more; the lines that it makes whole."""
        self._buffer += text
        *whole, self._buffer = self._buffer.split("\n")
        lines = [line for one in whole if (line := self._line(one)) is not None]
        if len(self._buffer) > MAX_LINE:
            self._overlong, self._buffer = True, ""
        return lines

    def finish(self) -> list[Line]:
        """The answer has ended; its last line may have no end, but must be a whole object."""
        last, self._buffer = self._buffer, ""
        line = self._line(last)
        return [] if line is None else [line]

    def _line(self, text: str) -> Line | None:
        if self._overlong:  # the rest of a line whose beginning was thrown away
            self._overlong = False
            return None
        text = text.strip().rstrip(",")
        if not text.startswith("{") or len(text) > MAX_LINE:
            return None
        try:
            named = _decode(text.encode("utf-8", "replace"))
        except (msgspec.DecodeError, RecursionError):
            return None
        return Line(named.alert.strip(), text, named.why[:MAX_WHY])
