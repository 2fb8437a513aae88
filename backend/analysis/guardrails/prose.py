"""Free text where an attacker can write and none is usual: a user name, a command line, a user agent.

Rules against instructions find phrases they know; this finds that somebody wrote sentences at all. It is no
sign of an attack and raises nothing, it only keeps the machine from closing what a person should read.
"""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from backend.alerts.model import Alert

FIELD_CHARS = 2_000
MAX_FIELDS = 120
GUESSED = frozenset({"generic_json", "plain", "syslog"})
"""Formats of no known product: which of their fields an attacker writes is a guess, so all count."""
TEXT_LINES = frozenset({"plain", "syslog"})
"""Formats whose title is the log message itself."""

# Six words in a row, eight where something else than a space stands between them (names of hosts and files
# have up to seven parts), single letters spaced out, or as much of a script that writes without spaces.
_WORD = r"(?<![^\W_])(?=\d{0,3}[^\W\d_])[^\W_]{1,30}"
_WORDS = re.compile(rf"(?:{_WORD}[,.;:!?'\"()]{{0,2}}\s{{1,3}}['\"(]?){{5}}{_WORD}")
_JOINED = re.compile(r"(?:[^\W\d_]{2,}[_+.\-~|/*]{1,2}){7}[^\W\d_]{2,}")
_SPACED = re.compile(r"(?:(?<![^\W_])[^\W_][\s._-]){10}")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{8}")
_HIDDEN = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e01ef]{3}|⟨U\\+[0-9A-F]{4,6}⟩"
)


def free_text(alert: Alert) -> str:
    """The first field that holds such text, in words; empty where none does."""
    for number, (name, text) in enumerate(_fields(alert)):
        if number >= MAX_FIELDS:
            break
        if len(text) > 10 and reads_as_prose(text[:FIELD_CHARS]):
            return name
    return ""


def reads_as_prose(text: str) -> bool:
    """Whether somebody wrote a sentence, or hid something, in it."""
    if "%" in text:
        text = unquote_plus(text)
    if "&" in text and ";" in text:
        text = html.unescape(text)
    patterns = (
        (_WORDS, _JOINED, _SPACED) if text.isascii() else (_WORDS, _JOINED, _SPACED, _UNSPACED, _HIDDEN)
    )
    return any(pattern.search(text) for pattern in patterns)


def _fields(alert: Alert) -> Iterator[tuple[str, str]]:
    head, process = alert.head, alert.process
    yield "user", alert.user_name or head.user
    yield "host", alert.device_hostname or head.hostname
    yield "source host", alert.src.hostname
    yield "target host", alert.dst.hostname
    yield "process", process.name
    yield "parent process", process.parent_name
    yield "command line", process.cmd_line
    yield "file", alert.file.name
    yield "file path", alert.file.path
    for observable in alert.observables:
        yield observable.type, observable.value
    for fact in alert.facts:
        if fact.attacker or head.format in GUESSED:
            yield fact.name, fact.value
    if head.format in TEXT_LINES:
        yield "message", head.title
