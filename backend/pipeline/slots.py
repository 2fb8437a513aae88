"""How many calls a model gets at once: the most urgent lane first, one slot kept for critical.

A critical call that finds none has the lowest stream that runs here ended for it, the youngest of its lane.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from contextvars import ContextVar

from backend.lanes import LANE_NUMBER, LANES

ON_ALERT: ContextVar[int] = ContextVar("on_alert", default=0)
"""The alert that a task works on, for whoever must end it; 0 where nobody may."""

SPARE = len(LANES)
"""The priority below every lane: work that nobody asked for."""


class ModelSlots:
    """One model's slots. Where it has several, one is only ever given to the critical lane."""

    def __init__(self, size: int) -> None:
        """`size` calls at once."""
        self.size = size
        self.busy = 0
        self._order = itertools.count()
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self.spare_busy = 0
        """Slots that work nobody asked for holds; part of `busy`."""
        self.give_way: Callable[[], None] = lambda: None
        """Called when a lane has to wait while such work holds a slot: whoever does it should end it."""
        self.preempt: Callable[[int], bool] = lambda _alert_id: False
        """Called with an alert whose stream should end for a critical one; says whether it will."""
        self._holders: dict[object, tuple[int, int, int]] = {}
        """Task to priority, age and alert."""

    @property
    def has_spare(self) -> bool:
        """Whether a slot is free that no lane waits for, beside the one kept for critical."""
        return self._free(SPARE) and not self._waiters

    @property
    def full(self) -> bool:
        """Whether a lane below critical would have to wait, though work nobody asked for gives way."""
        most = self.size if self.size == 1 else self.size - 1
        return bool(self._waiters) or self.busy - self.spare_busy >= most

    def lane(self, name: str) -> "LaneSlots":
        """The slots as a lane sees them."""
        return LaneSlots(self, LANE_NUMBER[name])

    def spare(self) -> "SpareSlots":
        """The slots as work sees them that nobody asked for."""
        return SpareSlots(self)

    async def acquire(self, priority: int) -> bool:
        """Wait for a slot; a lower `priority` comes first."""
        if self._free(priority) and not self._waiters:
            self.busy += 1
            self._hold(priority)
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (priority, next(self._order), waiter)
        heapq.heappush(self._waiters, entry)
        self._hand_out()
        if priority < SPARE and self.spare_busy and not waiter.done():
            self.give_way()
        elif priority == 0 and not waiter.done():
            self._end_lowest()
        try:
            await waiter
        except asyncio.CancelledError:
            if entry in self._waiters:
                self._waiters.remove(entry)
                heapq.heapify(self._waiters)
            elif waiter.done() and not waiter.cancelled():
                self.release()
            raise
        self._hold(priority)
        return True

    def release(self) -> None:
        """Give a slot back."""
        self.busy -= 1
        self._holders.pop(asyncio.current_task(), None)
        self._hand_out()

    def _hold(self, priority: int) -> None:
        if (alert_id := ON_ALERT.get()) and 0 < priority < SPARE:
            self._holders[asyncio.current_task()] = (priority, next(self._order), alert_id)

    def _end_lowest(self) -> None:
        """End one stream of a lower lane; one that is ending already makes room for another that waits."""
        for task, (_, _, alert_id) in sorted(self._holders.items(), key=lambda one: one[1], reverse=True):
            if self.preempt(alert_id):
                del self._holders[task]
                return

    def _free(self, priority: int) -> bool:
        return self.busy < (self.size if priority == 0 or self.size == 1 else self.size - 1)

    def _hand_out(self) -> None:
        while self._waiters and self._free(self._waiters[0][0]):
            waiter = heapq.heappop(self._waiters)[2]
            if not waiter.done():
                self.busy += 1
                waiter.set_result(None)


class LaneSlots:
    """One lane's door to a model's slots."""

    def __init__(self, slots: ModelSlots, priority: int) -> None:
        """Ask `slots` with the lane's priority."""
        self._slots = slots
        self._priority = priority

    async def acquire(self) -> bool:
        """Wait for a slot."""
        return await self._slots.acquire(self._priority)

    def release(self) -> None:
        """Give it back."""
        self._slots.release()


class SpareSlots:
    """The door for work that nobody asked for: behind every lane, never the one kept for critical."""

    def __init__(self, slots: ModelSlots) -> None:
        """Ask `slots` after everybody else."""
        self._slots = slots

    async def acquire(self) -> bool:
        """Wait for a slot that no lane wants."""
        got = await self._slots.acquire(SPARE)
        self._slots.spare_busy += 1
        return got

    def release(self) -> None:
        """Give it back."""
        self._slots.spare_busy -= 1
        self._slots.release()
