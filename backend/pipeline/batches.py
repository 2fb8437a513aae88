"""Forming batches: alike alerts of a lane wait a moment for one another, then go to a worker together.

A worker that takes such an alert lays it aside here and goes on; the group goes back to the lane as one job
when it is full, when its first has waited long enough, or when a deadline draws near. So no worker and no
model slot is held while a batch forms, and what is critical never waits behind one.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from backend.clock import Clock
from backend.order_views import TogetherView
from backend.pipeline.fingerprint import entity_class, rule_of
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler

MAX_BATCH = 8
"""Alerts in a request, where the config says nothing: seven eighths of the instructions' tokens are saved,
and a longer answer would keep its last alert waiting for longer than the request of its own takes."""
MAX_WAIT_S = 2.0
"""The stage's own budget for a first useful token."""
LINGER_S = 0.05
"""What even an alert that has waited long gives others: workers draw a lane's alike ones in that time."""
SAFETY_S = 30.0
"""Before a deadline, from which on nothing waits: a call, its repair and the next model fit into it."""
MOST_HELD = 1_024
"""Alerts laid aside at once; one more of a new kind goes on by itself."""


class BatchLimits(msgspec.Struct, frozen=True):
    """How a lane batches."""

    size: int = MAX_BATCH
    wait_s: float = MAX_WAIT_S


class Forming(msgspec.Struct, frozen=True, gc=False):
    """The fullest group that forms in a lane, for the screen."""

    alerts: int = 0
    """In all groups of the lane."""
    groups: int = 0
    fullest: int = 0
    size: int = 0
    """Alerts that close it."""
    left_s: float = 0.0
    """Until the oldest group closes by itself."""


class _Group:
    """Alerts that wait for one another."""

    def __init__(self, key: tuple[str, ...], closes_at: float) -> None:
        self.key = key
        self.closes_at = closes_at
        self.jobs: list[Job] = []
        self.timer: asyncio.Task[None] | None = None


class Batches:
    """Groups by lane, rule family and kind of source. Used on the engine's loop only."""

    def __init__(
        self,
        scheduler: Scheduler,
        clock: Clock,
        lanes: Mapping[str, BatchLimits],
        *,
        hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        """`lanes` are those that batch. `hurry`: nothing more is coming, so waiting is pointless."""
        self._scheduler = scheduler
        self._clock = clock
        self._lanes = lanes
        self._hurry = hurry
        self._forming: dict[tuple[str, ...], _Group] = {}
        self._formed: dict[int, list[Job]] = {}
        self.opened: Callable[[str], None] = lambda _lane: None
        """Is told of a lane in which a batch begins to form."""

    def hold(self, job: Job) -> bool:
        """Lay a job that was taken aside, to wait for others; False where it is to be worked on now."""
        limits = self._lanes.get(job.lane)
        if limits is None or limits.size < 2 or job.asked_for or job.tries or job.alert_id in self._formed:
            return False
        key = (job.lane, job.data, *family(job))  # no answer can mix in what others may not be told
        group = self._forming.get(key)
        if group is None:
            if self.held() >= MOST_HELD:
                return False
            group = self._open(key, job, limits)
        group.jobs.append(job)
        if len(group.jobs) == 1:
            self.opened(job.lane)
        if len(group.jobs) >= limits.size:
            self._close(group)
        return True

    def mates(self, job: Job) -> Sequence[Job]:
        """Those that go with a job, once its group has closed; its own way back into the lane ends here."""
        return self._formed.pop(job.alert_id, [])

    def size(self, lane: str) -> int:
        """Alerts that share a request in a lane; 1 where it does not batch."""
        limits = self._lanes.get(lane)
        return max(1, limits.size) if limits is not None else 1

    def about(self, alert_id: int) -> TogetherView | None:
        """The batch that an alert was laid aside for; None where it was not."""
        for group in self._forming.values():
            if any(job.alert_id == alert_id for job in group.jobs):
                left_s = max(0.0, group.closes_at - self._clock.mono())
                return TogetherView(len(group.jobs), self._lanes[group.key[0]].size, left_s)
        for first, mates in self._formed.items():
            if mates and (alert_id == first or any(job.alert_id == alert_id for job in mates)):
                return TogetherView(1 + len(mates), self._lanes[mates[0].lane].size, 0.0)
        return None

    def held(self, lane: str = "") -> int:
        """Jobs laid aside, of one lane or of all: forming, or waiting for a worker as part of a batch."""
        forming = [job for group in self._forming.values() for job in group.jobs]
        formed = [job for mates in self._formed.values() for job in mates]
        return sum(not lane or job.lane == lane for job in (*forming, *formed))

    def coming(self, lane: str) -> int:
        """Requests that a lane's batches are about to make: those formed, and as many as form or fill."""
        limits = self._lanes.get(lane)
        if limits is None:
            return 0
        groups = [group for group in self._forming.values() if group.key[0] == lane]
        waiting = self._scheduler.queued(lane) + sum(len(group.jobs) for group in groups)
        formed = sum(bool(mates) and mates[0].lane == lane for mates in self._formed.values())
        return formed + max(len(groups), (waiting - formed) // max(1, limits.size))

    def forming(self, lane: str) -> Forming:
        """What forms in a lane now."""
        groups = [group for group in self._forming.values() if group.key[0] == lane]
        if not groups:
            return Forming()
        left = min(group.closes_at for group in groups) - self._clock.mono()
        sizes = [len(group.jobs) for group in groups]
        return Forming(sum(sizes), len(groups), max(sizes), self._lanes[lane].size, max(0.0, left))

    async def close(self) -> None:
        """Form no more; what is laid aside is still owed in the journal."""
        timers = [group.timer for group in self._forming.values() if group.timer is not None]
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)

    def _open(self, key: tuple[str, ...], job: Job, limits: BatchLimits) -> _Group:
        now = self._clock.mono()
        wait = job.queued_mono + limits.wait_s - now
        if job.deadline_ms:
            wait = min(wait, (job.deadline_ms - self._clock.wall_ms()) / 1000 - SAFETY_S)
        wait = LINGER_S if self._hurry() else max(LINGER_S, wait)
        group = self._forming[key] = _Group(key, now + wait)
        group.timer = asyncio.get_running_loop().create_task(self._later(group, wait), name="batch")
        return group

    async def _later(self, group: _Group, wait: float) -> None:
        await self._clock.sleep(wait)
        group.timer = None
        self._close(group)

    def _close(self, group: _Group) -> None:
        """Hand the group back to its lane as its most pressing job; the others go with that one."""
        if group.timer is not None:
            group.timer.cancel()
            group.timer = None
        del self._forming[group.key]
        first, *mates = sorted(group.jobs, key=lambda job: (job.deadline_ms or job.received_ms, job.alert_id))
        self._formed[first.alert_id] = mates
        self._scheduler.put_back(first)


def family(job: Job) -> tuple[str, ...]:
    """Format, rule family and kind of source. Rules of a family share the first two words of their name."""
    head = job.head
    words = (head.rule_name or head.title or rule_of(head)).casefold().split()
    return (head.format, " ".join(words[:2]), entity_class(head))
