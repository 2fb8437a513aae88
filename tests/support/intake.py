"""An intake in memory that keeps the journal's rules, and can be slow, stuck or broken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from backend.alerts.model import Record
from backend.journal import JournalError


class FakeIntake:
    """Holds records as the journal would: unique by position, with the next offset of each partition."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        """What is stored, duplicates left out, in order."""
        self.duplicates = 0
        self.batches: list[int] = []
        """Size of every batch offered."""
        self.room = asyncio.Event()
        """Cleared: `put` waits."""
        self.room.set()
        self.stored = asyncio.Event()
        """Cleared: batches are taken, and not stored."""
        self.stored.set()
        self.fail = 0
        """So many batches to come can't be stored."""
        self.commit_s = 0.0
        """How long a group commit takes."""
        self._broken = False
        self._on_way = 0
        self._known: set[tuple[str, str, int | str]] = set()
        self._positions: dict[tuple[str, str], int | str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        await self.room.wait()
        if self._broken and self._on_way:
            raise JournalError("a batch before this one was not stored")
        self._broken = False
        self._on_way += 1
        self.batches.append(len(records))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._store(list(records), future))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return future

    async def position(self, source: str, partition: str) -> int | str | None:
        return self._positions.get((source, partition))

    def set_position(self, source: str, partition: str, offset: int | str) -> None:
        """As if an earlier run had stored everything below `offset`."""
        self._positions[source, partition] = offset

    def next_offsets(self) -> dict[str, int | str]:
        """Next offset by partition."""
        return {partition: offset for (_, partition), offset in self._positions.items()}

    def data(self) -> list[bytes]:
        """The bytes of every stored record."""
        return [record.data for record in self.records]

    async def _store(self, records: list[Record], future: "asyncio.Future[None]") -> None:
        await asyncio.sleep(self.commit_s)
        await self.stored.wait()
        self._on_way -= 1
        if self.fail or self._broken:
            self.fail -= not self._broken
            self._broken = True
            future.set_exception(JournalError("no space left on the device"))
            return
        for record in records:
            place = (record.source, record.partition, record.offset)
            if place in self._known:
                self.duplicates += 1
            else:
                self._known.add(place)
                self.records.append(record)
            self._positions[record.source, record.partition] = record.next_offset
        future.set_result(None)


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], timeout_s: float = 40.0, what: str = ""
) -> None:
    """Return once `condition` holds. Raises `TimeoutError` naming `what` if it does not in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                holds = condition()
                if holds if isinstance(holds, bool) else await holds:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(f"not within {timeout_s} s: {what or condition}") from None
