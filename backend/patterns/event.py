"""A raw event as rules and the miner see it: fields by name in lower case, and its words as one text.

Nothing is decoded before something asks for it, and everything is bounded: events are hostile and many.
"""

import msgspec

from backend.alerts.decode import Unreadable, decode_object, to_text
from backend.alerts.fields import Object
from backend.alerts.key_values import quoted_pairs
from backend.alerts.syslog_header import Header, parse_header
from backend.patterns.windows import windows_fields

MAX_BYTES = 1 << 20
"""So much of an event is read; a longer one is examined as the text of its beginning."""
MAX_FIELDS = 1_000
MAX_DEPTH = 12
MAX_CHARS = 64 * 1024
"""So far into a value or a text is searched."""

Scalar = str | int | float | bool | None
Fields = dict[str, object]
"""Dotted names in lower case to a scalar, or to a list of scalars where a field has several."""

_decode = msgspec.json.Decoder().decode


class Event:
    """One raw event. Reading it raises nothing, whatever its bytes are."""

    __slots__ = ("_fields", "_header", "_low", "_obj", "_text", "_told", "format", "kind", "raw")

    def __init__(self, format_: str, kind: str, raw: bytes) -> None:
        self.format = format_
        """The parser's name for it, and its `kind` as it is counted."""
        self.kind = kind
        self.raw = raw
        self._obj: Object | bool | None = False
        self._header: Header | None = None
        self._fields: Fields | None = None
        self._low: dict[str, tuple[str, ...]] = {}
        self._text: str | None = None
        self._told: str | None = None

    @property
    def obj(self) -> Object | None:
        """The decoded document; None where it is none."""
        if self._obj is False:
            self._obj = _decoded(self.raw)
        return self._obj if isinstance(self._obj, dict) else None

    @property
    def header(self) -> Header:
        """What stands in front of a line of text, and its body."""
        if self._header is None:
            self._header = parse_header(to_text(self.raw[:MAX_CHARS])[0].strip())
        return self._header

    @property
    def fields(self) -> Fields:
        """Every field."""
        if self._fields is None:
            obj = self.obj
            self._fields = _line_fields(self.header) if obj is None else _object_fields(obj)
        return self._fields

    @property
    def told(self) -> str:
        """All it says: the line, or every value of the document, one a line."""
        if self._told is None:
            if self.obj is None:
                self._told = to_text(self.raw[:MAX_CHARS])[0]
            else:
                self._told = "\n".join(word for name in self.fields for word in self.words(name))[:MAX_CHARS]
        return self._told

    @property
    def text(self) -> str:
        """The same in lower case."""
        if self._text is None:
            self._text = self.told.lower()
        return self._text

    def values(self, name: str) -> list[Scalar]:
        """The values of a field by its name in lower case; none where it is missing."""
        value = self.fields.get(name, _MISSING)
        if value is _MISSING:
            return []
        return value if isinstance(value, list) else [value]  # type: ignore[list-item]  # made of scalars only

    def words(self, name: str) -> tuple[str, ...]:
        """The values of a field as text, in their own case; null is none."""
        return tuple(_worded(value)[:MAX_CHARS] for value in self.values(name) if value is not None)

    def low(self, name: str) -> tuple[str, ...]:
        """The values of a field as text in lower case."""
        found = self._low.get(name)
        if found is None:
            found = self._low[name] = tuple(word.lower() for word in self.words(name))
        return found

    def first(self, *names: str) -> str:
        """The first of several fields that says something, as text; empty where none does."""
        for name in names:
            for word in self.words(name):
                if word and word != "-":
                    return word
        return ""


_MISSING = object()
_STARTS = (b"{", b"\xef", b"\xff", b"\xfe")
"""An object, or the mark of an encoding."""


def clean(text: str, limit: int) -> str:
    """Text that can be written down: at most `limit` characters, bytes that were no UTF-8 shown as `?`."""
    cut = text[:limit]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def flatten(obj: Object) -> Fields:
    """Every scalar of a document by its dotted path in lower case; a list's items share their path."""
    found: Fields = {}
    stack: list[tuple[str, object, int]] = [("", obj, 0)]
    left = MAX_FIELDS
    while stack and left > 0:
        path, value, depth = stack.pop()
        if isinstance(value, dict | list):
            if depth < MAX_DEPTH:
                stack.extend(_inside(path, value, depth + 1))
            continue
        left -= 1
        if path not in found:
            found[path] = value
            continue
        earlier = found[path]
        found[path] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
    return found


def _inside(
    path: str, value: dict[object, object] | list[object], depth: int
) -> list[tuple[str, object, int]]:
    """A container's items, last first, so that the stack gives them in order."""
    if isinstance(value, list):
        return [(path, item, depth) for item in reversed(value[:MAX_FIELDS])]
    items = list(value.items())[:MAX_FIELDS]
    before = f"{path}." if path else ""
    return [(f"{before}{str(key).lower()}", item, depth) for key, item in reversed(items)]


def _object_fields(obj: Object) -> Fields:
    found = windows_fields(obj)
    if found is None:
        return flatten(obj)
    named, rest = found
    fields = flatten(rest)
    for name, value in flatten(named).items():
        fields[name] = value
    return fields


def _line_fields(header: Header) -> Fields:
    fields: Fields = {name.lower(): value for name, value in header.data.items()}
    for name, value in quoted_pairs(header.body).items():
        fields.setdefault(name.lower(), value)
    fields["message"] = header.body
    if header.program:
        fields.setdefault("program", header.program)
    if header.host:
        fields.setdefault("hostname", header.host)
    if header.time:
        fields.setdefault("timestamp", header.time)
    return fields


def _decoded(raw: bytes) -> Object | None:
    if len(raw) > MAX_BYTES or raw[:64].lstrip()[:1] not in _STARTS:
        return None
    try:
        obj = _decode(raw)
        return obj if isinstance(obj, dict) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decode_object(raw)[0]
    except (Unreadable, UnicodeError, RecursionError):
        return None


def _worded(value: Scalar) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value)
    except ValueError:  # CPython refuses to write integers of thousands of digits
        return "number of too many digits"
