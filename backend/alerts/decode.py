"""JSON in, however damaged, as long as an alert can still be read out of it.

msgspec reads what is well formed. What it refuses gets a second, slower look: a byte-order mark, UTF-16,
bytes that are not UTF-8, bare control characters, NaN and numbers too large for any machine are read and
noted. Whatever is left is `Unreadable`, with the reason in words.
"""

import json
import math
from typing import NamedTuple

import msgspec

from backend.alerts.text import safe

_strict = msgspec.json.Decoder()

_CHECK_LIMIT = 1_000_000
"""Bytes up to which duplicate keys are looked for; the pass costs about 20 µs per kilobyte."""
_RATING_KEYS = (
    b'"severity"',
    b'"severity_id"',
    b'"Severity"',
    b'"level"',
    b'"priority"',
    b'"risk',
    b'"Label"',
)
_RATING_WORDS = ("sever", "level", "priorit", "risk", "label", "critical")
_MAX_DIGITS = 4000  # CPython refuses to convert longer ones


class Decoded(NamedTuple):
    """A decoded document and, in words, what had to be overlooked."""

    value: object
    notes: tuple[str, ...] = ()


class Unreadable(Exception):
    """The bytes are no JSON document. The message is the dead letter's reason."""


def decode(raw: bytes, *, checked: bool = False) -> Decoded:
    """One JSON document.

    Where a key comes twice in one object the last one stands, except that severities are kept both, as a list
    (so that the higher one wins) and objects are merged. With `checked` every duplicate is looked for and
    noted; without it only in documents that rate something twice.

    Raises:
        Unreadable: not JSON, more than one document, or nested too deeply.
    """
    if len(raw) <= _CHECK_LIMIT and (checked or _rates_twice(raw)):
        return _decode_slowly(raw)
    try:
        return Decoded(_strict.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_slowly(raw)
    except RecursionError:
        raise Unreadable("not readable: JSON nested too deeply") from None


def decode_object(raw: bytes, *, checked: bool = False) -> tuple[dict[str, object], tuple[str, ...]]:
    """Like `decode`, for documents that must be objects.

    Raises:
        Unreadable: also when the document is not an object.
    """
    value, notes = decode(raw, checked=checked)
    if isinstance(value, dict):
        return value, notes
    raise Unreadable(f"not an alert: JSON, but {kind_of(value)} and not an object")


def kind_of(value: object) -> str:
    """A JSON value's kind in words, for reasons."""
    if value is None:
        return "null"
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "a string", list: "an array"}
    return kinds.get(type(value), "an object")


def describe(raw: bytes) -> str:
    """Why bytes are no JSON document, told by how they start; empty where they do start like one."""
    start = raw[:64].lstrip()
    if not start:
        return "empty record"
    if start[:1] in b'{["':
        return ""
    if start.startswith(b"\x1f\x8b"):
        return "not JSON: gzip-compressed data (starts with 1F 8B); decompress it before sending"
    if b"\x00" in start:
        return f"not JSON: binary data, starts with {raw[:8].hex(' ').upper()}"
    return f"not JSON: starts with '{safe(start[:24], 40)}'"


def to_text(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The bytes as text, with a note where they were not plain UTF-8; never fails.

    Bytes that are no UTF-8 become lone surrogates (PEP 383), which `safe` shows as ⟨FF⟩.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), ("record was UTF-16",)
    text = raw.decode("utf-8", "surrogateescape")
    notes: tuple[str, ...] = ()
    if text.startswith("\ufeff"):
        text = text[1:]
    if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
        notes = ("record holds bytes that are not UTF-8",)
    return text, notes


class Reader:
    """The tolerant JSON reader: one per document, because it collects notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.decoder = json.JSONDecoder(
            strict=False,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
            object_pairs_hook=self._object,
        )

    def note(self, text: str) -> None:
        """Remember what was overlooked, once, at most twenty things."""
        if text not in self.notes and len(self.notes) < 20:
            self.notes.append(text)

    def _constant(self, word: str) -> str:
        self.note(f"{word} is no JSON number, kept as text")
        return word

    def _float(self, digits: str) -> float | str:
        number = float(digits)
        if math.isfinite(number):
            return number
        self.note(f"number out of range, kept as text: {digits[:20]}")
        return digits

    def _int(self, digits: str) -> int | str:
        if len(digits) <= _MAX_DIGITS:
            return int(digits)
        self.note(f"integer of {len(digits)} digits, kept as text")
        return digits

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        found.clear()
        for key, value in pairs:
            if key in found:
                self.note(f"duplicate key '{safe(key, 40)}'")
                value = _combine(key, found[key], value)
            found[key] = value
        return found


def _combine(key: str, earlier: object, later: object) -> object:
    """Two values of one key: objects merged, ratings both kept, else the later one."""
    if isinstance(earlier, dict) and isinstance(later, dict):
        merged = dict(earlier)
        for inner, value in later.items():
            merged[inner] = _combine(inner, merged[inner], value) if inner in merged else value
        return merged
    if any(word in key.lower() for word in _RATING_WORDS):
        return [*_as_list(earlier), *_as_list(later)]
    return later


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _rates_twice(raw: bytes) -> bool:
    return any(raw.count(key) > 1 for key in _RATING_KEYS)


def _decode_slowly(raw: bytes) -> Decoded:
    text, notes = to_text(raw)
    reason = describe(text[:64].encode("utf-8", "replace")) if raw[:1] != b"\x1f" else describe(raw)
    if reason:
        raise Unreadable(reason)
    reader = Reader()
    try:
        value = reader.decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(broken(error)) from None
    except RecursionError:
        raise Unreadable("not readable: JSON nested too deeply") from None
    return Decoded(value, (*notes, *reader.notes))


def broken(error: json.JSONDecodeError) -> str:
    """A JSON error in a text from `to_text` as a dead letter's reason, with the byte it is at."""
    total = len(error.doc.encode("utf-8", "surrogateescape"))
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return f"JSON ends before it is complete (after {total} bytes)"
    place = len(error.doc[: error.pos].encode("utf-8", "surrogateescape"))
    return f"JSON is malformed at byte {place}: {error.msg[:1].lower()}{error.msg[1:]}"
