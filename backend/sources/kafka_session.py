"""One connection to a Kafka group: fetch always, store, then commit; from joining until something breaks.

Imported when a Kafka source first runs, off the event loop, because the client takes long to import.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, KafkaError, RecordTooLargeError

from backend.alerts.model import Record
from backend.alerts.text import safe
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.base import Intake, SourceError
from backend.sources.delivery import MAX_BYTES, MAX_RECORDS, Pipe
from backend.sources.kafka_login import FORBIDDEN, forbidden, why_refused
from backend.sources.kafka_partitions import Part, Partitions
from backend.sources.state import Tally
from backend.sources.uri import Address

BACKLOG_RECORDS = 2 * MAX_RECORDS
"""Fetching pauses while this many records wait for the intake: one batch on its way, one ready."""
POLL_MS = 200
PAUSE_AFTER_S = 0.5
"""A full backlog is waited for this long before fetching pauses; the heartbeat does not depend on polling."""
COMMIT_EVERY_S = 1.0
LOOK_EVERY_S = 0.1
SILENT_S = 3.0
"""A broker that answered no fetch for this long is shown as lost (a fetch waits 25 ms at the broker)."""
GIVE_UP_S = 20.0
"""After this long without an answer the connection is built anew."""
JOIN_S = 90.0
"""Longest wait for an assignment: the rebalance timeout, and half of it again."""
MISSING_TOPIC_S = 10.0


class _Lost(Exception):
    """The connection is of no more use; the message says why."""


class Session(ConsumerRebalanceListener):  # type: ignore[misc]  # the client ships no types
    """A group member from joining until the connection is lost."""

    def __init__(
        self, address: Address, settings: dict[str, Any], intake: Intake, tally: Tally, clock: Clock
    ) -> None:
        self.was_live = False
        """It got as far as owning partitions, so the next failure is a new one."""
        self._address = address
        self._settings = settings
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._consumer = AIOKafkaConsumer(**settings)
        self._partitions = Partitions(self._consumer, intake, address.name, tally, clock)
        self._backlog: deque[tuple[Part, list[Record]]] = deque()
        self._waiting = 0
        """Records in the backlog."""
        self._pipe = Pipe(intake, tally, clock, self._stored)
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        """No batch is on its way to the journal."""
        self._idle.set()
        self._joined = False
        self._committing = asyncio.Lock()
        self._join_since = self._look_at = self._answered = clock.mono()
        self._last_answer = 0

    async def run(self) -> str:
        """Consume until the connection is lost; returns why, in words.

        Raises:
            SourceError: the broker refuses what is asked of it.
        """
        hosts = ", ".join(f"{host}:{port}" for host, port in self._address.hosts)
        helpers: list[asyncio.Task[None]] = []
        try:
            self._tally.say(
                "starting" if self._tally.state == "starting" else "reconnecting", f"connecting to {hosts}"
            )
            await self._start()
            self._tally.say(self._tally.state, f"joining the group {self._address.group}")
            if self._address.pattern:
                self._consumer.subscribe(pattern=self._address.pattern, listener=self)
            else:
                self._consumer.subscribe(list(self._address.topics), listener=self)
            self._join_since = self._answered = self._clock.mono()
            work = (self._deliver(), self._commit_regularly(), self._watch())
            helpers.extend(asyncio.create_task(one) for one in work)
            await self._consume(helpers)
        except _Lost as lost:
            return str(lost)
        except FORBIDDEN as error:
            words = forbidden(error, self._settings, self._address.group)
            if self.was_live:
                return words
            raise SourceError(safe(f"{self._address.name}: {words}")) from error
        except JournalError as error:
            return f"the journal can't tell where to go on: {error}"
        except (KafkaError, OSError, TimeoutError) as error:
            return f"no Kafka at {hosts} ({type(error).__name__}: {error})"
        finally:
            await self._close(helpers)
        return "the consumer ended"

    async def _start(self) -> None:
        """Connect and log in. The client says only that it could not, so the broker is asked why."""
        try:
            await self._consumer.start()
        except (KafkaError, KeyError, ValueError) as error:
            refused = await why_refused(self._address, self._settings, self._clock)
            if refused is None:
                raise KafkaConnectionError(str(error)) from error
            words = f"{refused.found}; {refused.mend}"
            if refused.lasting:
                raise SourceError(safe(f"{self._address.name}: {words}")) from error
            raise _Lost(words) from error

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Give partitions back: finish the batch on its way if that is quick, commit, forget the rest."""
        self._joined = False
        self._join_since = self._clock.mono()
        if not revoked:
            return
        self._backlog.clear()  # Kafka's eager protocol revokes all; what was not stored is read again
        self._waiting = 0
        self._room.set()
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(2.0):
                await self._idle.wait()
        await self._commit()
        for part in self._partitions.parts.values():
            part.live = False
        self._partitions.parts.clear()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """A new assignment stands; the loop opens its partitions, for that asks journal and broker."""
        del assigned
        self._joined = True
        self._answered = self._clock.mono()

    async def _consume(self, helpers: "list[asyncio.Task[None]]") -> None:
        while True:
            for helper in helpers:
                if helper.done():
                    helper.result()
            await self._open_assigned()
            await self._throttle()
            try:
                # The client waits for ever in a rebalance that does not end.
                async with self._clock.timeout(POLL_MS / 1000 + 2.0):
                    fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
            except TimeoutError:
                fetched = {}
            except RecordTooLargeError as error:
                self._tally.note(f"a record is too large to fetch and was passed over: {error.args[1:]}")
                fetched = {}
            if fetched:
                self._tally.caught_up = False  # at once, not only when `_watch` looks next
            for tp, messages in fetched.items():
                await self._take(tp, messages)
            await self._look_after()

    async def _open_assigned(self) -> None:
        """Seek every newly assigned partition to where the journal and the group say."""
        if not self._joined:
            return
        parts = self._partitions.parts
        for tp in self._consumer.assignment() - parts.keys():
            async with self._clock.timeout(10.0):
                part = await self._partitions.open(tp)
            if not self._joined:  # revoked again meanwhile
                return
            try:
                self._consumer.seek(tp, part.next)
            except IllegalStateError:
                return
            parts[tp] = part
            self.was_live = True

    async def _throttle(self) -> None:
        """Backpressure: wait a moment for room, then stop fetching, never polling.

        Pausing throws away what the client has fetched ahead, so it is for a pipeline that stands, not for
        one that is a little slower than the broker.
        """
        consumer = self._consumer
        if self._waiting >= BACKLOG_RECORDS and not consumer.paused():
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(PAUSE_AFTER_S):
                    await self._room.wait()
        paused = consumer.paused()
        if self._waiting >= BACKLOG_RECORDS:
            if running := consumer.assignment() - paused:
                consumer.pause(*running)
        elif self._waiting <= BACKLOG_RECORDS // 2 and paused:
            consumer.resume(*paused)
            self._answered = self._clock.mono()

    async def _take(self, tp: TopicPartition, messages: list[Any]) -> None:
        part = self._partitions.parts.get(tp)
        if part is None:  # fetched before it was opened: it will be sought and fetched again
            return
        first = messages[0].offset
        if first < part.next:
            await self._renew(part)
            return
        if first > part.next:
            async with self._clock.timeout(10.0):
                await self._partitions.check_jump(part, first)
        now = self._clock.wall_ms()
        partition, source = part.generation.partition, self._address.name
        records = [
            # A tombstone has no value: an empty record becomes a dead letter, and the partition moves on.
            Record(source, partition, m.offset, m.value or b"", now, m.offset + 1, m.key)
            for m in messages
        ]
        part.next = messages[-1].offset + 1
        if part.live:
            self._backlog.append((part, records))
            self._waiting += len(records)
            self._more.set()

    async def _renew(self, part: Part) -> None:
        """The partition began anew (see `Partitions.begin_anew`)."""
        await self._settle()
        async with self._clock.timeout(10.0):
            renewed = await self._partitions.begin_anew(part)
        if not part.live:
            return
        part.live = False
        with contextlib.suppress(IllegalStateError):
            self._consumer.seek(part.tp, renewed.next)
            self._partitions.parts[part.tp] = renewed
            await self._commit()

    async def _settle(self) -> None:
        """Wait, within reason, until the journal holds all that was taken."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(5.0):
                while self._waiting or not self._idle.is_set():
                    await self._clock.sleep(0.02)

    async def _deliver(self) -> None:
        """Give the backlog to the intake, batch by batch; what the journal holds may be committed."""
        while True:
            await self._more.wait()
            taken: list[tuple[Part, int]] = []
            batch: list[Record] = []
            size = 0
            while self._backlog and len(batch) < MAX_RECORDS and size < MAX_BYTES:
                part, records = self._backlog.popleft()
                self._waiting -= len(records)
                self._room.set()
                batch += records
                size += sum(len(record.data) for record in records)
                taken.append((part, int(records[-1].next_offset)))
            if batch:
                self._idle.clear()
                await self._pipe.offer(batch, taken)
            elif self._pipe.records:
                await self._pipe.settle()
            else:
                self._idle.set()
                self._more.clear()

    @staticmethod
    def _stored(token: object) -> None:
        """The journal holds a batch: its partitions may be committed that far."""
        taken: list[tuple[Part, int]] = token  # type: ignore[assignment]  # as offered above
        for part, offset in taken:
            part.journaled = offset

    async def _look_after(self) -> None:
        now = self._clock.mono()
        if self._joined and now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            for part in list(self._partitions.parts.values()):
                with contextlib.suppress(TimeoutError, IllegalStateError):
                    if await self._partitions.look(part) and part.live:
                        await self._renew(part)

    async def _watch(self) -> None:
        """Say how things are, beside the loop: whatever a silent broker holds up, this goes on.

        Raises:
            _Lost: it has been silent for too long.
        """
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            now = self._clock.mono()
            self._note_answers(now)
            self._say(now)

    async def _commit_regularly(self) -> None:
        """Commit now and then, beside the loop: a broker that is silent holds a commit for seconds."""
        while True:
            await self._clock.sleep(COMMIT_EVERY_S)
            if self._joined and self._clock.mono() - self._answered <= SILENT_S:
                await self._commit()

    async def _commit(self) -> None:
        """Commit what the journal holds. A refusal loses nothing: the journal knows its own positions."""
        try:
            async with self._clock.timeout(5.0), self._committing:
                offsets = self._partitions.committable()
                if offsets:
                    await self._consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError):
            return
        for tp, offset in offsets.items():
            if part := self._partitions.parts.get(tp):
                part.committed = offset

    def _note_answers(self, now: float) -> None:
        """Notice silence: the client retries by itself and says nothing."""
        if not self._joined:
            if now - self._join_since > JOIN_S:
                raise _Lost(f"the group {self._address.group} gave no assignment in {JOIN_S:.0f} s")
            return
        assigned = self._consumer.assignment()
        if not assigned or self._consumer.paused():
            self._answered = now
            return
        newest = max((self._consumer.last_poll_timestamp(tp) or 0 for tp in assigned), default=0)
        if newest != self._last_answer:
            self._last_answer, self._answered = newest, now
        if now - self._answered > GIVE_UP_S:
            raise _Lost(f"the broker gave no answer for {GIVE_UP_S:.0f} s")

    def _say(self, now: float) -> None:
        tally, parts = self._tally, self._partitions.parts.values()
        lags = [part.lag for part in parts]
        known = [lag for lag in lags if lag is not None]
        complete = self._joined and len(known) == len(lags) == len(self._consumer.assignment())
        tally.lag = sum(known) + self._waiting + self._pipe.records if complete else None
        missing = [t for t in self._address.topics if self._consumer.partitions_for_topic(t) is None]
        if self._address.pattern:
            missing = [] if parts else [self._address.pattern]
        stored = not self._partitions.committable()
        given_up = not missing or now - self._join_since > MISSING_TOPIC_S
        silent = now - self._answered
        tally.caught_up = complete and tally.lag == 0 and stored and given_up and silent <= SILENT_S
        if not self._joined:
            state = "starting" if tally.state == "starting" else "reconnecting"
            tally.say(
                "starting" if state == "starting" else "reconnecting",
                f"joining the group {self._address.group}",
            )
        elif silent > SILENT_S:
            tally.say("reconnecting", f"no answer from the broker for {silent:.0f} s; trying again")
        elif missing:
            tally.say("lagging", f"no topic {', '.join(missing)} at the broker; looking again every 10 s")
        elif not self._consumer.assignment():
            tally.say("live", "no partition is left for this member of the group")
        else:
            tally.say("live" if not tally.lag else "lagging")

    async def _close(self, helpers: "list[asyncio.Task[None]]") -> None:
        for helper in helpers:
            helper.cancel()
        if helpers:
            await asyncio.gather(*helpers, return_exceptions=True)
        if helpers and self._clock.mono() - self._answered <= SILENT_S:
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(3.0):
                    await self._commit()
        stopping = asyncio.create_task(self._consumer.stop())
        # Left to end by itself if the broker is away: cancelling it half way leaves connections open.
        await asyncio.wait({stopping}, timeout=3.0)
        if not stopping.done():
            _STOPPING.add(stopping)
            stopping.add_done_callback(_STOPPING.discard)


_STOPPING: set["asyncio.Task[None]"] = set()
"""Consumers that are still saying good-bye; the loop itself keeps only weak references."""
