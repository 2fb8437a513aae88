"""Many rules on one entity that it never set off before: somebody may be trying things there.

One new rule on a host means little; five within an hour do not come by chance. What each of them says alone
may be low, and so may what came just before. So at the fifth, every open fold in which the entity took part
within the hour is promoted: an analyst sees the course and not only its loudest moment.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from backend.alerts.model import Head
from backend.alerts.text import safe
from backend.enrichment.history import keys
from backend.pipeline.fingerprint import Key, alike_key
from backend.pipeline.fold import Fold
from backend.pipeline.job import Job

RULES = 5
"""New to the entity within the hour. There is room on both sides: in the public AIT alert set, of four days,
any number from 4 to 8 is reached in the attack's hours alone, once the first eight hours have gone by."""
SPAN_MS = 3_600_000
"""Within which they must come, and how far back their entity's folds are raised. For as long after that only
further new rules are; then it may happen anew."""
LEARN_MS = 3_600_000
"""So long after the first alert nothing is new yet (as with folds)."""
MOST_ENTITIES = 10_000
"""Remembered; the one not heard of for longest is forgotten."""
MOST_RULES = 128
"""Remembered of an entity: a kilobyte for each ten."""
MOST_PAIRS = 50_000
"""Taken up from the journal at start."""


class Raised(Protocol):
    """What of `Folds` is used."""

    def alike(self, key: Key) -> Fold | None:
        """The open fold of a rule and kind of source."""
        ...

    def promote(self, fold: Fold, reason: str) -> None:
        """Put its leader into the medium lane."""
        ...


class Known(msgspec.Struct, frozen=True):
    """What the journal holds of earlier alerts."""

    pairs: Sequence[tuple[str, str, int]] = ()
    """Rule, entity and when it last came, newest first."""
    began_ms: int | None = None
    """When the first alert came; None where none did."""


@dataclass(slots=True)
class _Heard:
    """A rule on an entity."""

    last_ms: int
    lane: str = ""
    key: Key = ()
    """Of the fold that such an alert joins; empty where it came before the start."""

    def within(self, fold: Fold) -> bool:
        """Whether the last such alert is one that a fold counts: none that began later, ended or is another
        lane's.
        """
        return fold.lane == self.lane and fold.first_ms <= self.last_ms <= fold.last_ms


@dataclass(slots=True)
class _Entity:
    """What an entity set off."""

    rules: OrderedDict[str, _Heard] = field(default_factory=OrderedDict)
    new: dict[str, int] = field(default_factory=dict)
    """Rules that came for the first time, and when: those of the last hour."""
    told_ms: int | None = None


class Campaigns:
    """Watches all alerts, of every lane. Used on the engine's loop only."""

    def __init__(self, folds: Raised) -> None:
        """`folds` are raised."""
        self._folds = folds
        self._entities: OrderedDict[str, _Entity] = OrderedDict()
        self._began_ms: int | None = None

    def restore(self, known: Known) -> None:
        """Take up what is known from before a start; nothing of it is new."""
        self._began_ms = known.began_ms
        for rule, name, last_ms in reversed(known.pairs):
            self._hear(self._entity(name), rule, _Heard(last_ms))

    def see(self, jobs: Iterable[Job]) -> None:
        """Alerts that came, once their folds have them."""
        for job in jobs:
            rule, name = keys(job.head)
            if rule and name:
                self._see(
                    job.head, rule, name, _Heard(job.received_ms, job.lane, (job.data, *alike_key(job.head)))
                )

    def _see(self, head: Head, rule: str, name: str, heard: _Heard) -> None:
        at_ms = heard.last_ms
        if self._began_ms is None:
            self._began_ms = at_ms
        entity = self._entity(name)
        first = rule not in entity.rules
        self._hear(entity, rule, heard)
        if not first or head.suppressed or at_ms - self._began_ms < LEARN_MS:
            return
        lately = [pair for pair in entity.new.items() if at_ms - pair[1] <= SPAN_MS]
        entity.new = dict(lately[1 - MOST_RULES :]) | {rule: at_ms}
        if len(entity.new) < RULES:
            return
        told = entity.told_ms is not None and at_ms - entity.told_ms <= SPAN_MS
        entity.told_ms = entity.told_ms if told else at_ms
        reason = f"campaign: {len(entity.new)} rules within the hour new to {safe(name, 80)}"
        self._raise([heard] if told else list(entity.rules.values()), reason, at_ms)

    def _raise(self, what: Iterable[_Heard], reason: str, at_ms: int) -> None:
        for heard in what:
            lately = heard.key and at_ms - heard.last_ms <= SPAN_MS
            fold = self._folds.alike(heard.key) if lately else None
            if fold is not None and not fold.promoted and heard.within(fold):
                self._folds.promote(fold, reason)

    def _entity(self, name: str) -> _Entity:
        entity = self._entities.get(name)
        if entity is None:
            entity = self._entities[name] = _Entity()
            if len(self._entities) > MOST_ENTITIES:
                self._entities.popitem(last=False)
        self._entities.move_to_end(name)
        return entity

    @staticmethod
    def _hear(entity: _Entity, rule: str, heard: _Heard) -> None:
        entity.rules[rule] = heard
        entity.rules.move_to_end(rule)
        if len(entity.rules) > MOST_RULES:
            entity.rules.popitem(last=False)


def known(connection: sqlite3.Connection) -> Known:
    """What the journal's history says of rules and entities."""
    pairs = connection.execute(
        "select rule_key, entity_key, last_ms from history order by last_ms desc limit ?", (MOST_PAIRS,)
    ).fetchall()
    began = connection.execute("select received_ms from alerts order by id limit 1").fetchone()
    return Known(pairs, began[0] if began is not None else None)
