"""Trying rules on batches of events, off the loop, within a budget."""

import time
from collections.abc import Sequence

import msgspec
import structlog

from backend.clock import Clock
from backend.patterns.documents import match_of
from backend.patterns.event import Event
from backend.patterns.likely import Likely
from backend.patterns.logsource import Index
from backend.patterns.raw import MAX_MATCHES, Match, RawEvent
from backend.patterns.rules_model import Matched

BATCH_BUDGET_S = 1.0
"""Alerts in the same batch wait so long for its events at most; what is beyond is counted only."""
YIELD_EVENTS = 16
YIELD_S = 0.00005
"""Python threads take turns every 5 ms where none gives way; the loop must not wait that long for each."""

log = structlog.get_logger("patterns")

Chosen = tuple[RawEvent, Likely[Matched]]


class Tried(msgspec.Struct, frozen=True):
    """What a batch gave."""

    matches: list[Match]
    skipped: int
    """Events at the end that the budget did not reach."""


class Matcher:
    """The rules, by what they are for."""

    def __init__(self, rules: Sequence[Matched], clock: Clock) -> None:
        """Try `rules`, in their order."""
        self._index: Index[Matched] = Index(rules)
        self._clock = clock
        self._failed: dict[str, str] = {}
        self.tried = 0
        """Events held against rules since start."""

    def __len__(self) -> int:
        return len(self._index)

    @property
    def failed(self) -> tuple[str, ...]:
        """Rules that raised on an event, in words."""
        return tuple(self._failed.values())

    def choose(self, events: Sequence[RawEvent]) -> list[Chosen]:
        """The events there are rules for, with those rules; cheap."""
        rules_for = self._index.rules_for
        return [(one, rules) for one in events if (rules := rules_for(one.format, one.kind))]

    def run(self, chosen: Sequence[Chosen]) -> Tried:
        """Every rule on every event. Raises nothing; blocking, for a thread."""
        matches: list[Match] = []
        until = self._clock.mono() + BATCH_BUDGET_S
        for place, (raw, rules) in enumerate(chosen):
            if place % YIELD_EVENTS == 0:
                time.sleep(YIELD_S)
                if self._clock.mono() > until:
                    return Tried(matches, len(chosen) - place)
            matches += self.try_on(raw, rules)
        return Tried(matches, 0)

    def try_on(self, raw: RawEvent, rules: Likely[Matched]) -> list[Match]:
        """The alerts of one event."""
        event = Event(raw.format, raw.kind, raw.raw)
        self.tried += 1
        found: list[Match] = []
        for rule in rules(event):
            try:
                if rule.match(event) and len(found) < MAX_MATCHES:
                    found.append(match_of(raw, len(found), rule, event))
            except Exception as error:
                if rule.uid not in self._failed and len(self._failed) < 100:
                    self._failed[rule.uid] = f"rule {rule.title}: {type(error).__name__}: {error}"
                    log.exception("rule failed on an event", rule=rule.title)
        return found
