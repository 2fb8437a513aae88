"""Records to alerts, events and dead letters: which format, how many documents, what each of them is."""

from collections.abc import Iterator, Sequence
from itertools import islice

from backend.alerts.base import Format, JsonFormat, Outcome, TextFormat
from backend.alerts.csv_rows import is_csv
from backend.alerts.decode import Unreadable, decode, decode_object, describe, to_text
from backend.alerts.fields import Object, first
from backend.alerts.framing import split_rows
from backend.alerts.generic_json import GenericJson
from backend.alerts.generic_keys import GenericMapping
from backend.alerts.model import Alert, DeadLetter, Head, Parsed, ParsedAlert, ParsedEvent
from backend.alerts.plain import Plain
from backend.alerts.registry import JSON_FORMATS, TEXT_FORMATS, build_alert, format_named
from backend.alerts.shells import (
    is_no_json,
    json_in_body,
    most_lines,
    shell_of,
    tells_its_own_story,
    text_lines,
    with_header,
)
from backend.alerts.syslog import Syslog
from backend.alerts.syslog_header import Header, looks_like_syslog, parse_header
from backend.alerts.unwrap import Item, field_of, message_of, most_items, unwrap

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""A larger record is a dead letter unread: decoding takes several times its size in memory."""

_MAX_LEVELS = 3
"""Documents inside `message` and `detail` of others that are opened."""

_ENCODING_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_EMPTY = ParsedEvent("generic_json", "empty list")

Read = tuple[Outcome, bytes]
"""What a document or line is, and its bytes."""


class Parser:
    """Reads one source's records. It remembers the last format seen and tries that one first.

    Args:
        fixed_format: the source's format where its configuration names one; else it is recognised.
        mapping: where the source's own JSON keeps its fields, for documents of no known format.
        own: formats set up as the source's configuration says, in place of the usual ones of their names.

    Raises:
        ValueError: `fixed_format` names no format that can be read.
    """

    def __init__(
        self,
        *,
        fixed_format: str | None = None,
        mapping: GenericMapping | None = None,
        own: Sequence[JsonFormat] = (),
    ) -> None:
        self._own = {known.name: known for known in own}
        self._fixed: Format | None = None
        if fixed_format:
            self._fixed = self._own.get(fixed_format) or format_named(fixed_format)
        self._mapping = mapping
        self._generic = GenericJson(mapping)
        if isinstance(self._fixed, GenericJson):
            self._fixed = self._generic
        self._fixed_is_text = isinstance(self._fixed, TextFormat)
        self._last: JsonFormat | None = self._fixed if isinstance(self._fixed, JsonFormat) else None

    def parse(self, data: bytes, received_ms: int) -> list[Parsed]:
        """What a record holds, in order: at least one item, whatever the bytes are; raises nothing."""
        if self._last is not None:
            outcome = self._last.typed(data, received_ms)
            if outcome is not None:
                return [_parsed(outcome, data, 0, data)]
        if len(data) > MAX_RECORD_BYTES:
            return [DeadLetter(f"record of {len(data)} bytes; the limit is {MAX_RECORD_BYTES}", data)]
        limit = most_lines(data) if (is_text := self._is_text(data)) else most_items(data)
        reads = self._lines(data, received_ms) if is_text else self._documents(data, received_ms)
        # Lazily, and counted here once more: what is inside messages inside records comes on top of them.
        parsed = [_parsed(*read, sub, data) for sub, read in enumerate(islice(reads, limit + 1))]
        if len(parsed) > limit:
            parsed[limit] = DeadLetter(f"more than {limit} documents in one record", data, limit)
        return parsed

    def build_alert(self, raw: bytes, head: Head) -> Alert:
        """The whole alert of a `ParsedAlert` this parser (or one made alike) gave."""
        return build_alert(raw, head, self._mapping)

    def _lines(self, data: bytes, received_ms: int) -> Iterator[Read]:
        for row in split_rows(data):
            for line in text_lines(row):
                yield from self._line(line, received_ms)

    def _documents(self, data: bytes, received_ms: int) -> Iterator[Read]:
        items = unwrap(data)
        if len(items) == 1 and items[0].reason.startswith("JSON") and not self._fixed and is_no_json(data):
            yield from self._line(data, received_ms)
            return
        for item in items:
            yield from self._read(item, received_ms, 0)

    def _is_text(self, data: bytes) -> bool:
        """Whether a record is to be read as lines of text, and not as JSON or CSV."""
        if self._fixed is not None:
            only_text = not isinstance(self._fixed, JsonFormat)
            return only_text or (_is_not_json(data) and (self._fixed_is_text or _has_json_body(data)))
        return _is_not_json(data) and not is_csv(data) and not _is_scalar(data)

    def _line(self, raw: bytes, received_ms: int) -> Iterator[Read]:
        """One line of text; what a syslog header carries is read as what it is."""
        known = self._fixed or _text_format(to_text(raw)[0])
        may_carry = isinstance(known, Syslog) or isinstance(self._fixed, JsonFormat)
        if may_carry and (inside := self._in_syslog(raw, received_ms)):
            yield from inside
            return
        if self._fixed is not None and not isinstance(known, JsonFormat | Plain):
            raw = _text_in_message(raw) or raw
        yield known.head(raw, received_ms), raw

    def _in_syslog(self, raw: bytes, received_ms: int) -> Iterator[Read] | None:
        """What a line's message is, where that is JSON or of a text format of its own; else None."""
        header = parse_header(to_text(raw)[0])
        data = json_in_body(header)
        if data is not None:
            items = unwrap(data)
            if any(item.value is not None for item in items):
                return self._all_of(items, header, received_ms, 0)
            if "ends before it is complete" in items[0].reason:  # a datagram cut off
                return iter([(DeadLetter(f"syslog line whose {items[0].reason}", raw), raw)])
        elif not isinstance(self._fixed, JsonFormat):
            known = _text_format(header.body)
            if not isinstance(known, Syslog | Plain):
                body = header.body.encode("utf-8", "surrogateescape")
                return iter([(with_header(known.head(body, received_ms), header, received_ms), body)])
        return None

    def _all_of(self, items: list[Item], header: Header, received_ms: int, level: int) -> Iterator[Read]:
        """Every document inside a shell, one level deeper."""
        for item in items:
            for outcome, raw in self._read(item, received_ms, level + 1):
                yield with_header(outcome, header, received_ms), raw

    def _read(self, item: Item, received_ms: int, level: int) -> Iterator[Read]:
        """One document; where it is only a shell around others (to `_MAX_LEVELS` of them), those."""
        if item.value is None:
            missing = DeadLetter(item.reason, item.raw) if item.reason else _EMPTY
            yield missing, item.raw
            return
        if isinstance(self._fixed, GenericJson):
            yield self._generic.read(item.value, item.raw, received_ms), item.raw
            return
        known = self._known(item.value)
        if known is None and level < _MAX_LEVELS:
            inside = self._inside_message(item.value, received_ms, level)
            inside = inside or self._inside_detail(item, received_ms, level)
            if inside is not None:
                yield from inside
                return
        yield self._of_object(known, item.value, item.raw, received_ms)

    def _known(self, obj: Object) -> JsonFormat | None:
        """The vendor format of an object, only the fixed one where there is one; None where it is generic."""
        if isinstance(self._fixed, JsonFormat):
            return self._fixed if self._fixed.recognises(obj) else None
        known = _recognise(obj)
        return known and self._own.get(known.name, known)

    def _of_object(self, known: JsonFormat | None, obj: Object, raw: bytes, received_ms: int) -> Read:
        if isinstance(self._fixed, JsonFormat):
            return self._fixed.read(obj, raw, received_ms), raw
        if known is None:
            return self._generic.read(obj, raw, received_ms), raw
        self._last = known
        # The typed path again: both paths must not differ in what they make of a well-formed record.
        outcome = known.typed(raw, received_ms)
        return outcome if outcome is not None else known.read(obj, raw, received_ms), raw

    def _inside_message(self, obj: Object, received_ms: int, level: int) -> Iterator[Read] | None:
        """What `message` holds, where its format is known or the shell around it rates nothing."""
        message = message_of(obj)
        if message is not None:
            items = unwrap(message)
            values = [item.value for item in items if item.value is not None]
            known = any(self._known(value) is not None for value in values)
            if len(values) == len(items) and (known or first(obj.get("severity")) is None):
                return self._all_of(items, shell_of(obj), received_ms, level)
        elif self._fixed is None and isinstance(told := obj.get("message"), str):
            return None if tells_its_own_story(obj) else self._line_in(told, shell_of(obj), received_ms)
        return None

    def _line_in(self, told: str, shell: Header, received_ms: int) -> Iterator[Read] | None:
        """A line of a vendor's text format, also behind a syslog header; other words are a message's own."""
        known = _text_format(told)
        raw = told.encode("utf-8", "surrogatepass")
        if isinstance(known, Syslog):
            inside = self._in_syslog(raw, received_ms)
            return (
                None if inside is None else ((with_header(one, shell, received_ms), r) for one, r in inside)
            )
        if isinstance(known, Plain):
            return None
        return iter([(with_header(known.head(raw, received_ms), shell, received_ms), raw)])

    def _inside_detail(self, item: Item, received_ms: int, level: int) -> Iterator[Read] | None:
        """What an event bus carries in `detail`, where its format is known."""
        obj = item.value or {}
        detail = obj.get("detail")
        if not isinstance(detail, dict) or self._known(detail) is None:
            return None
        inner = Item(field_of(item.raw, "detail", detail), detail)
        return self._all_of([inner], shell_of(obj), received_ms, level)


def _text_format(line: str) -> TextFormat:
    """The first text format that knows the line; the last of them knows every line."""
    return next(known for known in TEXT_FORMATS if known.recognises_text(line))


def _is_not_json(data: bytes) -> bool:
    """Whether a record does not even start like JSON, whatever its encoding."""
    if data.startswith(_ENCODING_MARKS):
        data = to_text(data[:256])[0].encode("utf-8", "replace")
    return bool(describe(data))


def _has_json_body(data: bytes) -> bool:
    line, _ = to_text(data)
    return looks_like_syslog(line) and json_in_body(parse_header(line)) is not None


def _is_scalar(data: bytes) -> bool:
    """Whether a record is a JSON number, truth value or null and nothing else."""
    if len(data) > 64:
        return False
    try:
        decode(data)
    except Unreadable:
        return False
    return True


def _text_in_message(data: bytes) -> bytes | None:
    """The line that a shipper's document holds as `message`, for sources whose format is fixed to text."""
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        obj, _ = decode_object(data)
    except Unreadable:
        return None
    message = obj.get("message")
    return message.encode("utf-8", "surrogatepass") if isinstance(message, str) else None


def _recognise(obj: Object) -> JsonFormat | None:
    """The first vendor format that knows the object; None where it is generic."""
    for known in JSON_FORMATS:
        if known.recognises(obj):
            return None if isinstance(known, GenericJson) else known
    return None


def _parsed(outcome: Outcome, raw: bytes, sub: int, record: bytes) -> Parsed:
    if isinstance(outcome, Head):
        return ParsedAlert(outcome, raw, sub)
    if isinstance(outcome, ParsedEvent):
        whole = not sub and record.startswith(raw) and not record[len(raw) :].strip()
        return outcome if whole else ParsedEvent(outcome.format, outcome.kind, sub, raw)
    return DeadLetter(outcome.reason, raw, sub)
