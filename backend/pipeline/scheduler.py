"""Which job is next: lanes in strict order, the earliest deadline first inside a lane, memory bounded.

A lane holds at most `CAPACITY` jobs in memory; what comes on top stays in the journal and is fetched in order
when there is room again. Deadlines run from receipt, so the journal's own order is the lane's order.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence

import structlog

from backend.lanes import LANE_NUMBER, LANES
from backend.pipeline.job import Job
from backend.pipeline.lane_queue import LaneQueue, alike

CAPACITY = 10_000
REFILL_AT = CAPACITY // 4
FOLDING = frozenset({"low", "raw"})
FOLD_AT = 1_000
"""Waiting jobs from which on alike ones of a lane share one analysis."""
FOLD_MOST = 500
"""Jobs that are taken along at once."""
REFILL_BY = 2_000
RETRY_S = 1.0
"""Pause after a refill that the journal could not answer."""
PRESSING_MS = 60_000
"""A job due within this (all of critical's time) is never overtaken by one that was brought forward."""
_FORWARD_FROM = LANE_NUMBER["medium"]
"""Jobs that were brought forward go before this lane and all below it, whatever lane they are of."""

_MEDIUM_FIRST = ("critical", "medium", "high", "low", "raw")

Refill = Callable[[str, int, int], Awaitable[Sequence[Job]]]
"""(lane, after alert id, limit) to the next jobs the journal holds."""

log = structlog.get_logger("pipeline")


class Scheduler:
    """Lanes of jobs; workers take from it. Used on one loop only."""

    def __init__(
        self,
        refill: Refill,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        hold: Callable[[], bool] = lambda: False,
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        """`refill` fetches what did not fit into memory; `pause` waits before it is asked again.

        `now_ms` is the wall clock that deadlines are on.

        While `hold` says so, lanes without a deadline give nothing out: what comes in goes before them.
        Whoever holds calls `nudge` from time to time.
        """
        self._hold = hold
        self.admit: Callable[[str], bool] = lambda _lane: True
        """Whether a lane's models have room: else it waits in its queue, where it holds no worker and no
        slot, for as long as its deadlines allow. `Models.admits`."""
        self._now_ms = now_ms
        self._forward: dict[int, Job] = {}
        self._taken_forward: Callable[[Job], None] = lambda _job: None
        self._lanes: dict[str, LaneQueue] = {lane: LaneQueue() for lane in LANES}
        self._asked: list[Job] = []
        self._waiters: list[tuple[bool, asyncio.Future[None]]] = []
        self._refill = refill
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, job: Job) -> None:
        """Queue a job that the journal has newly stored. What a refill has already brought is not doubled."""
        lane = self._lanes[job.lane]
        if job.alert_id <= lane.last_id:
            return
        if lane.spilled or len(lane.heap) >= CAPACITY:
            lane.spilled += 1
            lane.top_id = job.alert_id
            if lane.refilling:
                lane.came.append(job.alert_id)
        else:
            self._push(lane, job)
        self._wake(job)

    def resume(self, lane_name: str, count: int) -> None:
        """At start: the journal holds `count` unfinished jobs of a lane, fetched when first wanted."""
        self._lanes[lane_name].spilled += count

    def put_back(self, job: Job) -> None:
        """Queue again a job that was taken and not finished; it keeps its place, so it comes first."""
        lane = self._lanes[job.lane]
        lane.running.pop(job.alert_id, None)
        if job.asked_for:
            self._asked.insert(0, job)
        else:
            self._queue(lane, job)
        self._wake(job)

    def take_alike(self, job: Job) -> list[Job]:
        """Take the jobs along that are of one rule on one entity with `job`, where its lane is overfull.

        The second of the design's steps under load. Lanes above low are never folded, and neither is what a
        person asked for.
        """
        lane = self._lanes[job.lane]
        if job.lane not in FOLDING or job.asked_for or self.queued(job.lane) < FOLD_AT:
            return []
        group = lane.alike.get(alike(job), {})
        taken = list(group.values())[:FOLD_MOST]
        for one in taken:
            lane.take_off(one)
            self._forward.pop(one.alert_id, None)
            lane.ghosts.add(one.alert_id)
            lane.running[one.alert_id] = one
        return taken

    def folding(self, lane: str) -> bool:
        """Whether a lane is so full that alike alerts share one analysis now."""
        return lane in FOLDING and self.queued(lane) >= FOLD_AT

    def ask(self, job: Job) -> bool:
        """Queue a job ahead of every lane: a person waits for it. False where it is at work or asked for.

        If the alert waits in its lane it leaves it, so that it is not worked on twice.
        """
        lane = self._lanes[job.lane]
        if job.alert_id in lane.running or any(one.alert_id == job.alert_id for one in self._asked):
            return False
        self._forward.pop(job.alert_id, None)
        lane.leave(job)
        job.asked_for = True
        self._asked.append(job)
        self._wake(job)
        return True

    def withdraw(self, job: Job) -> None:
        """Take a waiting job out of its lane: it goes on in another."""
        self._forward.pop(job.alert_id, None)
        self._lanes[job.lane].leave(job)

    def bring_forward(self, jobs: Sequence[Job], taken: Callable[[Job], None]) -> None:
        """Let waiting jobs go before the medium lane and all below it; `taken` is told when one has been.

        What was brought forward before and is not among `jobs` goes back to its usual place. The critical and
        the high lane, and whatever is due within `PRESSING_MS`, still come first; a critical job needs no
        help, and a high one overtakes only those of its own lane that are not pressing.
        """
        self._taken_forward = taken
        self._forward = {
            job.alert_id: job
            for job in jobs
            if job.lane != "critical"
            and job.alert_id not in self._lanes[job.lane].running
            and all(one.alert_id != job.alert_id for one in self._asked)
        }

    @property
    def waiting(self) -> bool:
        """Whether any job waits, in memory or in the journal."""
        return bool(self._asked) or any(self.queued(lane) > 0 for lane in LANES)

    def done(self, job: Job) -> None:
        """A taken job has its verdict."""
        lane = self._lanes[job.lane]
        self._forward.pop(job.alert_id, None)
        lane.running.pop(job.alert_id, None)
        if lane.refilling:
            lane.gone.add(job.alert_id)

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
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake_all()  # it was called for a job that it will not take: others must look
                raise
            finally:
                if entry in self._waiters:
                    self._waiters.remove(entry)

    def nudge(self) -> None:
        """Let those who wait look again."""
        self._wake_all()

    def queued(self, lane: str) -> int:
        """Jobs of a lane that wait, in memory and in the journal."""
        asked = sum(job.lane == lane for job in self._asked)
        mine = self._lanes[lane]
        return len(mine.heap) - len(mine.ghosts) + mine.spilled + asked

    def at_work(self, lane: str) -> int:
        """Jobs of a lane that wait or are being worked on."""
        return self.queued(lane) + len(self._lanes[lane].running)

    def running(self, lane: str) -> list[Job]:
        """Jobs of a lane that are being worked on."""
        return list(self._lanes[lane].running.values())

    def has(self, lane: str, alert_id: int) -> bool:
        """Whether an alert is being worked on in a lane, or a person has asked for it."""
        return alert_id in self._lanes[lane].running or any(one.alert_id == alert_id for one in self._asked)

    def entries(self, lane: str) -> list[Job]:
        """The jobs of a lane that wait in memory, in no order."""
        mine = self._lanes[lane]
        return [job for _, alert_id, job in mine.heap if alert_id not in mine.ghosts]

    @property
    def asked(self) -> Sequence[Job]:
        """What persons asked for and wait for, first first."""
        return tuple(self._asked)

    @property
    def forward(self) -> Sequence[Job]:
        """What was brought forward and still waits, first first."""
        return tuple(self._forward.values())

    def first(self, lane: str) -> Job | None:
        """The job of a lane that is due first among those waiting."""
        self._lanes[lane].tidy()
        heap = self._lanes[lane].heap
        return heap[0][2] if heap else None

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs."""
        return not self._asked and all(
            len(lane.heap) == len(lane.ghosts) and not lane.spilled and not lane.running
            for lane in self._lanes.values()
        )

    async def close(self) -> None:
        """Give up refills on their way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _push(self, lane: LaneQueue, job: Job) -> None:
        self._queue(lane, job)
        lane.last_id = max(lane.last_id, job.alert_id)

    @staticmethod
    def _queue(lane: LaneQueue, job: Job) -> None:
        if job.alert_id in lane.ghosts:  # it was taken along and comes back: its place in the heap is there
            lane.ghosts.discard(job.alert_id)
        else:
            heapq.heappush(lane.heap, (job.deadline_ms, job.alert_id, job))
        if job.lane in FOLDING:
            lane.alike.setdefault(alike(job), {})[job.alert_id] = job

    def _pop(self, critical_only: bool) -> Job | None:
        if self._asked:
            job = self._asked.pop(0)
            self._lanes[job.lane].running[job.alert_id] = job
            return job
        for name in LANES[:1] if critical_only else self._in_turn():
            lane = self._lanes[name]
            early = self._pop_forward(LANE_NUMBER[name], lane) if self._forward else None
            if early is not None:
                return early
            if lane.spilled and len(lane.heap) <= REFILL_AT:
                self._start_refill(name, lane)
            lane.tidy()
            if lane.heap and name in FOLDING and self._hold():
                return None
            if lane.heap and self._kept_back(name, lane):
                continue  # a lower lane may have models of its own
            if lane.heap:
                job = heapq.heappop(lane.heap)[2]
                lane.take_off(job)
                lane.running[job.alert_id] = job
                self._forward.pop(job.alert_id, None)
                return job
            if lane.spilled:
                return None  # its next jobs are being fetched: no lower lane may overtake them
        return None

    def _in_turn(self) -> tuple[str, ...]:
        """The lanes in their order; medium before high only where its first would else be too late.

        Critical and high can fill every worker for longer than medium's 15 minutes. So a medium job that is
        due within `PRESSING_MS` goes before high ones that are due later than it.
        """
        high, medium = self._lanes["high"], self._lanes["medium"]
        medium.tidy()
        if not medium.heap or not high.heap:
            return LANES
        due = medium.heap[0][0]
        pressing = 0 < due <= self._now_ms() + PRESSING_MS and due < high.heap[0][0]
        return _MEDIUM_FIRST if pressing else LANES

    def _kept_back(self, name: str, lane: LaneQueue) -> bool:
        """Whether a lane waits for its models' limits: never critical, never what is due soon."""
        if name == "critical":
            return False
        due = lane.heap[0][0]
        return not (0 < due <= self._now_ms() + PRESSING_MS) and not self.admit(name)

    def _pop_forward(self, number: int, lane: LaneQueue) -> Job | None:
        """A job that was brought forward and may go before the lane with this number; the first that may."""
        lane.tidy()
        if lane.heap and 0 < lane.heap[0][0] <= self._now_ms() + PRESSING_MS:
            return None
        for job in list(self._forward.values()):
            if min(LANE_NUMBER[job.lane], _FORWARD_FROM) > number:
                continue
            if job.lane in FOLDING and self._hold():
                continue
            del self._forward[job.alert_id]
            mine = self._lanes[job.lane]
            own = mine.leave(job)
            if own is None and not mine.spilled:
                continue  # neither here nor in the journal alone: it was dealt with meanwhile
            job = own or job
            mine.running[job.alert_id] = job
            self._taken_forward(job)
            return job
        return None

    def _start_refill(self, name: str, lane: LaneQueue) -> None:
        if lane.refilling:
            return
        lane.refilling = True
        task = asyncio.get_running_loop().create_task(self._fetch(name, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fetch(self, name: str, lane: LaneQueue) -> None:
        known_to = lane.top_id  # all of these were in the journal before it was asked
        try:
            jobs = await self._refill(name, lane.last_id, REFILL_BY)
        except Exception as error:  # noqa: BLE001  # whatever it was, the jobs are still in the journal
            log.warning("refill failed", lane=name, error=str(error))
            await self._pause(RETRY_S)
        else:
            self._take_in(lane, jobs, known_to)
        finally:
            lane.refilling = False
            lane.came.clear()
            lane.gone.clear()
            self._wake_all()

    def _take_in(self, lane: LaneQueue, jobs: Sequence[Job], known_to: int) -> None:
        """Queue what the journal gave, and work out how much more it holds.

        A short answer is all there was when it was asked; only what came since can be left. A full answer
        leaves an estimate (asked-for jobs may have been done meanwhile) that the last, short one sets right.
        """
        asked = {job.alert_id for job in self._asked}
        for job in jobs:
            if job.alert_id in lane.running or job.alert_id in asked or job.alert_id in lane.gone:
                lane.last_id = max(lane.last_id, job.alert_id)
            else:
                self._push(lane, job)
        if len(jobs) < REFILL_BY:
            lane.last_id = max(lane.last_id, known_to)
            lane.spilled = sum(alert_id > lane.last_id for alert_id in lane.came)
        else:
            lane.spilled = max(1, lane.spilled - len(jobs))

    def _wake(self, job: Job) -> None:
        for_all = job.lane == "critical" or job.asked_for
        for entry in tuple(self._waiters):
            critical_only, waiter = entry
            if critical_only and not for_all:
                continue
            self._waiters.remove(entry)
            if not waiter.done():  # else it was cancelled and can't take it: the next one
                waiter.set_result(None)
                return

    def _wake_all(self) -> None:
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
