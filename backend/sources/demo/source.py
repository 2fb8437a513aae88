"""The demonstration feed as a source: what a newcomer sees before anything is configured."""

import asyncio
import math
from collections.abc import Iterator
from typing import Self

from backend.alerts.model import Record
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.base import Intake, SourceError, SourceStatus, State
from backend.sources.demo.timeline import Planned, plan, write
from backend.sources.demo.world import World

NOTICE = "demonstration data, not your network"
"""Shown wherever the source is shown."""

_BATCH = 64
_SKIP_SLICE = 200
"""Planned events skipped between two breaths of the loop when a feed is resumed."""
_RETRY_S = 1.0


class DemoSource:
    """Plays the shift of a seed into the intake, at its own pace or a multiple of it, for ever."""

    def __init__(self, *, seed: int = 7, speed: float = 1.0, clock: Clock) -> None:
        """Prepare the feed of `seed`; `speed` 2 plays it twice as fast.

        Raises:
            SourceError: `speed` is not a positive finite number.
        """
        if not (math.isfinite(speed) and speed > 0):
            raise SourceError(f"demo: speed must be a number above 0, not {speed}")
        self.name = f"demo:seed={seed}"
        self.world = World(seed)
        self._partition = f"seed={seed}"
        self._speed = speed
        self._clock = clock
        self._state: State = "starting"
        self._detail = NOTICE
        self._records = 0
        self._waiting = 0
        self._last_ms = 0

    def status(self) -> SourceStatus:
        """The state now."""
        return SourceStatus(
            name=self.name,
            kind="demo",
            state=self._state,
            detail=self._detail,
            records=self._records,
            lag=self._waiting,
            caught_up=self._state == "live" and self._records > 0 and not self._waiting,
            last_record_ms=self._last_ms,
        )

    async def run(self, intake: Intake) -> None:
        """Play until cancelled, from where the journal left off."""
        position = await intake.position(self.name, self._partition)
        feed = await _Feed.open(self.world, int(position or 0))
        begun = self._clock.mono() - max(0.0, feed.next_at_s) / self._speed
        self._state = "live"
        while True:
            wait_s = begun + feed.next_at_s / self._speed - self._clock.mono()
            if wait_s > 0:
                await self._clock.sleep(wait_s)
                continue
            due = feed.take((self._clock.mono() - begun) * self._speed)
            await self._deliver(intake, due, begun)

    async def _deliver(self, intake: Intake, due: list[Planned], begun: float) -> None:
        now_ms = self._clock.wall_ms()
        start_ms = now_ms - round((self._clock.mono() - begun) * 1000)
        records = [self._record(planned, start_ms, now_ms) for planned in due]
        self._waiting = len(records)
        while True:
            try:
                await (await intake.put(records))
            except JournalError as error:
                self._state, self._detail = "reconnecting", f"{NOTICE}; sending again: {error}"
                await self._clock.sleep(_RETRY_S)
                continue
            break
        self._state, self._detail, self._waiting = "live", NOTICE, 0
        self._records += len(records)
        self._last_ms = now_ms

    def _record(self, planned: Planned, start_ms: int, now_ms: int) -> Record:
        return Record(
            source=self.name,
            partition=self._partition,
            offset=planned.n,
            data=write(self.world, planned, start_ms, self._speed).data,
            received_ms=now_ms,
            next_offset=planned.n + 1,
        )


class _Feed:
    """The plan with one event of foresight."""

    def __init__(self, planned: Iterator[Planned]) -> None:
        self._planned = planned
        self._next = next(planned)

    @classmethod
    async def open(cls, world: World, position: int) -> Self:
        """The plan from event `position` on. Skips in slices, so that a long past does not hold the loop."""
        planned = plan(world)
        for n in range(position):
            next(planned)
            if n % _SKIP_SLICE == 0:
                await asyncio.sleep(0)
        return cls(planned)

    @property
    def next_at_s(self) -> float:
        """When the next event is due, in seconds of story time."""
        return self._next.at_s

    def take(self, until_s: float) -> list[Planned]:
        """What is due at `until_s`, at most a batch; at least one event."""
        due = [self._next]
        self._next = next(self._planned)
        while self._next.at_s <= until_s and len(due) < _BATCH:
            due.append(self._next)
            self._next = next(self._planned)
        return due
