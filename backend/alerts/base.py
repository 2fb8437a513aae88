"""What a format parser is. Each vendor format is one file with one such object, and one registry line."""

import abc
from typing import Protocol, runtime_checkable

from backend.alerts.decode import Unreadable, decode_object
from backend.alerts.fields import Object
from backend.alerts.model import Alert, DeadLetter, Head, ParsedEvent

Outcome = Head | ParsedEvent | DeadLetter
"""What one document turns into: an alert's head, a counted event, or a dead letter."""


class Format(Protocol):
    """Reads one vendor format. Stateless, pure, and raises nothing for any input."""

    name: str
    """One of `FORMAT_NAMES`."""

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """All that ingest needs of one document; `received_ms` stands in for a time that can't be read."""
        ...

    def alert(self, raw: bytes, head: Head) -> Alert:
        """The whole alert, from the same bytes and the head made of them."""
        ...


@runtime_checkable
class TextFormat(Format, Protocol):
    """A format of text lines (CEF, LEEF, syslog …)."""

    def recognises_text(self, line: str) -> bool:
        """Whether the line is this format's, by its content."""
        ...


class JsonFormat(abc.ABC):
    """Base of formats whose documents are JSON objects: a typed fast path in front of a tolerant one."""

    name: str

    @abc.abstractmethod
    def recognises(self, obj: Object) -> bool:
        """Whether the object is this format's, by its content."""

    @abc.abstractmethod
    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """The fast path: only what the head needs is decoded, straight into typed fields.

        None where the document is another format's or does not have the expected types; never raises.
        """

    @abc.abstractmethod
    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """The tolerant path, from the decoded object."""

    @abc.abstractmethod
    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """The whole alert; `notes` go to its `parse_errors`."""

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """See `Format.head`."""
        outcome = self.typed(raw, received_ms)
        if outcome is not None:
            return outcome
        try:
            obj, _ = decode_object(raw)
        except Unreadable as error:
            return DeadLetter(reason=str(error), raw=raw)
        return self.read(obj, raw, received_ms)

    def alert(self, raw: bytes, head: Head) -> Alert:
        """See `Format.alert`. Bytes that can't be decoded give an alert with the head alone."""
        try:
            obj, notes = decode_object(raw, checked=True)
        except Unreadable as error:
            return Alert(head=head, raw=raw, parse_errors=(str(error),))
        return self.build(obj, raw, head, notes)
