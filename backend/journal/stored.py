"""What goes into the journal and what comes out of it: plain records, packed with msgpack where nested."""

from typing import Literal

import msgspec

from backend.alerts.model import DeadLetter, Head, ParsedEvent
from backend.analysis.model import Analysis, TranscriptEvent
from backend.enrichment.base import Evidence

DecisionKind = Literal["claim", "decide", "note", "investigate", "reopen", "approve", "deny"]

MACHINE = "watchfloor"
"""The actor of what policy lets the machine decide; no person's name (`settings.load` sees to it)."""

QUEUED, DONE, FOLDED = 0, 1, 2
"""`alerts.state`: a verdict is still owed; given; or another alert's is its own, and it is not told yet."""
OPEN, CLAIMED, CLOSED = 0, 1, 2
"""`alerts.closed`: what the human has done with it."""


class Routed(msgspec.Struct, frozen=True, gc=False):
    """A parsed alert with its place in its source, its lane and its deadline."""

    head: Head
    raw: bytes
    lane: int
    """Index into `backend.lanes.LANES`."""
    received_ms: int
    deadline_ms: int
    """0 where the lane has none."""
    offset: int | str
    """Its record's place in the partition …"""
    sub: int = 0
    """… and its own inside the record."""
    twin: bool = False
    """Another format told of the same event before: kept, but never queued or shown."""


class Slice(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition, in order, with all that came out of them."""

    partition: str
    offsets: list[int] | list[str]
    """Of every record, also of those that were no alert. Whole numbers ascend."""
    next_offset: int | str
    """Where reading goes on after the last of them."""
    alerts: list[Routed]
    events: list[tuple[int | str, int, ParsedEvent]]
    """With the offset and the time of receipt of its record."""
    dead: list[tuple[int | str, int, DeadLetter]]


class StoredAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert row as the scheduler and the board need it."""

    id: int
    head: Head
    lane: int
    received_ms: int
    deadline_ms: int
    source: str = ""


class Stored(msgspec.Struct, frozen=True):
    """What one batch became."""

    ids: list[int]
    """Of the new alerts, in order; those already known are not among them, nor are twins."""
    alerts: list[Routed]
    """The same alerts."""
    duplicates: int
    events: int
    dead: int
    twins: int = 0


class Result(msgspec.Struct, frozen=True):
    """Everything an analysed alert's record is made of beside the alert itself."""

    analysis: Analysis
    evidence: tuple[Evidence, ...]
    latency_ms: dict[str, float]
    missing: tuple[str, ...] = ()
    lane: str = ""
    deadline_ms: int = 0
    verdict_ms: int = 0
    first_verdict_ms: int = 0
    """When the alert had its first verdict, where this one was asked for anew: that one met the deadline or
    did not. 0 where this is the first."""

    @property
    def answered_ms(self) -> int:
        """When the lane had its verdict."""
        return self.first_verdict_ms or self.verdict_ms


class Decision(msgspec.Struct, frozen=True, gc=False):
    """One entry of the audit trail."""

    alert_id: int
    kind: DecisionKind
    disposition: str
    actor: str
    note: str
    wall_ms: int
    undone_ms: int | None = None


class DeadRow(msgspec.Struct, frozen=True, gc=False):
    """A dead letter as it is listed."""

    source: str
    partition: str
    offset: int | str
    sub: int
    received_ms: int
    reason: str
    raw: bytes


encode_head = msgspec.msgpack.Encoder().encode
decode_head = msgspec.msgpack.Decoder(Head).decode
encode_result = msgspec.msgpack.Encoder().encode
decode_result = msgspec.msgpack.Decoder(Result).decode


class _Tagged(msgspec.Struct, frozen=True):
    """Transcript events carry no tag of their own in memory; on disk their class name stands beside them."""

    kind: str
    body: msgspec.Raw


_EVENT_TYPES: dict[str, type[TranscriptEvent]] = {kind.__name__: kind for kind in TranscriptEvent.__args__}
_encoder = msgspec.msgpack.Encoder()


def encode_event(event: TranscriptEvent) -> bytes:
    """A transcript event as bytes."""
    return _encoder.encode(_Tagged(type(event).__name__, msgspec.Raw(_encoder.encode(event))))


def decode_event(data: bytes) -> TranscriptEvent:
    """The event that `encode_event` packed."""
    tagged = msgspec.msgpack.decode(data, type=_Tagged)
    return msgspec.msgpack.decode(tagged.body, type=_EVENT_TYPES[tagged.kind])
