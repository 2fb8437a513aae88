"""How many calls a model gets at once: the most urgent lane first, one slot kept for critical.

A critical call that finds none has the lowest stream that runs here ended for it, the youngest of its lane.
Calls that make up for a stand-in's verdict come behind their lane and before the next; for each lane that
finds no slot one of them, of that lane or below, is ended.
"""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar

from backend.lanes import LANE_NUMBER, LANES, URGENT

ON_ALERT: ContextVar[int] = ContextVar("on_alert", default=0)
"""The alert that a task works on, for whoever must end it; 0 where nobody may."""

SPARE = len(LANES)
"""The priority below every lane: work that nobody asked for."""

_URGENT = frozenset(LANE_NUMBER[lane] for lane in URGENT)
LATE = 0.5
"""How far calls that make up for a stand-in come behind their lane."""

NOBODY_WAITS = "spare"
"""In place of a lane, as a door: calls that nobody asked for, behind every lane."""
_LATE_DOOR = "late:"


class ModelSlots:
    """One model's slots. Where it has several, one is only ever given to the critical lane."""

    def __init__(self, size: int) -> None:
        """`size` calls at once."""
        self.size = size
        self.busy = 0
        self._order = itertools.count()
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []
        self.spare_busy = 0
        """Slots that work nobody asked for holds; part of `busy`."""
        self.give_way: Callable[[], bool] = lambda: False
        """Called when an urgent lane has to wait while such work holds a slot: whether one call will end.

        The lanes below wait for the seconds that it takes: their time is minutes, and what was begun is paid.
        """
        self.preempt: Callable[[int], bool] = lambda _alert_id: False
        """Called with an alert whose stream should end for a more urgent one; says whether it will."""
        self._holders: dict[object, tuple[float, int, int]] = {}
        """Task to priority, age and alert."""
        self._doors: dict[object, float] = {}
        """Task to the priority it came with, of all that hold a slot."""

    @property
    def held(self) -> dict[str, int]:
        """Busy slots by who holds them: lanes, `made up` for a stand-in's verdict, `ahead` of any wish."""
        counts = Counter(_holder(priority) for priority in sorted(self._doors.values()))
        return dict(counts)

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._waiters)

    @property
    def has_spare(self) -> bool:
        """Whether a slot is free that no lane waits for, beside the one kept for critical."""
        return self._free(SPARE) and not self._waiters

    def full(self, lane: str) -> bool:
        """Whether a lane below critical would have to wait, though work nobody asked for gives way to it."""
        most = self.size if self.size == 1 else self.size - 1
        yielding = self.spare_busy if lane in URGENT else 0
        return bool(self._waiters) or self.busy - yielding >= most

    def lane(self, name: str) -> "LaneSlots":
        """The slots as a lane sees them."""
        return LaneSlots(self, LANE_NUMBER[name])

    def spare(self) -> "SpareSlots":
        """The slots as work sees them that nobody asked for."""
        return SpareSlots(self)

    def late(self, name: str) -> "LaneSlots":
        """The slots as work sees them that makes up for what a lane's alerts got from a stand-in."""
        return LaneSlots(self, LANE_NUMBER[name] + LATE)

    async def acquire(self, priority: float) -> bool:
        """Wait for a slot; a lower `priority` comes first."""
        if self._free(priority) and not self._waiters:
            self.busy += 1
            self._hold(priority)
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (priority, next(self._order), waiter)
        heapq.heappush(self._waiters, entry)
        self._hand_out()
        if priority < SPARE and not waiter.done():
            unasked = priority in _URGENT and self.spare_busy > 0
            if not (unasked and self.give_way()):
                self._make_way(priority)
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
        self._doors.pop(asyncio.current_task(), None)
        self._hand_out()

    def _hold(self, priority: float) -> None:
        self._doors[asyncio.current_task()] = priority
        if (alert_id := ON_ALERT.get()) and 0 < priority < SPARE:
            self._holders[asyncio.current_task()] = (priority, next(self._order), alert_id)

    def _make_way(self, priority: float) -> None:
        """End one stream for a call that waits: one that makes up, of its lane or below, the lowest first.

        For a critical one else a stream of a lower lane. One that is ending already makes room for another.
        """
        lowest_first = sorted(self._holders.items(), key=lambda one: one[1], reverse=True)
        late = [one for one in lowest_first if one[1][0] % 1 and one[1][0] > priority]
        first = [one for one in lowest_first if priority == 0 and not one[1][0] % 1]
        for task, (_, _, alert_id) in (*late, *first):
            if self.preempt(alert_id):
                del self._holders[task]
                return

    def _free(self, priority: float) -> bool:
        return self.busy < (self.size if priority == 0 or self.size == 1 else self.size - 1)

    def _hand_out(self) -> None:
        while self._waiters and self._free(self._waiters[0][0]):
            waiter = heapq.heappop(self._waiters)[2]
            if not waiter.done():
                self.busy += 1
                waiter.set_result(None)


def _holder(priority: float) -> str:
    if priority >= SPARE:
        return "ahead"
    return "made up" if priority % 1 else LANES[int(priority)]


class LaneSlots:
    """One lane's door to a model's slots."""

    def __init__(self, slots: ModelSlots, priority: float) -> None:
        """Ask `slots` with the lane's number; work that makes up for a stand-in with a half more."""
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


def late_door(lane: str) -> str:
    """In place of a lane, as a door: calls that make up for what its alerts got from a stand-in."""
    return f"{_LATE_DOOR}{lane}"


def door_of(slots: ModelSlots, door: str) -> "LaneSlots | SpareSlots":
    """A model's slots by the name of a door: a lane, `late_door` of one, or `NOBODY_WAITS`."""
    if door == NOBODY_WAITS:
        return slots.spare()
    lane = door.removeprefix(_LATE_DOOR)
    return slots.lane(door) if lane == door else slots.late(lane)
