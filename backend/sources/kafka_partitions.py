"""Assigned Kafka partitions: where reading of each starts, how far it is, and what is missing in between."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from backend.clock import Clock
from backend.sources.base import Intake
from backend.sources.generations import Generation, newest
from backend.sources.state import Tally

BEYOND_END_S = 3.0
"""How long a partition must end before our position, in seconds, until we believe it.

A new leader's high watermark may lag for a moment after an election (KIP-207).
"""


class Part:
    """One assigned partition. Offsets are Kafka's."""

    def __init__(self, tp: TopicPartition, generation: Generation, start: int) -> None:
        self.tp = tp
        self.generation = generation
        self.next = start
        """The next offset to take from the broker."""
        self.journaled: int | None = None
        """All below is in the journal: what may be committed. None while that is not known."""
        self.committed: int | None = None
        self.position = start
        """Where the consumer stands: `next`, or beyond it past transaction markers."""
        self.highwater: int | None = None
        self.beyond_since: float | None = None
        self.live = True
        """Still assigned to us, in this generation."""

    @property
    def lag(self) -> int | None:
        """Records between us and the end; None until the broker has told where the end is."""
        return None if self.highwater is None else max(0, self.highwater - self.position)


class Partitions:
    """Opens partitions at the right offset and watches that it stays right."""

    def __init__(
        self, consumer: AIOKafkaConsumer, intake: Intake, source: str, tally: Tally, clock: Clock
    ) -> None:
        self.parts: dict[TopicPartition, Part] = {}
        self._consumer = consumer
        self._intake = intake
        self._source = source
        self._tally = tally
        self._clock = clock

    async def open(self, tp: TopicPartition) -> Part:
        """Find where a newly assigned partition starts: the journal or the committed offset, what is further.

        The journal is ahead after a crash between its commit and Kafka's; the group is ahead where another
        worker read on meanwhile. The caller seeks to `next` if the assignment still stands.
        """
        generation = await newest(self._intake, self._source, f"{tp.topic}/{tp.partition}")
        committed = await self._consumer.committed(tp)
        begin: int = (await self._consumer.beginning_offsets([tp]))[tp]
        start = max(
            (offset for offset in (generation.position, committed) if offset is not None), default=begin
        )
        if start < begin:
            self._gap(tp, start, begin)
            start = begin
        part = Part(tp, generation, start)
        part.committed = committed
        if generation.position is not None and start > (committed or 0):
            part.journaled = (
                start  # stored, and lost on its way to the group: said now, not at the next record
            )
        return part

    async def check_jump(self, part: Part, offset: int) -> None:
        """Records go on later than expected: compaction and transactions do that, and so does retention."""
        begin: int = (await self._consumer.beginning_offsets([part.tp]))[part.tp]
        if begin > part.next:
            self._gap(part.tp, part.next, min(begin, offset))

    async def look(self, part: Part) -> bool:
        """Refresh position and end of a partition; True if it no longer reaches as far as was read of it."""
        consumer = self._consumer
        if part.tp not in consumer.assignment():
            return False
        async with self._clock.timeout(1.0):
            position: int = await consumer.position(part.tp)
        part.highwater = consumer.highwater(part.tp)
        if position < part.next:  # the client was told "offset out of range" and went back to the beginning
            return True
        part.position = position
        if part.highwater is None or part.highwater >= part.next:
            part.beyond_since = None
            return False
        now = self._clock.mono()
        if part.beyond_since is None:
            part.beyond_since = now
        if now - part.beyond_since < BEYOND_END_S:
            return False
        end: int = (await consumer.end_offsets([part.tp]))[part.tp]
        return end < part.next

    async def begin_anew(self, part: Part) -> Part:
        """A partition that was recreated or cut: read it from its beginning, under a name of its own."""
        begin: int = (await self._consumer.beginning_offsets([part.tp]))[part.tp]
        where = f"{part.tp.topic}/{part.tp.partition}"
        self._tally.note(
            f"{where} ends before offset {part.next}, up to which it was read: it was recreated or cut;"
            f" reading it from offset {begin}, and what it held in between can't be known"
        )
        renewed = Part(part.tp, part.generation.following(), begin)
        # Committed at once, so that a restart does not start from the old life's offset again.
        renewed.journaled = begin
        return renewed

    def _gap(self, tp: TopicPartition, start: int, end: int) -> None:
        self._tally.note(
            f"{tp.topic}/{tp.partition}: gap of {end - start} records ({start} to {end - 1}):"
            " the broker deleted them before they were read"
        )

    def committable(self) -> dict[Any, int]:
        """Offsets that the journal is ahead of the group by."""
        return {
            part.tp: part.journaled
            for part in self.parts.values()
            if part.journaled is not None and part.journaled != part.committed
        }
