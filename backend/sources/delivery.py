"""Handing batches to the intake: sized, in order, and again until the journal holds them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from backend.alerts.model import Record
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.backoff import Backoff
from backend.sources.base import Intake
from backend.sources.state import Tally

MAX_RECORDS = 1_000
"""Records a batch: what one group commit takes at full speed (PARTS, storage)."""
WINDOW = 3
"""Batches on their way at once: one is committed, one waits for its turn, one is parsed."""
MAX_BYTES = 1_000_000
"""Bytes a batch; a single larger record goes alone."""


def batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Cut records into batches of at most `MAX_RECORDS` and about `MAX_BYTES`, in order."""
    start = size = 0
    for index, record in enumerate(records):
        if index > start and (index - start >= MAX_RECORDS or size + len(record.data) > MAX_BYTES):
            yield records[start:index]
            start, size = index, 0
        size += len(record.data)
    if start < len(records):
        yield records[start:]


class Pipe:
    """Batches of one source on their way to the journal, in order, at most `WINDOW` at a time.

    While one is committed the next is parsed. If one can't be stored the journal refuses those behind it (see
    `Intake`), and all of them are offered again, in order, from memory.
    """

    def __init__(
        self,
        intake: Intake,
        tally: Tally,
        clock: Clock,
        stored: Callable[[object], None] | None = None,
        *,
        window: int = WINDOW,
    ) -> None:
        """`stored` is told the token of each batch once the journal holds it."""
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._stored = stored
        self._window = window
        self._flight: deque[_Batch] = deque()

    @property
    def records(self) -> int:
        """Records that are on their way."""
        return sum(len(batch.records) for batch in self._flight)

    async def offer(self, records: Sequence[Record], token: object = None) -> None:
        """Send a batch on its way; waits while too many are."""
        while len(self._flight) >= self._window:
            await self.settle()
        batch = _Batch(records, token)
        self._flight.append(batch)
        await self._put(batch)

    async def drain(self) -> None:
        """Wait until the journal holds all that was offered."""
        while self._flight:
            await self.settle()

    async def settle(self) -> None:
        """Wait until the journal holds the first batch that is on its way, offering again what it refused."""
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        first = self._flight[0]
        while True:
            self._tally.waiting(self._clock.mono())
            try:
                # Shielded: the future belongs to the journal, and cancelling this source must not cancel it.
                await asyncio.shield(first.future())
            except JournalError as error:
                self._tally.trouble(
                    f"the journal can't store records: {error}; reading waits and tries again"
                )
                await self._clock.sleep(backoff.next_s())
                await self._offer_again()
            else:
                break
            finally:
                self._tally.waiting(None)
        self._tally.trouble("")
        self._flight.popleft()
        self._tally.took(len(first.records))
        if self._stored is not None:
            self._stored(first.token)

    async def _offer_again(self) -> None:
        """All that is on its way, once nothing of it is any more."""
        ended = [batch.written for batch in self._flight if batch.written is not None]
        if ended:
            await asyncio.wait(ended)
        for batch in self._flight:
            await self._put(batch)

    async def _put(self, batch: "_Batch") -> None:
        self._tally.waiting(self._clock.mono())
        try:
            batch.written, batch.refused = await self._intake.put(batch.records), None
        except JournalError as error:
            batch.written, batch.refused = None, error
        finally:
            self._tally.waiting(None)


class _Batch:
    """One batch on its way."""

    def __init__(self, records: Sequence[Record], token: object) -> None:
        self.records = records
        self.token = token
        self.written: asyncio.Future[None] | None = None
        self.refused: JournalError | None = None

    def future(self) -> "asyncio.Future[None]":
        """Done when it is stored; failed where it was refused."""
        if self.written is not None:
            return self.written
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(self.refused or JournalError("not offered"))
        return failed


async def deliver(intake: Intake, records: Sequence[Record], tally: Tally, clock: Clock) -> None:
    """Give records to the intake and return once the journal holds every one of them.

    While the journal refuses (disk full, locked), the same batches are offered again with backoff and the
    tally says why, so nothing has to be read twice.
    """
    pipe = Pipe(intake, tally, clock)
    for batch in batches(records):
        await pipe.offer(batch)
    await pipe.drain()
