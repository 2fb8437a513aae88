"""Which job is next: lanes in strict order, the earliest deadline first inside a lane, memory bounded.

A lane holds at most `CAPACITY` jobs in memory; what comes on top stays in the journal and is fetched in order
when there is room again. Deadlines run from receipt, so the journal's own order is the lane's order.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence

from backend.lanes import LANES
from backend.pipeline.job import Job

CAPACITY = 10_000
REFILL_AT = CAPACITY // 4
REFILL_BY = 2_000

Refill = Callable[[str, int, int], Awaitable[Sequence[Job]]]
"""(lane, after alert id, limit) to the next jobs the journal holds."""


class _Lane:
    """One lane's heap, and how much more of it the journal holds."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Job]] = []
        self.last_id = 0
        self.spilled = 0
        self.running: dict[int, Job] = {}
        self.refilling = False


class Scheduler:
    """Lanes of jobs; workers take from it. Used on one loop only."""

    def __init__(self, refill: Refill) -> None:
        """`refill` fetches what did not fit into memory."""
        self._lanes: dict[str, _Lane] = {lane: _Lane() for lane in LANES}
        self._asked: list[Job] = []
        self._waiters: list[tuple[bool, asyncio.Future[None]]] = []
        self._refill = refill
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, job: Job) -> None:
        """Queue a job that the journal has newly stored."""
        lane = self._lanes[job.lane]
        if lane.spilled or len(lane.heap) >= CAPACITY:
            lane.spilled += 1
        else:
            self._push(lane, job)
        self._wake(job)

    def resume(self, lane_name: str, count: int) -> None:
        """At start: the journal holds `count` unfinished jobs of a lane, fetched when first wanted."""
        self._lanes[lane_name].spilled += count

    def put_back(self, job: Job) -> None:
        """Queue again a job that was taken and not finished; it keeps its deadline, so it comes first."""
        lane = self._lanes[job.lane]
        lane.running.pop(job.alert_id, None)
        heapq.heappush(lane.heap, (job.deadline_ms, job.alert_id, job))
        self._wake(job)

    def ask(self, job: Job) -> None:
        """Queue a job ahead of every lane: a person waits for it."""
        job.asked_for = True
        self._asked.append(job)
        self._wake(job)

    def done(self, job: Job) -> None:
        """A taken job has its verdict."""
        self._lanes[job.lane].running.pop(job.alert_id, None)

    async def take(self, *, critical_only: bool = False) -> Job:
        """The next job, waiting for one; `critical_only` slots see nothing below the critical lane."""
        while True:
            job = self._pop(critical_only)
            if job is not None:
                return job
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (critical_only, waiter)
            self._waiters.append(entry)
            try:
                await waiter
            finally:
                if entry in self._waiters:
                    self._waiters.remove(entry)

    def queued(self, lane: str) -> int:
        """Jobs of a lane that wait, in memory and in the journal."""
        return len(self._lanes[lane].heap) + self._lanes[lane].spilled

    def running(self, lane: str) -> list[Job]:
        """Jobs of a lane that are being worked on."""
        return list(self._lanes[lane].running.values())

    def first(self, lane: str) -> Job | None:
        """The job of a lane that is due first among those waiting."""
        heap = self._lanes[lane].heap
        return heap[0][2] if heap else None

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs."""
        return not self._asked and all(
            not lane.heap and not lane.spilled and not lane.running for lane in self._lanes.values()
        )

    def _push(self, lane: _Lane, job: Job) -> None:
        heapq.heappush(lane.heap, (job.deadline_ms, job.alert_id, job))
        lane.last_id = max(lane.last_id, job.alert_id)

    def _pop(self, critical_only: bool) -> Job | None:
        if self._asked:
            job = self._asked.pop(0)
            self._lanes[job.lane].running[job.alert_id] = job
            return job
        for name in LANES[:1] if critical_only else LANES:
            lane = self._lanes[name]
            if lane.spilled and len(lane.heap) <= REFILL_AT:
                self._start_refill(name, lane)
            if lane.heap:
                job = heapq.heappop(lane.heap)[2]
                lane.running[job.alert_id] = job
                return job
            if lane.spilled:
                return None  # its next jobs are being fetched: no lower lane may overtake them
        return None

    def _start_refill(self, name: str, lane: _Lane) -> None:
        if lane.refilling:
            return
        lane.refilling = True
        task = asyncio.get_running_loop().create_task(self._fetch(name, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, name: str, lane: _Lane) -> None:
        try:
            jobs = await self._refill(name, lane.last_id, REFILL_BY)
            for job in jobs:
                self._push(lane, job)
            lane.spilled = max(0, lane.spilled - len(jobs)) if jobs else 0
        finally:
            lane.refilling = False
            self._wake_all()

    def _wake(self, job: Job) -> None:
        for index, (critical_only, waiter) in enumerate(self._waiters):
            if not critical_only or job.lane == "critical" or job.asked_for:
                del self._waiters[index]
                if not waiter.done():
                    waiter.set_result(None)
                return

    def _wake_all(self) -> None:
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
