"""Bodies that were posted, on their way into the journal, and how a body sent again is recognised.

HTTP has no positions, so one is derived from the content: partition is the UTC day, offset the digest of body
and `Idempotency-Key` with the number of the record in it. A sender that heard no answer may post the same
body again, to this process or the next, and its alerts are there once. The price: two events of one day whose
requests are the same to the byte are one, unless each request has an `Idempotency-Key` of its own. A key
never hides a body that differs.
"""

import asyncio
import hashlib
from collections import OrderedDict
from typing import NamedTuple

from backend.alerts.framing import Frame, Framer
from backend.alerts.model import Record
from backend.clock import Clock, iso
from backend.journal import JournalError
from backend.sources.base import Intake
from backend.sources.delivery import batches
from backend.sources.state import Tally

STORE_S = 10.0
"""How long a sender waits for the journal before it is told to come again."""
RETRY_AFTER_S = 5
MAX_HELD_BYTES = 64 * 1024 * 1024
"""Bodies being received or stored, all together."""
MAX_REMEMBERED = 20_000
"""Bodies stored lately, known by digest without asking the journal."""
DAY_S = 86_400.0
IN_THREAD_BYTES = 64 * 1024
"""A larger body is cut into records off the loop."""


class ComeAgain(Exception):
    """Nothing can be promised now; the message says why. The same request may be sent again."""


class Stored(NamedTuple):
    """A body that the journal holds."""

    records: int
    repeated: bool
    """It had been posted before."""


class Posts:
    """Stores bodies; as many at once as there are connections, in bounded memory."""

    def __init__(self, source: str, intake: Intake, tally: Tally, clock: Clock) -> None:
        self._source = source
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._held = 0
        self._on_way: dict[str, asyncio.Task[int]] = {}
        """By digest; bounded by what `hold` lets in."""
        self._began: dict[str, float] = {}
        self._remembered: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Records of a body, and when it was stored on the clock's `mono`."""

    def hold(self, size: int) -> None:
        """Account for bytes about to be read. Raises `ComeAgain` if there are too many already."""
        if self._held + size > MAX_HELD_BYTES:
            raise ComeAgain("too much is waiting to be stored")
        self._held += size

    def let_go(self, size: int) -> None:
        """The bytes are no longer in memory."""
        self._held -= size

    async def store(self, body: bytes, key: bytes, held: int) -> Stored:
        """Store a body; returns once the journal holds all of it. Takes over the `held` bytes.

        Raises:
            ComeAgain: it is not stored yet, or can't be; it may be by the time it is sent again.
        """
        digest = hashlib.blake2b(body, digest_size=16, key=hashlib.blake2b(key, digest_size=32).digest())
        name = digest.hexdigest()
        count, stored_at = self._remembered.get(name, (0, -DAY_S))
        if self._clock.mono() - stored_at < DAY_S:
            self.let_go(held)
            return Stored(count, repeated=True)
        delivery = self._on_way.get(name)
        repeated = delivery is not None
        if delivery is None:
            delivery = asyncio.create_task(self._deliver(name, body, held))
            delivery.add_done_callback(_seen)
            self._on_way[name] = delivery
            self._began[name] = self._clock.mono()
            self._show()
        else:
            self.let_go(held)
        try:
            async with self._clock.timeout(STORE_S):
                # Shielded: a sender that leaves must not stop what others may be waiting for.
                return Stored(await asyncio.shield(delivery), repeated)
        except TimeoutError:
            raise ComeAgain("the pipeline has no room yet") from None
        except JournalError as error:
            raise ComeAgain(f"the journal can't store it: {error}") from error

    async def close(self) -> None:
        """Give up what is on its way: nobody was told that it is stored."""
        tasks = list(self._on_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, name: str, body: bytes, held: int) -> int:
        try:
            if len(body) > IN_THREAD_BYTES:
                frames = await asyncio.to_thread(_frames, body)
            else:
                frames = _frames(body)
            now = self._clock.wall_ms()
            day = iso(now)[:10]
            records = [
                Record(self._source, day, f"{name}-{index}", frame.data, now, f"{name}-{index}")
                for index, frame in enumerate(frames)
            ]
            waiting = [await self._intake.put(batch) for batch in batches(records)]
            for stored in waiting:
                await asyncio.shield(stored)
        except JournalError as error:
            self._tally.trouble(f"the journal can't store records: {error}; senders are told to come again")
            raise
        else:
            self._tally.trouble("")
            self._tally.took(len(records))
            self._remembered[name] = (len(records), self._clock.mono())
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
            return len(records)
        finally:
            self.let_go(held)
            del self._on_way[name], self._began[name]
            self._show()

    def _show(self) -> None:
        self._tally.waiting(min(self._began.values()) if self._began else None)
        self._tally.caught_up = not self._began


def _frames(body: bytes) -> list[Frame]:
    framer = Framer()
    return [frame for frame in framer.feed(body) + framer.finish() if frame.data]


def _seen(delivery: "asyncio.Task[int]") -> None:
    """A failure that no sender waits for any more was said by the tally."""
    if not delivery.cancelled():
        delivery.exception()
