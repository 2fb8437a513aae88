"""Records to alerts, events and dead letters: which format, how many documents, what each of them is."""

from backend.alerts.base import Format, JsonFormat, Outcome
from backend.alerts.decode import Unreadable, decode_object, describe, to_text
from backend.alerts.fields import Object, first
from backend.alerts.generic_json import GenericJson
from backend.alerts.generic_keys import GenericMapping
from backend.alerts.model import Alert, DeadLetter, Head, Parsed, ParsedAlert, ParsedEvent
from backend.alerts.registry import JSON_FORMATS, TEXT_FORMATS, build_alert, format_named
from backend.alerts.unwrap import Item, message_of, unwrap

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""A larger record is a dead letter unread: decoding takes several times its size in memory."""


class Parser:
    """Reads one source's records. It remembers the last format seen and tries that one first.

    Args:
        fixed_format: the source's format where its configuration names one; else it is recognised.
        mapping: where the source's own JSON keeps its fields, for documents of no known format.

    Raises:
        ValueError: `fixed_format` names no format that can be read.
    """

    def __init__(self, *, fixed_format: str | None = None, mapping: GenericMapping | None = None) -> None:
        self._fixed: Format | None = format_named(fixed_format) if fixed_format else None
        self._mapping = mapping
        self._generic = GenericJson(mapping)
        if isinstance(self._fixed, GenericJson):
            self._fixed = self._generic
        self._last: JsonFormat | None = self._fixed if isinstance(self._fixed, JsonFormat) else None

    def parse(self, data: bytes, received_ms: int) -> list[Parsed]:
        """What a record holds, in order: at least one item, whatever the bytes are; raises nothing."""
        if self._last is not None:
            outcome = self._last.typed(data, received_ms)
            if outcome is not None:
                return [_parsed(outcome, data, 0)]
        if len(data) > MAX_RECORD_BYTES:
            return [DeadLetter(f"record of {len(data)} bytes; the limit is {MAX_RECORD_BYTES}", data)]
        if (text_format := self._text_format(data)) is not None:
            return [_parsed(text_format.head(data, received_ms), data, 0)]
        return [_parsed(*self._read(item, received_ms), sub) for sub, item in enumerate(unwrap(data))]

    def build_alert(self, raw: bytes, head: Head) -> Alert:
        """The whole alert of a `ParsedAlert` this parser (or one made alike) gave."""
        return build_alert(raw, head, self._mapping)

    def _text_format(self, data: bytes) -> Format | None:
        """The text format of a record that is not JSON; None where it is JSON, or nothing known."""
        if self._fixed is not None:
            return None if isinstance(self._fixed, JsonFormat) else self._fixed
        if TEXT_FORMATS and describe(data):
            line, _ = to_text(data)
            return next((known for known in TEXT_FORMATS if known.recognises_text(line)), None)
        return None

    def _read(self, item: Item, received_ms: int) -> tuple[Outcome, bytes]:
        if item.value is None and not item.reason:
            return ParsedEvent("generic_json", "empty list"), item.raw
        if item.value is None:
            return DeadLetter(item.reason, item.raw), item.raw
        if isinstance(self._fixed, JsonFormat):
            return self._fixed.read(item.value, item.raw, received_ms), item.raw
        known = _recognise(item.value)
        if known is None:
            inner = self._inside_message(item.value)
            if inner is not None:
                return self._of_object(*inner, received_ms)
        return self._of_object(item.value, item.raw, received_ms)

    def _of_object(self, obj: Object, raw: bytes, received_ms: int) -> tuple[Outcome, bytes]:
        known = _recognise(obj)
        if known is None:
            return self._generic.read(obj, raw, received_ms), raw
        self._last = known
        # The typed path again: both paths must not differ in what they make of a well-formed record.
        outcome = known.typed(raw, received_ms)
        return outcome if outcome is not None else known.read(obj, raw, received_ms), raw

    def _inside_message(self, obj: Object) -> tuple[Object, bytes] | None:
        """A JSON object inside `message`, where its format is known or the shell around it rates nothing."""
        message = message_of(obj)
        if message is None:
            return None
        try:
            inner, _ = decode_object(message)
        except Unreadable:
            return None
        if _recognise(inner) is not None or first(obj.get("severity")) is None:
            return inner, message
        return None


def _recognise(obj: Object) -> JsonFormat | None:
    """The first vendor format that knows the object; None where it is generic."""
    for known in JSON_FORMATS:
        if known.recognises(obj):
            return None if isinstance(known, GenericJson) else known
    return None


def _parsed(outcome: Outcome, raw: bytes, sub: int) -> Parsed:
    if isinstance(outcome, Head):
        return ParsedAlert(outcome, raw, sub)
    if isinstance(outcome, ParsedEvent):
        return ParsedEvent(outcome.format, outcome.kind, sub) if sub else outcome
    return DeadLetter(outcome.reason, raw, sub)
