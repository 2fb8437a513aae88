"""The bounded pool of workers: each takes the most urgent job there is and gives it its verdict."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from backend.clock import Clock
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler

MAX_TRIES = 3
BACKOFF_S = 0.5

log = structlog.get_logger("pipeline")


class Pool:
    """Runs `size` workers, and one more that sees the critical lane alone, which so never waits for one."""

    def __init__(
        self,
        scheduler: Scheduler,
        work: Callable[[Job, Sequence[Job]], Awaitable[None]],
        give_up: Callable[[Job, BaseException], Awaitable[None]],
        clock: Clock,
        *,
        size: int,
    ) -> None:
        """`give_up` gives a job that failed `MAX_TRIES` times an honest verdict without its failing stage."""
        self._scheduler = scheduler
        self._work = work
        self._give_up = give_up
        self._clock = clock
        self._size = size
        self.trouble = ""
        """The latest failure that nobody expected, in words; empty once work went well again."""

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker(critical_only=True), name="worker-critical")
            for number in range(self._size):
                group.create_task(self._worker(critical_only=False), name=f"worker-{number}")

    async def _worker(self, *, critical_only: bool) -> None:
        while True:
            job = await self._scheduler.take(critical_only=critical_only)
            alike = self._scheduler.take_alike(job)
            try:
                await self._work(job, alike)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                await self._retry(
                    job, alike, error
                )  # a library's own cancellation got out: it must not end us
            except Exception as error:  # noqa: BLE001  # a stage's surprise must cost one try, not the worker
                await self._retry(job, alike, error)
            else:
                self.trouble = ""

    async def _retry(self, job: Job, alike: Sequence[Job], error: BaseException) -> None:
        running = {one.alert_id for one in self._scheduler.running(job.lane)}
        for one in alike:
            if one.alert_id in running:  # those whose verdict is on its way are done soon
                self._scheduler.put_back(one)
        await self.failed(job, error)

    async def failed(self, job: Job, error: BaseException) -> None:
        """A job's try ended in an error: queue it again after a pause, or give it up."""
        job.tries += 1
        log.error("stage failed", alert_id=job.alert_id, tries=job.tries, exc_info=error)
        self.trouble = f"a stage failed on alert {job.alert_id} ({type(error).__name__}); it is tried again"
        if job.tries < MAX_TRIES:
            await self._clock.sleep(BACKOFF_S * job.tries)
            self._scheduler.put_back(job)
            return
        try:
            await self._give_up(job, error)
        except Exception as last:  # the alert stays queued in the journal: nothing is lost
            log.error("could not give up", alert_id=job.alert_id, exc_info=last)
            self._scheduler.done(job)
