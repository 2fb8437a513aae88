"""What goes through the patterns stage: raw events with their place, and the alerts they turned into."""

import msgspec

from backend.alerts.model import Head


class RawEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that no product called an alert, with its bytes and its place in its source."""

    source: str
    partition: str
    offset: int | str
    sub: int
    received_ms: int
    format: str
    kind: str
    raw: bytes


class Match(msgspec.Struct, frozen=True, gc=False):
    """An event that matched a rule: the alert it became."""

    event: RawEvent
    number: int
    """Which of the rules that the event matched, from 0."""
    head: Head
    raw: bytes
    """The alert's own record."""

    @property
    def sub(self) -> int:
        """The alert's place inside its record: beyond those of all the record's items."""
        return (self.number + 1) * ITEMS + self.event.sub


ITEMS = 1 << 20
"""More items than a record can have; `number` stays below `MAX_MATCHES`."""
MAX_MATCHES = 1_000
"""Alerts that one event can become; the journal keeps 12 digits for sixteen times `sub`."""
