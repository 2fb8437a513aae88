"""Formats that announce themselves inside a line, `CEF:0|…` and `LEEF:2.0|…`, after any syslog header."""

import re

from backend.alerts.base import Outcome
from backend.alerts.decode import to_text
from backend.alerts.model import Alert, DeadLetter, Head
from backend.alerts.syslog_header import parse_header
from backend.alerts.text_line import Line, line_alert, line_head

_BEFORE_CHARS = 128
"""So far into a message the mark is looked for: behind a tag, but not inside what somebody wrote."""
_SEARCH_CHARS = 32 * 1024


class MarkedFormat:
    """Base of such formats: they say what their mark is and take the line apart behind it."""

    name: str
    mark: re.Pattern[str]

    def take_apart(self, line: str, start: int, notes: tuple[str, ...]) -> Line | str:
        """What the line says, with the mark at `start`; a text is the reason why it can't be read."""
        raise NotImplementedError

    def recognises_text(self, line: str) -> bool:
        """A version and a pipe, after any syslog header and tag."""
        return self._start(line) >= 0

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """See `Format.head`."""
        line = self._read(raw)
        return DeadLetter(line, raw) if isinstance(line, str) else line_head(line, received_ms)

    def alert(self, raw: bytes, head: Head) -> Alert:
        """See `Format.alert`."""
        line = self._read(raw)
        if isinstance(line, str):
            return Alert(head=head, raw=raw, parse_errors=(line,))
        return line_alert(line, raw, head)

    def _read(self, raw: bytes) -> Line | str:
        line, notes = to_text(raw)
        start = self._start(line)
        if start < 0:
            kind = self.name.upper()
            return f"no {kind} record: '{kind}:' and a version are missing"
        return self.take_apart(line.rstrip("\r\n"), start, notes)

    def _start(self, line: str) -> int:
        """Where the mark stands, -1 without one.

        Behind fields (`key=…`, quotes) it is somebody's text: with it a request could pass for an alert.
        """
        found = self.mark.search(line, 0, _SEARCH_CHARS)
        if found is None:
            return -1
        body_start = len(line) - len(parse_header(line).body)
        before = line[body_start : found.start()]
        hidden = len(before) > _BEFORE_CHARS or any(char in before for char in '="|')
        return -1 if hidden else found.start()
