"""The models' prompt caches, warmed while alerts are enriched and while batches form.

A model is given one of two prompts, for one alert or for several; each is a prefix, and a cache entry, of its
own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from backend.analysis.batch_prompt import batch_system
from backend.analysis.call import Caller, Rung
from backend.analysis.entry import LedgerEntry
from backend.analysis.estimate import estimate_tokens
from backend.analysis.warming import CacheWarmer
from backend.clock import Clock
from backend.lanes import LANES

Known = dict[str, tuple[CacheWarmer, int]]
"""By lane, its first model's warmer and how many calls that model takes at once."""


class PromptCaches:
    """Knows which model each lane asks first and how many calls are about to start at once."""

    def __init__(
        self,
        caller: Caller,
        clock: Clock,
        at_work: Callable[[str], int],
        requests: Callable[[str], int] = lambda _lane: 0,
    ) -> None:
        """`at_work`: how many alerts of a lane wait or are being worked on.

        `requests`: how many requests about several alerts of a lane are about to be made.
        """
        self._caller = caller
        self._clock = clock
        self._at_work = at_work
        self._requests = requests
        self._warmers: dict[tuple[str, str], CacheWarmer] = {}
        self._single: Known = {}
        self._batch: Known = {}
        self._in_batches: set[int] = set()
        """Alerts that are being asked about together: what their calls leave warm is the batch's prompt."""

    def add(self, lane: str, rung: Rung, slots: int, least_tokens: int | None, *, several: bool) -> None:
        """A lane asks `rung` first, which takes `slots` calls at once; `several`: also about alerts together.

        Nothing is warmed where a prompt is shorter than `least_tokens`, from which the vendor caches one, or
        where it caches none on request (None).
        """
        if least_tokens is None:
            return
        at_once = max(1, slots - 1)  # one is kept for critical
        prompts = [(self._single, rung.system)] + [(self._batch, batch_system(least_tokens))] * several
        for known, system in prompts:
            tokens = estimate_tokens(len(system))
            if tokens < least_tokens:
                continue
            key = rung.name, system
            if key not in self._warmers:
                asks = replace(rung, system=system)
                self._warmers[key] = CacheWarmer(asks, self._caller, self._clock, tokens)
            known[lane] = self._warmers[key], at_once

    def begin(self, lane: str) -> Callable[[], Awaitable[None]] | None:
        """An alert of a lane is about to be enriched: warm its model's cache if that pays.

        What comes back is to be called and awaited before the model is asked; None where nothing is to be
        waited for. Critical alerts wait for nothing: a miss costs them less than a second does.
        """
        warmer = self._warm(lane, self._single, self._at_work)
        return None if lane == "critical" or warmer is None else warmer.ready

    def forming(self, lane: str) -> None:
        """A batch of a lane begins to form: warm what it will be asked with if that pays; returns at once."""
        self._warm(lane, self._batch, self._requests)

    @asynccontextmanager
    async def batch(self, lane: str, alert_ids: Sequence[int]) -> AsyncIterator[None]:
        """Around a request about several alerts: begins once a warm-up under way is through, or 2 s are."""
        known = self._batch.get(lane)
        if known is not None:
            await known[0].ready()
        self._in_batches.update(alert_ids)
        try:
            yield
        finally:
            self._in_batches.difference_update(alert_ids)

    def booked(self, entry: LedgerEntry) -> None:
        """A call was entered in the ledger, or has settled."""
        if entry.kind == "warm":
            return  # its own warmer sees what became of it
        known = self._batch if entry.alert_id in self._in_batches else self._single
        for warmer in {warmer for warmer, _ in known.values()}:
            warmer.booked(entry)

    async def close(self) -> None:
        """Break off what is being warmed."""
        for warmer in self._warmers.values():
            await warmer.close()

    @staticmethod
    def _warm(lane: str, known: Known, coming: Callable[[str], int]) -> CacheWarmer | None:
        if lane not in known:
            return None
        warmer, most = known[lane]
        alike = [other for other in LANES if other in known and known[other][0] is warmer]
        warmer.begin(lane, min(most, sum(map(coming, alike))))
        return warmer
