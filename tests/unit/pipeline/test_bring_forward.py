"""Jobs that are brought forward: before the medium lane and below, never before what cannot wait."""

from collections.abc import Sequence

import msgspec

from backend.enrichment.history import keys
from backend.pipeline.job import Job
from backend.pipeline.scheduler import FOLD_AT, PRESSING_MS, Scheduler
from tests.unit.pipeline.builders import job

FAR = 10 * PRESSING_MS


async def nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
    return []


class Line:
    """A scheduler with jobs, and the order in which they are taken."""

    def __init__(self, *jobs: Job) -> None:
        self.scheduler = Scheduler(nothing_more, now_ms=lambda: 1)
        self.forward: list[int] = []
        for one in jobs:
            self.scheduler.offer(one)

    def bring(self, *jobs: Job) -> None:
        self.scheduler.bring_forward(jobs, lambda taken: self.forward.append(taken.alert_id))

    async def taken(self, count: int) -> list[int]:
        return [(await self.scheduler.take()).alert_id for _ in range(count)]


async def test_a_low_job_overtakes_medium_and_low_but_neither_critical_nor_high() -> None:
    line = Line(
        job(1, "medium", FAR),
        job(2, "low", 0),
        job(3, "low", 0),
        job(4, "high", FAR),
        job(5, "critical", FAR),
    )
    line.bring(job(3, "low", 0))
    assert await line.taken(5) == [5, 4, 3, 1, 2]
    assert line.forward == [3]


async def test_what_is_due_soon_is_not_overtaken() -> None:
    line = Line(job(1, "medium", PRESSING_MS), job(2, "medium", FAR), job(3, "low", 0))
    line.bring(job(3, "low", 0))
    assert await line.taken(3) == [1, 3, 2]


async def test_a_high_job_overtakes_others_of_its_lane_only_where_they_have_time() -> None:
    line = Line(job(1, "high", FAR), job(2, "high", FAR + 1), job(3, "high", FAR + 2))
    line.bring(job(3, "high", FAR + 2))
    assert await line.taken(3) == [3, 1, 2]
    pressing = Line(job(1, "high", PRESSING_MS), job(2, "high", FAR))
    pressing.bring(job(2, "high", FAR))
    assert await pressing.taken(2) == [1, 2]


async def test_where_the_cursor_moved_on_the_job_goes_back_to_its_place() -> None:
    line = Line(*(job(n, "low", 0) for n in range(1, 5)))
    line.bring(job(4, "low", 0))
    line.bring(job(3, "low", 0))
    assert await line.taken(4) == [3, 1, 2, 4]
    assert line.forward == [3]


async def test_the_job_is_taken_once_and_is_the_one_that_was_queued() -> None:
    queued = job(2, "low", 0)
    queued.ingest_ms = 7.0
    line = Line(job(1, "low", 0), queued)
    line.bring(job(2, "low", 0))
    first = await line.scheduler.take()
    assert first is queued
    line.scheduler.done(first)
    assert await line.taken(1) == [1]
    assert line.scheduler.queued("low") == 0
    line.bring(queued, job(9, "low", 0))  # one done, one never queued
    assert line.scheduler._pop(False) is None


async def test_a_job_that_only_the_journal_holds_can_be_brought_forward() -> None:
    line = Line()
    line.scheduler.resume("low", 5)
    line.bring(job(5, "low", 0))
    assert await line.taken(1) == [5]
    assert [one.alert_id for one in line.scheduler.running("low")] == [5]
    await line.scheduler.close()


async def test_critical_needs_no_help_and_running_jobs_get_none() -> None:
    line = Line(job(1, "critical", FAR), job(2, "critical", FAR + 1), job(3, "low", 0))
    line.bring(job(2, "critical", FAR + 1))
    assert await line.taken(2) == [1, 2]
    running = await line.scheduler.take()
    line.bring(running)
    assert line.scheduler._pop(False) is None
    assert line.forward == []


async def test_what_is_taken_along_with_one_alike_is_not_brought_forward_as_well() -> None:
    line = Line(*(job(n, "low", 0) for n in range(1, FOLD_AT + 2)))
    line.bring(job(2, "low", 0))
    first = await line.scheduler.take()
    assert first.alert_id == 2
    alike = line.scheduler.take_alike(first)
    assert keys(alike[0].head) == keys(first.head)
    line.bring(msgspec.structs.replace(alike[0]))
    rest = await line.scheduler.take()
    assert rest.alert_id not in {one.alert_id for one in alike}


async def test_while_intake_goes_first_lanes_without_a_deadline_rest_also_here() -> None:
    held = True
    scheduler = Scheduler(nothing_more, hold=lambda: held, now_ms=lambda: 1)
    scheduler.offer(job(1, "low", 0))
    scheduler.bring_forward([job(1, "low", 0)], lambda _job: None)
    assert scheduler._pop(False) is None
    held = False
    assert (await scheduler.take()).alert_id == 1
