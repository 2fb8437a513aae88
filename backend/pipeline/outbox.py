"""Deliveries owed to sinks: taken from the journal, tried until confirmed, then forgotten."""

import asyncio
import functools
from collections.abc import Mapping

import structlog

from backend.actions.base import Parcel, Sink, SinkError
from backend.clock import Clock
from backend.journal import outcomes
from backend.journal.reader import Owed
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
        self._kicks = {name: asyncio.Event() for name in sinks}
        self._owing = set(sinks)
        self.trouble: dict[str, str] = {}
        """What is wrong, by sink."""

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of those that are delivered to."""
        return tuple(self._sinks)

    @property
    def empty(self) -> bool:
        """Nothing is owed to anybody, as of the last look."""
        return not self._owing

    def kick(self) -> None:
        """Something new is owed."""
        self._owing.update(self._sinks)
        for kick in self._kicks.values():
            kick.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        self.kick()
        async with asyncio.TaskGroup() as group:
            for name, sink in self._sinks.items():
                group.create_task(self._serve(name, sink), name=f"sink-{name}")

    async def _serve(self, name: str, sink: Sink) -> None:
        """One sink: everything owed to it, oldest first."""
        kick = self._kicks[name]
        while True:
            kick.clear()
            owed = await self._journal.read(lambda reader: reader.owed([name]))
            if not owed:
                if not kick.is_set():
                    self._owing.discard(name)
                    await kick.wait()
            elif not await self._deliver(name, sink, owed):
                await self._clock.sleep(RETRY_S)

    async def _deliver(self, name: str, sink: Sink, owed: list[Owed]) -> bool:
        try:
            async with self._clock.timeout(DELIVERY_TIMEOUT_S):
                await sink.deliver([Parcel(one.idempotency_key, one.payload) for one in owed])
        except SinkError as error:
            return self._failed(name, str(error))
        except TimeoutError:
            return self._failed(
                name, f"sink {name}: no answer in {DELIVERY_TIMEOUT_S:.0f} s; it is tried again"
            )
        except Exception as error:  # a sink's surprise must cost its own deliveries a pause, nothing else
            log.exception("sink raised", sink=name)
            return self._failed(
                name, f"sink {name} failed ({type(error).__name__}: {error}); it is tried again"
            )
        self.trouble.pop(name, None)
        await (await self._journal.write(functools.partial(outcomes.delivered, ids=[o.id for o in owed])))
        return True

    def _failed(self, name: str, why: str) -> bool:
        self.trouble[name] = why
        log.warning("delivery failed", sink=name, error=why)
        return False
