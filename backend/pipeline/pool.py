"""The bounded pool of workers: each takes the most urgent job there is and gives it its verdict."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from backend.clock import Clock
from backend.pipeline.batches import Batches
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.slots import ON_ALERT

MAX_TRIES = 3
BACKOFF_S = 0.5
MAX_PREEMPTED = 2
"""How often one alert gives way: its third try is let through, whatever comes."""

log = structlog.get_logger("pipeline")


class Pool:
    """Runs `size` workers, and as many that see the critical lane alone, which so never waits for one.

    What decides between lanes is then the models' slots, where a critical alert that finds none ends a lower
    lane's stream (`preempt`): that alert keeps what was written and is queued again in its place.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        work: Callable[[Job, Sequence[Job]], Awaitable[None]],
        give_up: Callable[[Job, BaseException], Awaitable[None]],
        clock: Clock,
        *,
        size: int,
        batches: Batches | None = None,
        requeued: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        """`give_up` gives a job that failed `MAX_TRIES` times an honest verdict without its failing stage.

        Jobs that `batches` lays aside are not worked on until their batch has formed. `requeued` is told of
        each job that goes back to its queue unfinished.
        """
        self._batches = batches
        self._scheduler = scheduler
        self._work = work
        self._give_up = give_up
        self._clock = clock
        self._size = size
        self._requeued = requeued
        self._at_work: dict[int, tuple[Job, asyncio.Task[None]]] = {}
        self._giving_way: set[int] = set()
        self.preempted = 0
        """Streams that were ended for a critical alert, since start."""
        self.trouble = ""
        """The latest failure that nobody expected, in words; empty once work went well again."""

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._size):
                group.create_task(self._worker(critical_only=True), name=f"worker-critical-{number}")
                group.create_task(self._worker(critical_only=False), name=f"worker-{number}")

    def preempt(self, alert_id: int) -> bool:
        """End the work on an alert for a critical one and queue it again; False where that may not be.

        Not what a person asked for, and not one alert more than `MAX_PREEMPTED` times.
        """
        job, task = self._at_work.get(alert_id, (None, None))
        if job is None or task is None or job.asked_for or job.preempted >= MAX_PREEMPTED:
            return False
        job.preempted += 1
        self.preempted += 1
        self._giving_way.add(alert_id)
        task.cancel()
        return True

    async def _worker(self, *, critical_only: bool) -> None:
        while True:
            job = await self._scheduler.take(critical_only=critical_only)
            if self._batches is not None and self._batches.hold(job):
                continue
            mates = self._batches.mates(job) if self._batches is not None else ()
            alike = mates or self._scheduler.take_alike(job)
            task = asyncio.current_task()
            assert task is not None  # noqa: S101  # a coroutine always runs in a task here
            self._at_work[job.alert_id] = job, task
            ON_ALERT.set(job.alert_id)
            try:
                await self._work(job, alike)
            except asyncio.CancelledError as error:
                if job.alert_id in self._giving_way and task.cancelling() == 1:
                    self._requeue((job, *alike))
                    continue
                if task.cancelling():
                    raise
                await self._retry(
                    job, alike, error
                )  # a library's own cancellation got out: it must not end us
            except Exception as error:  # noqa: BLE001  # a stage's surprise must cost one try, not the worker
                await self._retry(job, alike, error)
            else:
                self.trouble = ""
            finally:
                self._at_work.pop(job.alert_id, None)
                if job.alert_id in self._giving_way:
                    self._giving_way.discard(job.alert_id)
                    task.uncancel()

    async def _retry(self, job: Job, alike: Sequence[Job], error: BaseException) -> None:
        self._requeue(alike)
        await self.failed(job, error)

    def _requeue(self, jobs: Sequence[Job]) -> None:
        for one in jobs:
            if one.alert_id in {job.alert_id for job in self._scheduler.running(one.lane)}:
                self._requeued(one)
                self._scheduler.put_back(one)  # those whose verdict is on its way are done soon

    async def failed(self, job: Job, error: BaseException) -> None:
        """A job's try ended in an error: queue it again after a pause, or give it up."""
        job.tries += 1
        log.error("stage failed", alert_id=job.alert_id, tries=job.tries, exc_info=error)
        self.trouble = f"a stage failed on alert {job.alert_id} ({type(error).__name__}); it is tried again"
        if job.tries < MAX_TRIES:
            self._requeued(job)
            await self._clock.sleep(BACKOFF_S * job.tries)
            self._scheduler.put_back(job)
            return
        try:
            await self._give_up(job, error)
        except Exception as last:  # the alert stays queued in the journal: nothing is lost
            log.error("could not give up", alert_id=job.alert_id, exc_info=last)
            self._scheduler.done(job)
