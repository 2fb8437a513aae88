"""What became of the same rule on the same host, address or user before.

Summaries are kept in memory and written through: a verdict updates them at once, so that the next alert of
the kind already knows. The journal is asked only for a pair that is not in memory.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec
from cachetools import LRUCache

from backend.alerts.model import Alert, Head
from backend.alerts.text import safe
from backend.clock import Clock
from backend.enrichment.base import CacheState, Finding

HARMLESS = frozenset({"False Positive", "Benign"})
MIN_HUMAN = 3
"""Human decisions below which nothing is concluded from them."""
CONSISTENT = 0.8
"""Share of human decisions that counts as consistent."""
LEARNED_MS = 24 * 3_600_000
"""History shorter than a day can't call anything new."""
BURST_WINDOW_MIN = 10
BURST_AT = 20
"""Alerts of one pair in the window from which on it is called a burst."""
_REMEMBERED = 32
"""Alerts per pair whose own verdicts are remembered, so that a second verdict replaces the first."""

Key = tuple[str, str]


class HistorySummary(msgspec.Struct, frozen=True):
    """How alerts of one rule on one entity were judged so far."""

    seen: int
    """Alerts of the pair that the machine gave a verdict; at least as many as humans decided, where more."""
    first_ms: int
    """Wall clock of the first of them."""
    last_ms: int
    verdicts: dict[str, int]
    """Machine verdicts by caption."""
    human: dict[str, int]
    """Human decisions by caption."""
    last_human: str = ""
    last_human_ms: int = 0
    last_human_actor: str = ""


class HistoryReader(Protocol):
    """The journal, as far as history needs it."""

    async def began_ms(self) -> int | None:
        """Wall clock of the oldest verdict on record; None where there is none."""
        ...

    async def summary(self, rule_key: str, entity_key: str) -> HistorySummary | None:
        """What is recorded of the pair (see `keys`); None where nothing is. Never blocks the loop."""
        ...


def keys(head: Head) -> Key:
    """The pair an alert counts under: its rule (uid, else title) and its entity.

    The entity is the first that is known of host, source address, destination address and user.
    """
    return (
        head.rule_uid or head.title,
        head.hostname or head.src_ip or head.dst_ip or head.user,
    )


class _Entry:
    """One pair's summary in memory; changed in place."""

    __slots__ = (
        "by_uid",
        "cache",
        "first_ms",
        "human",
        "last_human",
        "last_ms",
        "loaded",
        "seen",
        "verdicts",
    )

    def __init__(self, summary: HistorySummary | None, loaded: float) -> None:
        self.seen = summary.seen if summary else 0
        self.first_ms = summary.first_ms if summary else 0
        self.last_ms = summary.last_ms if summary else 0
        self.verdicts = dict(summary.verdicts) if summary else {}
        self.human = dict(summary.human) if summary else {}
        self.last_human = (
            (summary.last_human, summary.last_human_ms, summary.last_human_actor) if summary else ("", 0, "")
        )
        self.loaded = loaded
        self.by_uid: LRUCache[str, dict[bool, str]] = LRUCache(_REMEMBERED)

    def record(self, uid: str, verdict: str, human: bool, when_ms: int, actor: str) -> None:
        own = self.by_uid.get(uid)
        if own is None:
            own = self.by_uid[uid] = {}
        if not human and human not in own:
            self.seen += 1
        self.first_ms = min(self.first_ms, when_ms) if self.first_ms else when_ms
        counts = self.human if human else self.verdicts
        before = own.get(human)
        if before is not None and counts.get(before, 0) > 0:
            counts[before] -= 1
        own[human] = verdict
        counts[verdict] = counts.get(verdict, 0) + 1
        self.last_ms = max(self.last_ms, when_ms)
        if human:
            self.last_human = (verdict, when_ms, actor)

    def seen_before(self, uid: str) -> int:
        """Alerts of the pair other than this one."""
        own = self.by_uid.get(uid, {})
        return max(self.seen - (False in own), sum(self.human.values()) - (True in own))


class _Burst:
    """A sliding count in buckets of one minute."""

    __slots__ = ("buckets", "last_uid")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.last_uid = ""

    def add(self, minute: int, uid: str) -> None:
        if uid == self.last_uid:
            return
        self.last_uid = uid
        self.buckets[minute] = self.buckets.get(minute, 0) + 1
        for old in [kept for kept in self.buckets if kept <= minute - BURST_WINDOW_MIN]:
            del self.buckets[old]

    def total(self, minute: int) -> int:
        return sum(n for kept, n in self.buckets.items() if kept > minute - BURST_WINDOW_MIN)


class HistoryEnricher:
    """History as evidence. Human decisions carry weight; machine verdicts alone never do."""

    name = "history"

    def __init__(
        self, reader: HistoryReader, clock: Clock, *, size: int = 20_000, count_on_enrich: bool = True
    ) -> None:
        """Keep at most `size` pairs in memory.

        `count_on_enrich` counts an alert for bursts when it is enriched; switch it off where `observe` is
        called for every alert, also those that are folded and never enriched.
        """
        self._reader = reader
        self._clock = clock
        self._entries: LRUCache[Key, _Entry] = LRUCache(size)
        self._bursts: LRUCache[Key, _Burst] = LRUCache(size)
        self._reading: dict[Key, asyncio.Task[_Entry]] = {}
        self._stale: set[Key] = set()
        self._count_on_enrich = count_on_enrich
        self._began_ms: int | None = None

    async def start(self) -> None:
        """Ask how far back the journal reaches; summaries are loaded as alerts come."""
        self._began_ms = await self._reader.began_ms()

    async def close(self) -> None:
        """Give up look-ups on their way."""
        for task in list(self._reading.values()):
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    def observe(self, head: Head) -> None:
        """Count one alert for bursts."""
        key = keys(head)
        burst = self._bursts.get(key)
        if burst is None:
            burst = self._bursts[key] = _Burst()
        burst.add(self._minute(), head.uid)

    def record_verdict(
        self, head: Head, verdict: str, decided_by_human: bool, when_ms: int, actor: str = ""
    ) -> None:
        """Note a verdict at once; call it after the journal holds it.

        A second verdict of the same kind (machine, human) on the same alert replaces the first.
        """
        self._began_ms = when_ms if self._began_ms is None else min(self._began_ms, when_ms)
        key = keys(head)
        entry = self._entries.get(key)
        if entry is not None:
            entry.record(head.uid, verdict, decided_by_human, when_ms, actor)
        elif key in self._reading:
            # What is being read may be from before or after this verdict: use it once, keep it not.
            self._stale.add(key)

    def forget(self, head: Head) -> None:
        """Drop the pair from memory (a decision was undone): the journal is asked again next time."""
        key = keys(head)
        self._entries.pop(key, None)
        if key in self._reading:
            self._stale.add(key)

    def enrich_now(self, alert: Alert) -> Sequence[Finding] | None:
        """The answer if the pair is in memory."""
        key = keys(alert.head)
        if not all(key):
            return ()
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._count_on_enrich:
            self.observe(alert.head)
        return self._findings(alert.head, entry, "hit")

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        """What is known of this rule on this entity; asks the journal at most once per pair at a time."""
        known = self.enrich_now(alert)
        if known is not None:
            return known
        key = keys(alert.head)
        if self._count_on_enrich:
            self.observe(alert.head)
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._read(key))
            task.add_done_callback(lambda done: self._read_ended(key, done))
        entry = await asyncio.shield(task)
        return self._findings(alert.head, entry, "miss")

    async def _read(self, key: Key) -> _Entry:
        entry = _Entry(await self._reader.summary(*key), self._clock.mono())
        if key not in self._stale:
            self._entries[key] = entry
        return entry

    def _read_ended(self, key: Key, task: asyncio.Task[_Entry]) -> None:
        self._reading.pop(key, None)
        self._stale.discard(key)
        if not task.cancelled():
            task.exception()  # seen by whoever waits for it; nobody may be left to

    def _minute(self) -> int:
        return int(self._clock.mono() // 60)

    def _first(self, entity: str) -> tuple[str, int, tuple[str, ...]]:
        """Seeing something for the first time tells something only to those who have watched for a while."""
        text = f"First time this rule is seen on {entity}"
        watched_ms = self._clock.wall_ms() - self._began_ms if self._began_ms is not None else 0
        if watched_ms >= LEARNED_MS:
            return text, 1, ("history:first_seen",)
        since = f"in {span(watched_ms)} of history" if watched_ms > 0 else "and the history is empty"
        return f"{text}, {since}", 0, ("history:no_past",)

    def _findings(self, head: Head, entry: _Entry, cache: CacheState) -> tuple[Finding, ...]:
        age = max(0.0, self._clock.mono() - entry.loaded) if cache == "hit" else 0.0
        rule, entity = keys(head)
        found = []
        others = entry.seen_before(head.uid)
        past = _past(entry, others, entity, self._clock.wall_ms()) if others > 0 else self._first(entity)
        text, weight, tags = past
        found.append(Finding("history", safe(text, 400), weight, tags=tags, cache=cache, age_s=age))
        burst = self._bursts.get((rule, entity))
        recent = burst.total(self._minute()) if burst else 0
        if recent >= BURST_AT:
            text = f"This rule fired {recent} times on {entity} in the last {BURST_WINDOW_MIN} min"
            found.append(Finding("history", safe(text, 400), tags=("history:burst",), cache="hit"))
        return tuple(found)


def _past(entry: _Entry, seen: int, entity: str, now_ms: int) -> tuple[str, int, tuple[str, ...]]:
    """The sentence on what was, its weight and its tags."""
    times = "once" if seen == 1 else f"{seen} times"
    text = f"This rule fired {times} on {entity} in the last {span(now_ms - entry.first_ms)}"
    decided = sum(entry.human.values())
    if not decided:
        machine = max(entry.verdicts, key=lambda v: (entry.verdicts[v], v), default="")
        tail = f"; no analyst decided any, the machine mostly said {machine}" if machine else ""
        return text + tail, 0, ("history:seen",)
    harmless = sum(n for verdict, n in entry.human.items() if verdict in HARMLESS)
    hostile = entry.human.get("True Positive", 0)
    last, last_ms, _ = entry.last_human
    ago = span(now_ms - last_ms)
    top = max(entry.human, key=lambda v: (entry.human[v], v == last, v))
    of = f"{decided}" if decided >= seen else f"the {decided} they decided"
    text += f"; analysts closed {entry.human[top]} of {of} as {top}, last {ago} ago"
    if last and last != top:
        text += f" (that one as {last})"
    if decided >= MIN_HUMAN and harmless / decided >= CONSISTENT and last != "True Positive":
        tag = "history:false_positive" if top == "False Positive" else "history:benign"
        weight = -3 if harmless >= 10 and not hostile else -2
        return text, weight, ("history:seen", "history:human", tag)
    if hostile:
        weight = 2 if hostile >= 2 and hostile * 2 >= decided else 1
        return text, weight, ("history:seen", "history:human", "history:true_positive")
    return text, 0, ("history:seen", "history:human")


def span(ms: int) -> str:
    """A duration as people say it, in one unit: `40 s`, `12 min`, `2 h`, `3 days`."""
    seconds = max(0, ms) // 1000
    if seconds < 90:
        return f"{max(1, seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86_400)} days"
