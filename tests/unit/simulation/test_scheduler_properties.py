"""No alert is lost, doubled, or overtaken by a lower lane, whatever comes when, in memory or spilled."""

import asyncio
import contextlib
from collections.abc import Sequence
from unittest.mock import Mock, patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.alerts.model import Head
from backend.alerts.text import safe
from backend.clock import LoopClock
from backend.lanes import LANE_NUMBER, LANE_SLA_S
from backend.pipeline import pool as pool_module
from backend.pipeline import scheduler as module
from backend.pipeline.job import Job
from backend.pipeline.pool import Pool
from backend.pipeline.scheduler import Scheduler
from backend.simulation.loop import run_virtual

LANES = ("critical", "high", "medium", "low")


class Coming(msgspec.Struct, frozen=True):
    """An alert, the time since the one before it, how long it takes, how often its stage fails first."""

    lane: str
    gap_s: float
    takes_s: float
    fails: int


class Taken(msgspec.Struct, frozen=True):
    job: Job
    critical_only: bool
    passed_over: tuple[str, ...]
    """Higher lanes in which something waited when it was taken, beside what medium may pass when pressing."""
    later: int
    """Deadlines of its own lane that wait and are earlier than its own."""


coming = st.builds(
    Coming,
    st.sampled_from(LANES),
    st.sampled_from((0.0, 0.0, 0.001, 0.5, 30.0)),
    st.sampled_from((0.0, 0.01, 2.0, 20.0)),
    st.sampled_from((0, 0, 0, 1, 2)),
)


class Watched(Scheduler):
    """Takes note of what stood where when a job was taken."""

    taken: list[Taken]

    async def take(self, *, critical_only: bool = False) -> Job:
        job = await super().take(critical_only=critical_only)
        higher = LANES[: LANE_NUMBER[job.lane]]
        over = tuple(lane for lane in higher if self.queued(lane) and not self.may_pass(job, lane))
        first = self.first(job.lane)
        later = int(
            first is not None and (first.deadline_ms, first.alert_id) < (job.deadline_ms, job.alert_id)
        )
        self.taken.append(Taken(job, critical_only, over, later))
        return job

    def may_pass(self, job: Job, lane: str) -> bool:
        """Medium that would be late, before high that is due after it."""
        first = self.first(lane)
        pressing = job.deadline_ms <= self._now_ms() + module.PRESSING_MS
        return (
            (job.lane, lane) == ("medium", "high")
            and pressing
            and (first is None or first.deadline_ms > job.deadline_ms)
        )


async def play(alerts: Sequence[Coming], workers: int) -> tuple[list[Taken], list[int], Watched]:
    clock = LoopClock(asyncio.get_running_loop())
    journal: dict[int, Job] = {}
    done: list[int] = []
    fails = {number: one.fails for number, one in enumerate(alerts, start=1)}

    async def refill(lane: str, after: int, limit: int) -> list[Job]:
        held = [job for job in journal.values() if job.lane == lane and job.alert_id > after][:limit]
        await clock.sleep(0.003)
        return held

    scheduler = Watched(refill, pause=clock.sleep, now_ms=clock.wall_ms)
    scheduler.taken = []

    async def work(job: Job, alike: Sequence[Job]) -> None:
        await clock.sleep(alerts[job.alert_id - 1].takes_s)
        if fails[job.alert_id]:
            fails[job.alert_id] -= 1
            raise ValueError("a stage failed")
        for one in (job, *alike):
            journal.pop(one.alert_id)
            done.append(one.alert_id)
            scheduler.done(one)

    async def give_up(job: Job, error: BaseException) -> None:
        raise AssertionError("no job fails three times") from error

    pool = asyncio.create_task(Pool(scheduler, work, give_up, clock, size=workers).run())
    for number, one in enumerate(alerts, start=1):
        await clock.sleep(one.gap_s)
        now = clock.wall_ms()
        sla = LANE_SLA_S[one.lane]
        head = Head(
            uid=str(number), format="ocsf", time_ms=now, severity_id=2, title=safe(f"rule {number % 3}")
        )
        job = Job(number, head, one.lane, now, now + int(sla * 1000) if sla else 0, clock.mono())
        journal[number] = job
        scheduler.offer(job)
    async with clock.timeout(100_000):
        while not scheduler.idle:
            await clock.sleep(1)
    pool.cancel()
    await asyncio.gather(pool, return_exceptions=True)
    await scheduler.close()
    return scheduler.taken, done, scheduler


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "log", Mock())  # each failure is logged with its whole traceback


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(coming, min_size=1, max_size=60), st.integers(1, 5), st.sampled_from((3, 10_000)))
def test_nothing_is_lost_doubled_or_overtaken(alerts: list[Coming], workers: int, capacity: int) -> None:
    small = {"CAPACITY": capacity, "REFILL_AT": capacity // 3, "REFILL_BY": 2, "FOLD_AT": 20}
    with contextlib.ExitStack() as patched:
        for name, value in small.items():
            patched.enter_context(patch.object(module, name, value))
        taken, done, _ = run_virtual(lambda: play(alerts, workers))
    assert sorted(done) == list(range(1, len(alerts) + 1))
    for one in taken:
        assert not one.passed_over, f"{one.job.lane} was taken while {one.passed_over} waited"
        assert not one.later or one.job.tries, "an earlier deadline of its own lane waited"
        assert not one.critical_only or one.job.lane == "critical"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(coming, min_size=1, max_size=40), st.integers(1, 4))
def test_the_same_comes_out_each_time(alerts: list[Coming], workers: int) -> None:
    def order() -> list[int]:
        return [one.job.alert_id for one in run_virtual(lambda: play(alerts, workers))[0]]

    assert order() == order()
