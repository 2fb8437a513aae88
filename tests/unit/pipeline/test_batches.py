"""When a batch closes, who may be in one, and that nothing that waits in one is lost or late."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from backend.alerts.text import SafeText
from backend.clock import SystemClock
from backend.pipeline import batches as module
from backend.pipeline.batches import Batches, BatchLimits
from backend.pipeline.job import Job
from backend.pipeline.pool import Pool
from backend.pipeline.scheduler import Scheduler
from tests.unit.pipeline.builders import head


class Clock(SystemClock):
    """Real time, cut to a hundredth, so that a wait of two seconds takes twenty milliseconds."""

    def mono(self) -> float:
        return super().mono() * 100

    def wall_ms(self) -> int:
        return int(self.mono() * 1000)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


CLOCK = Clock()


async def nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
    return []


def job(
    number: int, name: str = "ET SCAN ssh", lane: str = "medium", due_s: float = 900.0, **more: object
) -> Job:
    of = msgspec.structs.replace(head(number), rule_name=SafeText(name), src_ip=SafeText("10.0.0.1"))
    now = CLOCK.wall_ms()
    return Job(number, of, lane, now, now + int(due_s * 1000), CLOCK.mono(), **more)  # type: ignore[arg-type]


@asynccontextmanager
async def working(
    size: int = 4, wait_s: float = 2.0, hold_s: float = 0.0
) -> AsyncIterator[tuple[Scheduler, Batches, list[list[int]]]]:
    """A pool that only notes what it is given, together."""
    scheduler, groups = Scheduler(nothing_more), list[list[int]]()
    forming = Batches(scheduler, CLOCK, {"medium": BatchLimits(size, wait_s)})

    async def work(one: Job, mates: Sequence[Job]) -> None:
        groups.append(sorted([one.alert_id, *(mate.alert_id for mate in mates)]))
        await CLOCK.sleep(hold_s)
        for done in (one, *mates):
            scheduler.done(done)

    async def never(_job: Job, error: BaseException) -> None:
        raise error

    pool = asyncio.create_task(Pool(scheduler, work, never, CLOCK, size=2, batches=forming).run())
    try:
        yield scheduler, forming, groups
    finally:
        pool.cancel()
        await asyncio.gather(pool, return_exceptions=True)
        await forming.close()


async def quiet(scheduler: Scheduler) -> None:
    async with asyncio.timeout(20):
        while not scheduler.idle:
            await asyncio.sleep(0.002)


async def test_a_full_batch_goes_at_once_and_a_short_one_after_its_wait() -> None:
    async with working() as (scheduler, forming, groups):
        for number in range(1, 7):
            scheduler.offer(job(number))
        await asyncio.sleep(0.005)
        assert groups == [[1, 2, 3, 4]]
        view = forming.forming("medium")
        assert (view.alerts, view.fullest, view.size, view.groups) == (2, 2, 4, 1)
        await quiet(scheduler)
        assert groups == [[1, 2, 3, 4], [5, 6]]
        assert forming.held() == 0


async def test_it_tells_when_one_begins_to_form_and_how_many_requests_are_coming() -> None:
    scheduler = Scheduler(nothing_more)
    forming = Batches(scheduler, CLOCK, {"medium": BatchLimits(4, 2_000.0)})
    told: list[tuple[str, int]] = []
    forming.opened = lambda lane: told.append((lane, forming.coming(lane)))
    for number in range(1, 11):
        scheduler.offer(job(number))
    for _ in range(4):
        assert forming.hold(await scheduler.take())
    assert told == [("medium", 2)]  # of 10 alike two fill at once
    assert forming.coming("medium") == 2  # one has formed, and 6 more fill one
    assert len(forming.mates(await scheduler.take())) == 3
    assert forming.coming("medium") == 1
    for name in ("ET WEB sqli", "ET WEB xss", "GPL RPC"):
        scheduler.offer(job(90 + len(name), name, due_s=300.0))
        assert forming.hold(await scheduler.take())
    assert told[1:] == [("medium", 1), ("medium", 2)]  # two families; the second alert of one opens none
    assert forming.coming("medium") == 2
    assert forming.coming("low") == 0
    assert (forming.size("medium"), forming.size("low")) == (4, 1)
    await forming.close()


async def test_families_and_kinds_of_source_do_not_mix() -> None:
    async with working(wait_s=0.5) as (scheduler, _, groups):
        names = ["ET SCAN ssh", "ET SCAN rdp", "ET WEB sqli", "ET SCAN smb"]
        for number, name in enumerate(names, start=1):
            scheduler.offer(job(number, name))
        await quiet(scheduler)
        assert sorted(groups) == [[1, 2, 4], [3]]


async def test_nothing_waits_beyond_its_deadline_and_critical_never_waits() -> None:
    async with working(wait_s=500.0) as (scheduler, forming, groups):
        scheduler.offer(job(1, due_s=module.SAFETY_S + 1))
        scheduler.offer(job(2, lane="critical"))
        await quiet(scheduler)
        assert groups == [[2], [1]]
        assert forming.held() == 0


async def test_what_a_person_asks_for_goes_alone() -> None:
    async with working(wait_s=500.0) as (scheduler, _, groups):
        scheduler.ask(job(1))
        await quiet(scheduler)
        assert groups == [[1]]


async def test_a_backlog_is_batched_too_and_what_is_held_is_bounded() -> None:
    module_most = module.MOST_HELD
    async with working(size=8, wait_s=0.0, hold_s=0.1) as (scheduler, forming, groups):
        most = 0
        for number in range(1, 3_001):
            scheduler.offer(job(number, f"rule {number % 5} fired"))
        while not scheduler.idle:
            most = max(most, forming.held())
            await asyncio.sleep(0.001)
        assert sorted(one for group in groups for one in group) == list(range(1, 3_001))
        assert sum(map(len, groups)) / len(groups) > 6, "old alerts find company too"
        assert most <= module_most + 8 * 5
