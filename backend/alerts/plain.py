"""Lines of text of no known format: telemetry that no product called an alert, counted by program."""

import re

from backend.alerts.base import Outcome
from backend.alerts.decode import to_text
from backend.alerts.fields import LONG_CHARS, text
from backend.alerts.model import Alert, DeadLetter, Head, ParsedEvent
from backend.alerts.syslog_header import parse_header

_KIND = re.compile(r"%?[A-Za-z][\w.+-]{0,31}", re.ASCII)
_MAX_DIGITS = 4  # a name with more is an id: `session-93412281`
_SAMPLE_BYTES = 4096
_MAX_UNREADABLE = 0.3
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Not text: controls but tab, line ends, form feed and ESC (which colours lines), and bytes beyond ASCII.
_CONTROL = bytes(code for code in range(32) if code not in (9, 10, 12, 13, 27)) + b"\x7f"


class Plain:
    """FORMATS, section 2: a plain line."""

    name = "plain"

    def recognises_text(self, line: str) -> bool:
        """Anything; this is the last to be asked."""
        return True

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """A counted event; bytes that are no text are a dead letter."""
        if reason := binary_reason(raw):
            return DeadLetter(reason, raw)
        return ParsedEvent(self.name, event_kind(parse_header(to_text(raw[:_SAMPLE_BYTES])[0]).program))

    def alert(self, raw: bytes, head: Head) -> Alert:
        """A plain line makes no alert by itself; of a head that another stage made, the text is the story."""
        decoded, notes = to_text(raw)
        return Alert(head=head, raw=raw, description=text(decoded.strip(), LONG_CHARS), parse_errors=notes)


def event_kind(program: str) -> str:
    """The name under which lines are counted: a program's where it is one, else "line".

    Names come from outside: what is long, or numbered like an id, would make a kind of every line.
    """
    name = program.rsplit("/", 1)[-1]
    plausible = _KIND.fullmatch(name) and sum(char.isdigit() for char in name) <= _MAX_DIGITS
    return name if plausible else "line"


def binary_reason(raw: bytes) -> str:
    """Why bytes are no text; empty where they are, in UTF-8, UTF-16 with its mark, or a one-byte encoding."""
    sample = raw[:_SAMPLE_BYTES]
    if not sample.strip():
        return "empty record"
    if sample.startswith(b"\x1f\x8b"):
        return "not text: gzip-compressed data (starts with 1F 8B); decompress it before sending"
    if sample.startswith(_UTF16_MARKS):
        return ""
    # Some senders end a line with NULs; text of a one-byte encoding is not UTF-8 but has no controls.
    sample = sample.rstrip(b"\0") or sample
    controls = len(sample) - len(sample.translate(None, _CONTROL))
    broken = 0
    if controls and not sample.isascii():
        broken = sum("\udc80" <= char <= "\udcff" for char in sample.decode("utf-8", "surrogateescape"))
    if controls + broken > len(sample) * _MAX_UNREADABLE:
        return f"not text: binary data, starts with {raw[:8].hex(' ').upper()}"
    return ""
