"""One fold: an alert on the board with all those that it stands for."""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from backend.alerts.model import NOTHING, DataClass, Head
from backend.alerts.text import SafeText
from backend.journal.folds import FoldRow
from backend.lanes import LANE_NUMBER, LANES
from backend.pipeline.distinct import Distinct
from backend.pipeline.fingerprint import Key, alike_key, entities

FoldKind = Literal["alike", "same"]
"""alike: one rule on one kind of source (the low lane); same: the same alert again."""


class _Body(msgspec.Struct, array_like=True):
    """What of a fold only this module reads."""

    sources: Distinct
    destinations: Distinct
    users: Distinct
    samples: list[int] = []
    promoted: str = ""
    instructs: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode


@dataclass(slots=True, eq=False)
class Fold:
    """Counts, and who took part. Its size does not depend on how many joined."""

    leader: int
    """The alert on the board that was, or is to be, analysed for all."""
    head: Head
    lane: str
    """Where its members come in; a promoted leader is of a higher one."""
    kind: FoldKind
    first_ms: int
    last_ms: int
    count: int = 1
    sources: Distinct = field(default_factory=Distinct)
    destinations: Distinct = field(default_factory=Distinct)
    users: Distinct = field(default_factory=Distinct)
    analysed: set[Key] = field(default_factory=set)
    """Entities of the alerts that were analysed for it: a few."""
    samples: list[int] = field(default_factory=list)
    instructs: bool = False
    """Its members try to instruct a model."""
    promoted: SafeText = NOTHING
    """Why it was put into the medium lane; empty where it was not."""
    verdict: str = ""
    """The leader's verdict, once it is on disk."""
    data: DataClass = "local-only"
    """What may be done with its members' data."""
    closed: bool = False
    """A person has decided on it: what comes now begins a new one."""

    def add(self, head: Head, at_ms: int) -> None:
        """Count a member."""
        self.count += 1
        self.last_ms = max(self.last_ms, at_ms)
        self.note(head)

    def note(self, head: Head) -> None:
        """Remember who took part."""
        self.sources.add(head.src_ip or head.hostname)
        self.destinations.add(head.dst_ip)
        self.users.add(head.user)

    def row(self) -> FoldRow:
        """As it is stored."""
        rule, entity_class, _ = alike_key(self.head)
        body = _Body(
            self.sources,
            self.destinations,
            self.users,
            self.samples,
            self.promoted,
            self.instructs,
        )
        return FoldRow(
            self.leader,
            LANE_NUMBER[self.lane],
            self.kind,
            rule,
            entity_class,
            self.first_ms,
            self.last_ms,
            self.count,
            _encode(body),
        )


def begun(leader: int, head: Head, lane: str, kind: FoldKind, at_ms: int) -> Fold:
    """A fold of one alert so far."""
    fold = Fold(leader, head, lane, kind, at_ms, at_ms)
    fold.note(head)
    fold.analysed.add(entities(head))
    return fold


def restored(row: FoldRow, head: Head, verdict: str) -> Fold:
    """A fold as an earlier process left it. `head` is its leader's."""
    body = _decode(row.body)
    fold = begun(row.leader, head, LANES[row.lane], "alike" if row.kind == "alike" else "same", row.first_ms)
    fold.last_ms, fold.count = row.last_ms, row.count
    fold.sources, fold.destinations, fold.users = body.sources, body.destinations, body.users
    fold.samples = body.samples
    fold.promoted, fold.instructs = SafeText(body.promoted), body.instructs
    fold.verdict = verdict
    return fold
