import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from backend.clock import SystemClock
from backend.pipeline import pool as module
from backend.pipeline.job import Job
from backend.pipeline.pool import MAX_TRIES, Pool
from backend.pipeline.scheduler import Scheduler
from tests.support.intake import until
from tests.unit.pipeline.builders import job


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", 0.01)


async def nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
    return []


class Bench:
    """A scheduler and a pool whose stage does what the test says."""

    def __init__(self, work: Callable[[Job, Sequence[Job]], Awaitable[None]], size: int = 2) -> None:
        self.scheduler = Scheduler(nothing_more)
        self.given_up: list[tuple[int, str]] = []
        self.give_up_fails = False
        self.pool = Pool(self.scheduler, work, self._give_up, SystemClock(), size=size)

    async def _give_up(self, given: Job, error: BaseException) -> None:
        if self.give_up_fails:
            raise RuntimeError("the journal too")
        self.given_up.append((given.alert_id, str(error)))
        self.scheduler.done(given)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.pool.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_stage_that_fails_is_tried_again_and_the_alert_gets_through() -> None:
    tries: list[int] = []

    async def work(one: Job, _alike: Sequence[Job]) -> None:
        tries.append(one.alert_id)
        if len(tries) < MAX_TRIES:
            raise ValueError("not yet")
        bench.scheduler.done(one)

    bench = Bench(work)
    async with bench.running():
        bench.scheduler.offer(job(1))
        await until(lambda: bench.scheduler.idle, 20)
    assert tries == [1] * MAX_TRIES
    assert bench.given_up == []
    assert bench.pool.trouble == ""


async def test_after_the_last_try_it_is_given_up_and_others_go_on() -> None:
    async def work(one: Job, _alike: Sequence[Job]) -> None:
        if one.alert_id == 1:
            raise ValueError("poison")
        bench.scheduler.done(one)

    bench = Bench(work)
    async with bench.running():
        for number in range(1, 6):
            bench.scheduler.offer(job(number))
        await until(lambda: bench.scheduler.idle, 20)
    assert bench.given_up == [(1, "poison")]


async def test_where_even_giving_up_fails_the_worker_lives_on() -> None:
    async def work(one: Job, _alike: Sequence[Job]) -> None:
        if one.alert_id == 1:
            raise ValueError("poison")
        bench.scheduler.done(one)

    bench = Bench(work, size=1)
    bench.give_up_fails = True
    async with bench.running():
        bench.scheduler.offer(job(1))
        await until(lambda: bench.scheduler.idle, 20)
        bench.scheduler.offer(job(2))
        await until(lambda: bench.scheduler.idle, 20)
    assert bench.given_up == []


async def test_a_cancellation_that_leaks_out_of_a_stage_costs_a_try_and_not_the_worker() -> None:
    tries: list[int] = []

    async def work(one: Job, _alike: Sequence[Job]) -> None:
        tries.append(one.alert_id)
        if len(tries) == 1:
            raise asyncio.CancelledError
        bench.scheduler.done(one)

    bench = Bench(work, size=1)
    async with bench.running():
        bench.scheduler.offer(job(1))
        await until(lambda: bench.scheduler.idle, 20)
        bench.scheduler.offer(job(2))
        await until(lambda: bench.scheduler.idle, 20)
    assert tries == [1, 1, 2]


async def test_critical_never_waits_for_a_worker_that_lower_lanes_hold() -> None:
    free = asyncio.Event()
    began: list[str] = []

    async def work(one: Job, _alike: Sequence[Job]) -> None:
        began.append(one.lane)
        if one.lane == "low":
            await free.wait()
        bench.scheduler.done(one)

    bench = Bench(work, size=2)
    async with bench.running():
        for number in range(1, 6):
            bench.scheduler.offer(job(number, "low"))
        await until(lambda: began == ["low", "low"], 20)
        bench.scheduler.offer(job(9, "critical"))
        await until(lambda: "critical" in began, 20)
        assert began == ["low", "low", "critical"]
        free.set()
        await until(lambda: bench.scheduler.idle, 20)
