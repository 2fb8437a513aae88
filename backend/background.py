"""Small writes that nobody waits for: kept until they are done, and finished at the end."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from backend.analysis.ledger import LedgerEntry
from backend.journal import outcomes
from backend.journal.store import Journal

LAST_WRITES_S = 1.0


class Background:
    """Tasks of the engine's loop that outlive whoever started them."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._tasks: set[asyncio.Task[object]] = set()

    def spawn(self, coroutine: Coroutine[object, object, object]) -> None:
        """Run it to its end; the loop itself keeps only weak references to tasks."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Let what is on its way reach the journal; what takes longer is given up."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=LAST_WRITES_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Booking:
    """Takes the ledger's entries to the journal, behind the caller's back; the journal keeps their order."""

    def __init__(self, journal: Journal, background: Background) -> None:
        """Write to `journal`."""
        self._journal = journal
        self._background = background
        self.told: Sequence[Callable[[LedgerEntry], None]] = ()
        """Who else is told of each entry."""

    def book(self, entry: LedgerEntry) -> None:
        """Write one entry, sent or settled."""
        for tell in self.told:
            tell(entry)
        put = functools.partial(
            outcomes.put_call,
            call_id=entry.id,
            alert_id=entry.alert_id,
            started_ms=entry.started_ms,
            model=entry.model,
            usd=entry.usd,
            entry=msgspec.msgpack.encode(entry),
        )
        self._background.spawn(self._journal.write(put))
