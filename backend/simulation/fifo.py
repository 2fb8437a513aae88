"""What one would build first: a queue, as many workers as the model has slots, first in, first out.

The same arrivals and the same scripted model as the pipeline has beside it. Nothing is simulated to its
disadvantage: storing, parsing and enriching take it no time at all, and it makes no request twice.
"""

import asyncio
import functools
import random
from collections import deque
from collections.abc import Iterable

import msgspec

from backend.clock import LoopClock
from backend.providers.base import Ended, Message, ModelRequest
from backend.simulation.arrivals import Arrival
from backend.simulation.loop import run_virtual
from backend.simulation.script import Script, ScriptedModel

HORIZON_S = 3600.0
"""How long after the last arrival it may go on; what has not had its turn by then never had."""
IDLE_S = 0.05


class Served(msgspec.Struct, frozen=True, gc=False):
    """One alert in the queue's hands."""

    lane: str
    waited_s: float | None
    """Until its turn came; None: it never did."""
    took_s: float | None
    """Until it had its verdict; None: it has none."""


class FirstComeFirstServed:
    """The queue and its workers."""

    def __init__(self, model: ScriptedModel, clock: LoopClock) -> None:
        """Ask `model` as often at once as it allows."""
        self._model = model
        self._clock = clock
        self._queue: deque[Arrival] = deque()
        self.served: list[Served] = []
        self._fed = False

    async def play(self, arrivals: Iterable[Arrival]) -> list[Served]:
        """Take everything in, and work until nothing waits or the horizon is reached."""
        workers = [asyncio.create_task(self._worker()) for _ in range(self._model.script.max_concurrency)]
        for arrival in arrivals:
            wait = arrival.at_s - self._clock.mono()
            if wait > 0:
                await self._clock.sleep(wait)
            self._queue.append(arrival)
        self._fed = True
        try:
            async with self._clock.timeout(HORIZON_S):
                await asyncio.gather(*workers)
        except TimeoutError:
            pass
        self.served += [Served(one.lane, None, None) for one in self._queue]
        return self.served

    async def _worker(self) -> None:
        while self._queue or not self._fed:
            if not self._queue:
                await self._clock.sleep(IDLE_S)
                continue
            arrival = self._queue.popleft()
            waited = self._clock.mono() - arrival.at_s
            took: float | None = None
            try:
                took = await self._analyse(arrival)
            finally:
                self.served.append(Served(arrival.lane, waited, took))

    async def _analyse(self, arrival: Arrival) -> float | None:
        request = ModelRequest("Triage this alert.", (Message("user", arrival.raw.decode()),))
        async for chunk in self._model.stream(request):
            if isinstance(chunk, Ended) and chunk.outcome.kind == "complete":
                return self._clock.mono() - arrival.at_s
        return None


def play_fifo(script: Script, arrivals: Iterable[Arrival], seed: int) -> list[Served]:
    """Run `arrivals` through it on a virtual clock of its own."""

    async def main() -> list[Served]:
        clock = LoopClock(asyncio.get_running_loop())
        model = ScriptedModel("naive", script, clock, random.Random(f"{seed}/naive"))  # noqa: S311 - load
        return await FirstComeFirstServed(model, clock).play(arrivals)

    return run_virtual(functools.partial(main))
