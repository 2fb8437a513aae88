"""A critical alert that finds no slot has a lower stream ended and queued again; limits keep lanes back."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest

from backend.clock import LoopClock
from backend.pipeline.job import Job
from backend.pipeline.pool import MAX_PREEMPTED, Pool
from backend.pipeline.scheduler import PRESSING_MS, Scheduler
from backend.pipeline.slots import ModelSlots
from backend.simulation.loop import run_virtual
from tests.unit.pipeline.builders import job


async def nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
    return []


class Desk:
    """A pool over one model's slots, whose calls take 30 s."""

    def __init__(self, size: int) -> None:
        self.clock = LoopClock(asyncio.get_running_loop())
        self.slots = ModelSlots(size)
        self.scheduler = Scheduler(nothing_more, now_ms=self.clock.wall_ms)
        self.pool = Pool(self.scheduler, self._work, self._give_up, self.clock, size=size)
        self.slots.preempt = self.pool.preempt
        self.began: list[tuple[int, float]] = []
        self.ended: list[int] = []

    async def _work(self, one: Job, _alike: Sequence[Job]) -> None:
        call = asyncio.create_task(self._call(one))  # as a race's runner is: a task of its own
        try:
            await asyncio.wait({call})
        finally:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        self.ended.append(one.alert_id)
        self.scheduler.done(one)

    async def _call(self, one: Job) -> None:
        lane = self.slots.lane(one.lane)
        await lane.acquire()
        try:
            self.began.append((one.alert_id, self.clock.mono()))
            await self.clock.sleep(30)
        finally:
            lane.release()

    async def _give_up(self, _job: Job, error: BaseException) -> None:
        raise AssertionError from error


def played(size: int, course: Callable[[Desk], Coroutine[None, None, None]]) -> Desk:
    async def main() -> Desk:
        desk = Desk(size)
        pool = asyncio.create_task(desk.pool.run())
        await course(desk)
        while not desk.scheduler.idle:
            await desk.clock.sleep(1)
        pool.cancel()
        await asyncio.gather(pool, return_exceptions=True)
        assert desk.slots.busy == 0
        return desk

    return run_virtual(main)


def test_the_lowest_lane_gives_way_and_comes_back() -> None:
    async def course(desk: Desk) -> None:
        for number, lane in ((1, "high"), (2, "low"), (3, "medium")):
            desk.scheduler.offer(job(number, lane, 0))
        await desk.clock.sleep(5)
        desk.scheduler.offer(job(4, "critical", 0))  # has the slot that is kept
        desk.scheduler.offer(job(5, "critical", 0))  # has the low one's
        desk.scheduler.offer(job(6, "critical", 0))  # has the medium one's

    desk = played(4, course)
    starts = dict(reversed(desk.began))
    assert [round(starts[number], 3) for number in (4, 5, 6)] == [5.0, 5.0, 5.0]
    assert desk.pool.preempted == 2
    again = [number for number, _ in desk.began if number in (2, 3)]
    assert sorted(again) == [2, 2, 3, 3]
    assert sorted(desk.ended) == [1, 2, 3, 4, 5, 6]


def test_no_alert_gives_way_for_ever_and_none_that_a_person_asked_for() -> None:
    async def course(desk: Desk) -> None:
        one = job(1, "low", 0)
        desk.scheduler.offer(one)
        for number in range(2, 2 + 2 * (MAX_PREEMPTED + 1), 2):
            await desk.clock.sleep(1)
            while one.alert_id not in [job_.alert_id for job_ in desk.scheduler.running("low")]:
                await desk.clock.sleep(1)
            desk.scheduler.offer(job(number, "critical", 0))
            desk.scheduler.offer(job(number + 1, "critical", 0))
            await desk.clock.sleep(40)

    desk = played(2, course)
    assert desk.pool.preempted == MAX_PREEMPTED
    assert sorted(desk.ended) == [1, *range(2, 2 + 2 * (MAX_PREEMPTED + 1))]

    async def asked(desk: Desk) -> None:
        desk.scheduler.ask(job(1, "low", 0))
        await desk.clock.sleep(1)
        desk.scheduler.offer(job(2, "critical", 0))
        desk.scheduler.offer(job(3, "critical", 0))

    assert played(2, asked).pool.preempted == 0


def test_a_lane_whose_models_have_no_room_waits_until_it_is_pressing() -> None:
    async def main() -> list[tuple[str, float]]:
        clock = LoopClock(asyncio.get_running_loop())
        scheduler = Scheduler(nothing_more, now_ms=clock.wall_ms)
        scheduler.admit = lambda lane: lane == "low"
        now = clock.wall_ms()
        scheduler.offer(job(1, "medium", now + 2 * PRESSING_MS))
        scheduler.offer(job(2, "low", 0))
        scheduler.offer(job(3, "critical", now + PRESSING_MS))
        taken: list[tuple[str, float]] = []
        while len(taken) < 3:
            try:
                async with clock.timeout(1):
                    one = await scheduler.take()
                taken.append((one.lane, round(clock.mono())))
            except TimeoutError:
                continue
        return taken

    assert run_virtual(main) == [("critical", 0), ("low", 0), ("medium", 60)]


def test_medium_that_would_be_late_goes_before_high_that_is_due_later_never_before_critical() -> None:
    async def main() -> list[str]:
        clock = LoopClock(asyncio.get_running_loop())
        scheduler = Scheduler(nothing_more, now_ms=clock.wall_ms)
        now = clock.wall_ms()
        for number, (lane, due) in enumerate(
            (
                ("high", 200_000),
                ("medium", 30_000),
                ("critical", 50_000),
                ("medium", 250_000),
                ("high", 20_000),
            ),
            1,
        ):
            scheduler.offer(job(number, lane, now + due))
        return [f"{one.lane} {one.alert_id}" for one in [await scheduler.take() for _ in range(5)]]

    assert run_virtual(main) == ["critical 3", "high 5", "medium 2", "high 1", "medium 4"]


@pytest.mark.parametrize(
    ("size", "taken", "spare", "full"),
    [(8, 7, 0, (True, True)), (8, 6, 0, (False, False)), (8, 7, 1, (False, True))],
)
async def test_slots_are_full_when_only_the_one_for_critical_is_left(
    size: int, taken: int, spare: int, full: tuple[bool, bool]
) -> None:
    slots = ModelSlots(size)
    for _ in range(taken - spare):
        await slots.lane("low").acquire()
    for _ in range(spare):
        await slots.spare().acquire()
    assert (slots.full("high"), slots.full("low")) == full
