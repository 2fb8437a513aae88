"""The first stage: records in, parsed, routed and journaled; jobs out once they are on disk."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from backend.alerts.model import DataClass, DeadLetter, Parsed, ParsedAlert, ParsedEvent, Record
from backend.clock import Clock
from backend.journal import JournalError
from backend.journal.store import Chain, Journal
from backend.journal.stored import Routed, Slice, Stored
from backend.lanes import LANES
from backend.patterns.raw import Match, RawEvent
from backend.pipeline.job import Job
from backend.pipeline.route import Router
from backend.pipeline.twins import Twins
from backend.telemetry.rate import Rate
from backend.telemetry.stages import StageTimes

MAX_WAITING = 20_000
"""Records that may wait for their commit; beyond it sources wait, and pause what feeds them."""

_PARTITION = attrgetter("partition")


class RecordParser(Protocol):
    """Turns one record's bytes into what they hold."""

    def parse(self, data: bytes, received_ms: int) -> list[Parsed]:
        """Everything in one record; never raises for what the bytes are."""
        ...


class RawLane(Protocol):
    """What is done with events that no product called an alert, beside counting them."""

    async def examine(self, events: Sequence[RawEvent]) -> list[Match]:
        """The alerts that events are by a rule, before their batch is stored."""
        ...

    def offer(self, events: Sequence[RawEvent]) -> None:
        """Events that are stored, and matched no rule."""
        ...


class Totals(msgspec.Struct):
    """Counts since start."""

    records: int = 0
    alerts: int = 0
    events: int = 0
    dead: int = 0
    duplicates: int = 0


class _Link:
    """A source's chain of batches, and how many of them are on their way."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.pending = 0
        self.turn = asyncio.Lock()
        """Held while a batch's events are examined: batches behind it keep their order."""
        self.turns = 0
        """Batches that hold or await it."""


class Ingest:
    """The intake of every source. A batch is one journal operation; its order is kept."""

    def __init__(
        self,
        journal: Journal,
        router: Router,
        stages: StageTimes,
        clock: Clock,
        *,
        deliver: Callable[[list[Job]], None],
        dead: Callable[[Record, DeadLetter], None] | None = None,
        raw_lane: RawLane | None = None,
    ) -> None:
        """`deliver` is given the new jobs after their commit; `dead` each dead letter as it is found."""
        self._raw_lane = raw_lane
        self._journal = journal
        self._router = router
        self._stages = stages
        self._clock = clock
        self._deliver = deliver
        self._dead = dead
        self._parsers: dict[str, RecordParser] = {}
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()
        self.totals = Totals()
        self.lane_rates: dict[str, Rate] = {lane: Rate() for lane in LANES}
        self.last_record_ms = 0
        self.data_of: Callable[[str], DataClass] = lambda _source: "cloud-ok"
        self._links: dict[str, _Link] = {}
        self._twins = Twins()

    def register(self, source: str, parser: RecordParser) -> None:
        """Say how the records of a source are parsed."""
        self._parsers[source] = parser

    @property
    def waiting(self) -> int:
        """Records whose commit is still under way."""
        return self._waiting

    async def position(self, source: str, partition: str) -> int | str | None:
        """Where reading of a partition goes on."""
        return await self._journal.read(lambda reader: reader.position(source, partition))

    async def put(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Take a batch of one source; see `backend.sources.base.Intake`."""
        if not records:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        while self._waiting >= MAX_WAITING:
            self._room.clear()
            await self._room.wait()
        self._waiting += len(records)
        try:
            return await self._store(records)
        except BaseException:
            self._release(len(records))  # nothing of it is on its way to the disk
            raise

    async def _store(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        started = time.perf_counter()
        parsed = self._parse(records)
        parse_ms = (time.perf_counter() - started) * 1000 / len(records)
        raws: list[RawEvent] = []
        slices = self._route(records, parsed, raws)
        route_ms = (time.perf_counter() - started) * 1000 / len(records) - parse_ms
        link = self._chain(records[0].source)
        link.pending += 1
        try:
            if raws or link.turns:
                raws = await self._examined(link, slices, raws)
            written = await self._journal.store(records[0].source, slices, link.chain)
        except BaseException:
            link.pending -= 1
            raise
        handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first_ms = records[0].received_ms

        def committed(future: "asyncio.Future[Stored]") -> None:
            link.pending -= 1
            error = asyncio.CancelledError() if future.cancelled() else future.exception()
            if error is None:
                # Also where the source no longer waits: what is stored must be analysed.
                self._measure(future.result(), first_ms, parse_ms, route_ms, len(records))
                self._hand_on(future.result(), records[0].source, parse_ms, route_ms)
                if raws and self._raw_lane is not None and future.result().events:
                    self._raw_lane.offer(raws)
            self._release(len(records))
            if handed.done():
                return
            if error is None:
                handed.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                handed.cancel()
            else:
                handed.set_exception(error)
                handed.exception()  # seen: the source may have ended meanwhile

        written.add_done_callback(committed)
        return handed

    def _chain(self, source: str) -> "_Link":
        """The source's chain: a new one after a broken one, but only once nothing of that is on its way.

        Raises:
            JournalError: batches of the broken one are still on their way.
        """
        link = self._links.setdefault(source, _Link())
        if link.chain.broken:
            if link.pending:
                raise JournalError("a batch before this one was not stored")
            link = self._links[source] = _Link()
        return link

    def _parse(self, records: Sequence[Record]) -> list[list[Parsed]]:
        parser = self._parsers[records[0].source]
        return [parser.parse(record.data, record.received_ms) for record in records]

    def _route(
        self, records: Sequence[Record], parsed: list[list[Parsed]], raws: list[RawEvent]
    ) -> list[Slice]:
        """The records by partition, with a lane and a deadline on each alert; raw events go to `raws` too."""
        slices: list[Slice] = []
        start = 0
        for partition, group in groupby(records, key=_PARTITION):
            part = list(group)
            slices.append(self._slice(partition, part, parsed[start : start + len(part)], raws))
            start += len(part)
        return slices

    def _slice(
        self, partition: str, records: list[Record], parsed: list[list[Parsed]], raws: list[RawEvent]
    ) -> Slice:
        alerts: list[Routed] = []
        events: list[tuple[int | str, int, ParsedEvent]] = []
        letters: list[tuple[int | str, int, DeadLetter]] = []
        route, is_second = self._router.route, self._twins.is_second
        for record, items in zip(records, parsed, strict=True):
            offset, received_ms = record.offset, record.received_ms
            for item in items:
                if isinstance(item, ParsedAlert):
                    head = item.head
                    lane, due = route(head, received_ms)
                    twin = is_second(head)
                    alerts.append(Routed(head, item.raw, lane, received_ms, due, offset, item.sub, twin))
                elif isinstance(item, ParsedEvent):
                    events.append((offset, received_ms, item))
                    if self._raw_lane is not None:
                        raws.append(_raw_event(record, item))
                else:
                    letters.append((offset, received_ms, item))
                    if self._dead is not None:
                        self._dead(record, item)
        offsets: Any = [record.offset for record in records]
        return Slice(partition, offsets, records[-1].next_offset, alerts, events, letters)

    async def _examined(self, link: "_Link", slices: list[Slice], raws: list[RawEvent]) -> list[RawEvent]:
        """Hold raw events against the rules; one that matches is stored as an alert at its own position too.

        Returns those that did not. The batches of a source keep their order meanwhile.
        """
        link.turns += 1
        try:
            async with link.turn:
                if self._raw_lane is None or not raws:
                    return raws
                matches = await self._raw_lane.examine(raws)
        finally:
            link.turns -= 1
        if not matches:
            return raws
        places = {(part.partition, offset): part for part in slices for offset in part.offsets}
        for match in matches:
            raw = match.event
            lane, due = self._router.route(match.head, raw.received_ms)
            places[raw.partition, raw.offset].alerts.append(
                Routed(match.head, match.raw, lane, raw.received_ms, due, raw.offset, match.sub)
            )
        matched = {(one.event.partition, one.event.offset, one.event.sub) for one in matches}
        return [one for one in raws if (one.partition, one.offset, one.sub) not in matched]

    def _release(self, count: int) -> None:
        self._waiting -= count
        if self._waiting < MAX_WAITING:
            self._room.set()

    def _measure(self, stored: Stored, first_ms: int, parse_ms: float, route_ms: float, count: int) -> None:
        now = self._clock.mono()
        wait_ms = max(0.0, self._clock.wall_ms() - first_ms - parse_ms)
        self._stages.record("ingest", now, parse_ms, wait_ms, times=count)
        self._stages.record("route", now, route_ms, times=count)
        totals = self.totals
        totals.records += count
        totals.alerts += len(stored.ids)
        totals.events += stored.events
        totals.dead += stored.dead
        totals.duplicates += stored.duplicates + stored.twins
        self.last_record_ms = self._clock.wall_ms()
        if stored.events:
            self.lane_rates["raw"].add(now, stored.events)

    def _hand_on(self, stored: Stored, source: str, parse_ms: float, route_ms: float) -> None:
        now = self._clock.mono()
        data = self.data_of(source)
        # Positional, in the order of `Job`: one a record at full speed.
        jobs = [
            Job(
                id_,
                a.head,
                LANES[a.lane],
                a.received_ms,
                a.deadline_ms,
                now,
                parse_ms,
                route_ms,
                raw=a.raw,
                data=data,
            )
            for id_, a in zip(stored.ids, stored.alerts, strict=True)
        ]
        for lane, count in Counter([alert.lane for alert in stored.alerts]).items():
            self.lane_rates[LANES[lane]].add(now, count)
        self._deliver(jobs)


def _raw_event(record: Record, item: ParsedEvent) -> RawEvent:
    return RawEvent(
        record.source,
        record.partition,
        record.offset,
        item.sub,
        record.received_ms,
        item.format,
        item.kind,
        item.raw or record.data,
    )
