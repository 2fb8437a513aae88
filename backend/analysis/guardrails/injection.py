"""Signs that an alert's text is written to instruct the model that reads it: itself a detection.

Rules over words, not a classifier: they find what addresses a model, overrules it, fakes a role or an answer,
or hides such text. They are read on normalised text, so that separators, escapes, look-alike letters and
invisible characters do not hide a phrase. What they miss is why nothing a model says triggers anything by
itself; what they find keeps an alert from being closed by the machine.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import jiter

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.guardrails.injection_decoding import decoded, disguised
from backend.analysis.guardrails.injection_languages import FOREIGN
from backend.analysis.guardrails.injection_phrases import Look, folds_plainly
from backend.analysis.guardrails.injection_rules import EXFILTRATE, FORGED, MARKERS, WORDS, may_be

SCAN_CHARS = 32 * 1024
"""How much of an alert's text is looked at: up to 0.1 s of work, where it is made to cost most."""
TEXT_CHARS = 4 * 1024
"""How much of one field; a model is shown less (`data_block`)."""
MAX_SIGNALS = 8
_EXCERPT = 60
_MAX_DEPTH = 64

_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_STAND_IN = re.compile(r"⟨U\+[0-9A-F]{4,6}⟩|[\u2400-\u2421]")
_SEPARATORS = re.compile(r"[_+.\-](?<=[A-Za-z][_+.\-])(?=[A-Za-z])")
_SPACES = re.compile(r"[ \t\r]+")
# Cyrillic and Greek letters that look Latin, the usual disguise (Unicode confusables, the plain ones).
_ALIKE = "аеорсухіјѕԁіһαορνικτυ"
_LOOK_ALIKE = str.maketrans(_ALIKE, "aeopcyxijsdihaopvikty"[:21])
_ANY_ALIKE = re.compile(f"[{_ALIKE}]")


def injection_signals(alert: Alert) -> tuple[str, ...]:
    """What in the alert's text looks like instructions to a model: `kind: excerpt`, each kind once.

    Kinds: override, role, address, verdict, secrecy, command, exfiltrate, markers, forged, hidden, encoded.
    Excerpts are safe to show. Empty where nothing was found, as for nearly every ordinary alert.
    """
    return _signals(_texts(alert))


def text_signals(texts: Iterable[str], known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The same for other text that reaches a model: evidence, notes, questions, earlier answers.

    `known` are signals found before; they stand first and are not told twice.
    """
    room = SCAN_CHARS
    looked: list[str] = []
    for text in texts:
        looked.append(text[: min(room, TEXT_CHARS)])
        room -= len(looked[-1])
        if room <= 0:
            break
    kinds = {signal.partition(":")[0] for signal in known}
    new = [signal for signal in _signals(looked) if signal.partition(":")[0] not in kinds]
    return (*known, *new)[:MAX_SIGNALS]


def _signals(texts: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    # One text: no rule reaches across a line's end, and a search costs more to begin than to go on.
    for kind, excerpt in scan("\n".join(texts)):
        found.setdefault(kind, excerpt)
    return tuple(f"{kind}: {excerpt}" for kind, excerpt in found.items())[:MAX_SIGNALS]


def scan(text: str) -> Iterator[tuple[str, str]]:
    """Signs in one text, as kind and safe excerpt."""
    tags = None if text.isascii() else _TAGS.search(text)
    if tags:
        told = "".join(chr(ord(char) - 0xE0000) for char in tags[0])
        yield "hidden", _excerpt(told, 0)
    lower = text.lower() if folds_plainly(text) else None
    for kind, pattern in (("markers", MARKERS), ("forged", FORGED), ("exfiltrate", EXFILTRATE)):
        match = pattern.search(text) if lower is None or may_be(kind, lower) else None
        if match:
            yield kind, _excerpt(text, match.start())
    open_text = unescaped(text)
    yield from _worded(open_text)
    for hidden in (*decoded(text), *disguised(open_text)):
        inner = next(_worded(unescaped(hidden)), None)
        if inner is not None:
            yield "encoded", f"{inner[0]} {inner[1]}"
            break


def _worded(text: str) -> Iterator[tuple[str, str]]:
    """Phrases in unescaped text: English with its letters made plain, others as they are written."""
    plain = _plain(text)
    look = Look(plain)
    for kind, start in WORDS.found(plain, look):
        yield kind, _excerpt(plain, start)
    if not text.isascii():
        plain, look = text, Look(text)
    for kind, start in FOREIGN.found(plain, look):
        yield kind, _excerpt(plain, start)


def _excerpt(text: str, start: int) -> str:
    return safe(text[start : start + _EXCERPT].strip())


def unescaped(text: str) -> str:
    """The text without URL and HTML escapes (also twice over) and without what can't be seen."""
    for _ in range(2):
        if "%" in text:
            text = unquote(text)
        if "&" in text and ";" in text:
            text = html.unescape(text)
    if not text.isascii():
        text = _STAND_IN.sub("", _HIDDEN.sub("", unicodedata.normalize("NFKC", text)))
    return text


def _plain(text: str) -> str:
    """The words a reader would see: letters made plain, separators made spaces."""
    if not text.isascii() and _ANY_ALIKE.search(text):
        text = text.translate(_LOOK_ALIKE)
    text = text.replace("\\n", "\n").replace("’", "'")  # noqa: RUF001 - the typographic apostrophe is meant
    text = _SEPARATORS.sub(" ", text)
    return _SPACES.sub(" ", text) if "  " in text or "\t" in text or "\r" in text else text


def _texts(alert: Alert) -> Iterator[str]:
    """Every text that whoever caused the event may have written, each once, bounded in all."""
    room = SCAN_CHARS
    seen: set[str] = set()
    for text in (*_raw_texts(alert.raw), *_fields(alert)):
        if len(text) < 8 or text in seen:
            continue
        seen.add(text)
        yield text[: min(room, TEXT_CHARS)]
        room -= min(len(text), TEXT_CHARS)
        if room <= 0:
            return


def _fields(alert: Alert) -> Iterator[str]:
    head = alert.head
    yield from (head.title, head.rule_name, alert.description, alert.user_name or head.user)
    yield from (alert.process.cmd_line, alert.process.name, alert.file.path, alert.file.name)
    yield from (alert.src.hostname, alert.dst.hostname, alert.device_hostname or head.hostname)
    for observable in alert.observables:
        yield observable.value
    for fact in alert.facts:
        yield fact.value


def _raw_texts(raw: bytes) -> Iterator[str]:
    """The strings of a JSON record (with their escapes undone), else the record as one text."""
    if raw.lstrip()[:1] in (b"{", b"["):
        try:
            yield from _strings(jiter.from_json(raw[: 4 * SCAN_CHARS], partial_mode="on"), 0)
            return
        except ValueError:
            pass
    yield raw[:SCAN_CHARS].decode("utf-8", "replace")


def _strings(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _MAX_DEPTH:
        if isinstance(value, dict):
            for key, inner in value.items():
                if len(key) > 40:
                    yield key
                yield from _strings(inner, depth + 1)
        elif isinstance(value, list):
            for inner in value:
                yield from _strings(inner, depth + 1)
