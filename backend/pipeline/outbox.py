"""Deliveries owed to sinks: taken from the journal, tried until confirmed, then forgotten."""

import asyncio
import functools
from collections.abc import Mapping

import structlog

from backend.actions.base import Parcel, Sink, SinkError
from backend.clock import Clock
from backend.journal import outcomes
from backend.journal.reader import Owed, Reader
from backend.journal.store import Journal

RETRY_S = 5.0
DELIVERY_TIMEOUT_S = 30.0

log = structlog.get_logger("outbox")


class Outbox:
    """Delivers in order per sink; a sink that fails is tried again and does not hold up the others."""

    def __init__(self, journal: Journal, sinks: Mapping[str, Sink], clock: Clock) -> None:
        """Deliver to `sinks`, by their names."""
        self._journal = journal
        self._sinks = sinks
        self._clock = clock
        self._kick = asyncio.Event()
        self._retry_at: dict[str, float] = {}
        self.trouble: dict[str, str] = {}
        """What is wrong, by sink."""
        self.empty = True
        """Nothing is owed to anybody, as of the last look."""

    def kick(self) -> None:
        """Something new is owed."""
        self.empty = not self._sinks
        self._kick.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        self.kick()
        while self._sinks:
            self._kick.clear()
            now = self._clock.mono()
            due = [name for name in self._sinks if self._retry_at.get(name, 0.0) <= now]
            owed = await self._journal.read(functools.partial(Reader.owed, sinks=due))
            tried = await self._deliver(owed)
            self.empty = not owed and not self.trouble
            if not tried:
                try:
                    async with self._clock.timeout(RETRY_S if self.trouble else None):
                        await self._kick.wait()
                except TimeoutError:
                    continue

    async def _deliver(self, owed: list[Owed]) -> bool:
        """One round; True if anything was delivered, so that the next round follows at once."""
        by_sink: dict[str, list[Owed]] = {}
        for one in owed:
            by_sink.setdefault(one.sink, []).append(one)
        results = await asyncio.gather(*(self._to_sink(name, items) for name, items in by_sink.items()))
        return any(results)

    async def _to_sink(self, name: str, owed: list[Owed]) -> bool:
        sink = self._sinks[name]
        try:
            async with self._clock.timeout(DELIVERY_TIMEOUT_S):
                await sink.deliver([Parcel(one.idempotency_key, one.payload) for one in owed])
        except (SinkError, TimeoutError) as error:
            self.trouble[name] = str(error) or f"sink {name} did not answer in {DELIVERY_TIMEOUT_S:.0f} s"
            self._retry_at[name] = self._clock.mono() + RETRY_S
            log.warning("delivery failed", sink=name, error=str(error))
            return False
        self.trouble.pop(name, None)
        await (await self._journal.write(functools.partial(outcomes.delivered, ids=[o.id for o in owed])))
        return True
