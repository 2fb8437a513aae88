"""Handing batches to the intake: sized, in order, and again until the journal holds them.

One batch of a partition is on its way at a time. That keeps the journal's next offset honest: it can never
stand behind a batch that failed while a later one was stored.
"""

import asyncio
from collections.abc import Iterator, Sequence

from backend.alerts.model import Record
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.backoff import Backoff
from backend.sources.base import Intake
from backend.sources.state import Tally

MAX_RECORDS = 1_000
"""Records a batch: what one group commit takes at full speed (PARTS, storage)."""
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


async def deliver(intake: Intake, records: Sequence[Record], tally: Tally, clock: Clock) -> None:
    """Give records to the intake and return once the journal holds every one of them.

    While the journal refuses (disk full, locked), the same batch is offered again with backoff and the tally
    says why, so nothing has to be read twice.
    """
    for batch in batches(records):
        backoff = Backoff(base_s=0.2, cap_s=5.0)
        while True:
            tally.waiting(clock.mono())
            try:
                stored = await intake.put(batch)
                # Shielded: the future belongs to the journal, and cancelling this source must not cancel it.
                await asyncio.shield(stored)
            except JournalError as error:
                tally.trouble(f"the journal can't store records: {error}; reading waits and tries again")
                await clock.sleep(backoff.next_s())
            else:
                tally.trouble("")
                tally.took(len(batch))
                break
            finally:
                tally.waiting(None)
