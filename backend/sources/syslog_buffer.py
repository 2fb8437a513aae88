"""Messages between the sockets and the journal: bounded, in order, one batch on its way at a time."""

import asyncio
from collections import deque
from typing import NamedTuple

from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.base import Intake
from backend.sources.delivery import MAX_BYTES, MAX_RECORDS, deliver
from backend.sources.state import Tally


class Message(NamedTuple):
    """One syslog message as it came."""

    data: bytes
    peer: bytes
    """The sender's address."""
    received_ms: int


class Buffer:
    """Takes messages of one partition and delivers them; `offer` refuses, `put` waits, when it is full."""

    def __init__(
        self, source: str, partition: str, tally: Tally, clock: Clock, *, records: int, size: int
    ) -> None:
        """Holds at most `records` messages and about `size` bytes."""
        self._source = source
        self._partition = partition
        self._tally = tally
        self._clock = clock
        self._most = (records, size)
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._offset = 0
        self._on_way = 0
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """Messages that the journal does not hold yet."""
        return len(self._messages) + self._on_way

    def offer(self, message: Message) -> bool:
        """Take a message; False if there is no room for it."""
        if not self._room.is_set():
            return False
        self._messages.append(message)
        self._bytes += len(message.data)
        if len(self._messages) >= self._most[0] or self._bytes >= self._most[1]:
            self._room.clear()
        self._empty.clear()
        self._more.set()
        return True

    async def put(self, message: Message) -> None:
        """Take a message, when there is room for it."""
        while not self.offer(message):
            await self._room.wait()

    async def run(self, intake: Intake) -> None:
        """Deliver for ever."""
        while True:
            await self._more.wait()
            batch: list[Record] = []
            size = 0
            while self._messages and len(batch) < MAX_RECORDS and size < MAX_BYTES:
                message = self._messages.popleft()
                size += len(message.data)
                number = self._offset
                self._offset += 1
                batch.append(
                    Record(
                        self._source,
                        self._partition,
                        number,
                        message.data,
                        message.received_ms,
                        number + 1,
                        message.peer,
                    )
                )
            if not batch:
                self._more.clear()
                continue
            self._on_way = len(batch)
            self._bytes -= size
            if len(self._messages) < self._most[0] and self._bytes < self._most[1]:
                self._room.set()
            await deliver(intake, batch, self._tally, self._clock)
            self._on_way = 0
            if not self._messages:
                self._empty.set()

    async def drained(self) -> None:
        """Return once the journal holds everything that was taken."""
        await self._empty.wait()
