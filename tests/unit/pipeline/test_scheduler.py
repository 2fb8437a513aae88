import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.lanes import LANES
from backend.pipeline import scheduler as module
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from tests.unit.pipeline.builders import job


class Stored:
    """What the journal holds of every lane: jobs in order of their ids, done ones gone."""

    def __init__(self) -> None:
        self.jobs: dict[str, list[Job]] = {lane: [] for lane in LANES}
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = 0

    async def refill(self, lane: str, after_id: int, limit: int) -> Sequence[Job]:
        self.reads += 1
        if self.broken:
            self.broken -= 1
            raise OSError("disk I/O error")
        found = [one for one in self.jobs[lane] if one.alert_id > after_id][:limit]
        await self.gate.wait()
        return [job(one.alert_id, one.lane) for one in found]

    def done(self, finished: Job) -> None:
        self.jobs[finished.lane] = [j for j in self.jobs[finished.lane] if j.alert_id != finished.alert_id]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that overflow soon."""
    monkeypatch.setattr(module, "CAPACITY", 4)
    monkeypatch.setattr(module, "REFILL_AT", 1)
    monkeypatch.setattr(module, "REFILL_BY", 3)


def build(stored: Stored) -> Scheduler:
    return Scheduler(stored.refill, pause=lambda _s: asyncio.sleep(0))


async def take(scheduler: Scheduler, *, critical_only: bool = False) -> Job:
    async with asyncio.timeout(20):
        return await scheduler.take(critical_only=critical_only)


async def test_lanes_come_in_strict_order_and_deadlines_inside_a_lane() -> None:
    scheduler = build(Stored())
    for number, (lane, due) in enumerate(
        [("low", 0), ("high", 30), ("medium", 40), ("critical", 90), ("high", 10), ("raw", 0)], start=1
    ):
        scheduler.offer(job(number, lane, due))
    got = [await take(scheduler) for _ in range(6)]
    assert [(one.lane, one.deadline_ms) for one in got] == [
        ("critical", 90), ("high", 10), ("high", 30), ("medium", 40), ("low", 0), ("raw", 0),
    ]  # fmt: skip
    assert not scheduler.idle
    for one in got:
        scheduler.done(one)
    assert scheduler.idle


@pytest.mark.usefixtures("small")
async def test_what_spills_to_the_journal_comes_back_in_order_and_counted() -> None:
    stored = Stored()
    scheduler = build(stored)
    for number in range(1, 21):
        stored.jobs["high"].append(job(number, "high"))
        scheduler.offer(job(number, "high"))
    assert scheduler.queued("high") == 20
    assert [(await take(scheduler)).alert_id for _ in range(20)] == list(range(1, 21))
    assert scheduler.queued("high") == 0
    assert stored.reads >= 5  # memory held four at a time


@pytest.mark.usefixtures("small")
async def test_a_lower_lane_does_not_overtake_jobs_that_are_being_fetched() -> None:
    stored = Stored()
    scheduler = build(stored)
    stored.jobs["high"] = [job(n, "high") for n in range(1, 4)]
    scheduler.resume("high", 3)
    scheduler.offer(job(10, "low"))
    stored.gate.clear()
    taking = asyncio.create_task(take(scheduler))
    await asyncio.sleep(0.02)
    assert not taking.done()
    stored.gate.set()
    assert (await taking).lane == "high"


async def spilling(stored: Stored, *, spilled: int) -> Scheduler:
    """A scheduler with jobs 1 to 4 taken and so many more in the journal alone, whose refill is held up."""
    scheduler = build(stored)
    for number in range(1, 5 + spilled):
        stored.jobs["high"].append(job(number, "high"))
        scheduler.offer(job(number, "high"))
    stored.gate.clear()
    for _ in range(4):
        scheduler.done(await take(scheduler))
    await asyncio.sleep(0)
    assert stored.reads == 1
    return scheduler


@pytest.mark.usefixtures("small")
async def test_a_job_that_a_refill_brought_before_it_was_offered_is_not_doubled() -> None:
    stored = Stored()
    stored.jobs["high"] = []
    scheduler = build(stored)
    for number in range(1, 6):
        stored.jobs["high"].append(job(number, "high"))
        scheduler.offer(job(number, "high"))
    stored.jobs["high"].append(job(6, "high"))  # on disk, and on its way here
    first = [(await take(scheduler)).alert_id for _ in range(5)]
    scheduler.offer(job(6, "high"))
    assert [*first, (await take(scheduler)).alert_id] == [1, 2, 3, 4, 5, 6]
    assert scheduler.queued("high") == 0


@pytest.mark.usefixtures("small")
async def test_jobs_offered_while_a_refill_reads_are_not_lost() -> None:
    stored = Stored()
    scheduler = await spilling(stored, spilled=1)
    for number in (6, 7):  # on disk after the refill has read: only the next one can bring them
        stored.jobs["high"].append(job(number, "high"))
        scheduler.offer(job(number, "high"))
    stored.gate.set()
    assert [(await take(scheduler)).alert_id for _ in range(3)] == [5, 6, 7]
    assert scheduler.queued("high") == 0


@pytest.mark.usefixtures("small")
async def test_a_job_that_was_asked_for_and_done_while_a_refill_reads_does_not_come_again() -> None:
    stored = Stored()
    scheduler = await spilling(stored, spilled=2)
    assert scheduler.ask(job(6, "high"))
    asked = await take(scheduler)
    scheduler.done(asked)  # the refill has read it as one that is owed a verdict
    stored.gate.set()
    assert (await take(scheduler)).alert_id == 5
    assert scheduler.queued("high") == 0


async def test_a_job_put_back_keeps_its_place() -> None:
    scheduler = build(Stored())
    for number in (1, 2):
        scheduler.offer(job(number))
    first = await take(scheduler)
    assert scheduler.running("medium") == [first]
    scheduler.put_back(first)
    assert scheduler.running("medium") == []
    assert (await take(scheduler)) is first


async def test_what_a_person_asked_for_comes_first_once_and_stays_first_when_put_back() -> None:
    scheduler = build(Stored())
    scheduler.offer(job(1, "critical"))
    scheduler.offer(job(2, "low"))
    assert scheduler.ask(job(2, "low"))
    assert not scheduler.ask(job(2, "low"))
    got = await take(scheduler)
    assert (got.alert_id, got.asked_for) == (2, True)
    assert not scheduler.ask(job(2, "low"))  # at work already
    scheduler.put_back(got)
    assert (await take(scheduler)) is got
    scheduler.done(got)
    assert (await take(scheduler)).alert_id == 1
    assert scheduler.queued("low") == 0  # it did not stay in its lane too


async def test_a_critical_only_worker_sees_nothing_below() -> None:
    scheduler = build(Stored())
    scheduler.offer(job(1, "high"))
    waiting = asyncio.create_task(take(scheduler, critical_only=True))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    scheduler.offer(job(2, "critical"))
    assert (await waiting).alert_id == 2
    assert (await take(scheduler)).alert_id == 1


async def test_a_cancelled_waiter_hands_its_call_on() -> None:
    scheduler = build(Stored())
    first, second = (asyncio.create_task(take(scheduler)) for _ in range(2))
    await asyncio.sleep(0)
    scheduler.offer(job(1))  # calls the first …
    first.cancel()  # … which will not come
    assert (await second).alert_id == 1
    assert first.cancelled()


async def test_a_refill_that_fails_is_tried_again() -> None:
    stored = Stored()
    stored.broken = 3
    stored.jobs["low"] = [job(1, "low")]
    scheduler = build(stored)
    scheduler.resume("low", 1)
    assert (await take(scheduler)).alert_id == 1
    assert stored.reads == 4


@pytest.mark.usefixtures("small")
async def test_a_count_that_was_too_high_corrects_itself() -> None:
    scheduler = build(Stored())
    scheduler.resume("high", 7)  # all of them got their verdict some other way
    scheduler.offer(job(100, "low"))
    assert (await take(scheduler)).alert_id == 100
    assert scheduler.queued("high") == 0


FEW = ("critical", "low")
"""Two lanes are enough for overtaking, and few enough to overflow."""
Step = st.one_of(
    st.tuples(st.sampled_from(["offer", "commit"]), st.sampled_from(FEW)),
    st.tuples(
        st.sampled_from(["take", "take_critical", "done", "put_back", "ask", "gate", "breathe"]), st.just("")
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(Step, max_size=80), st.lists(st.sampled_from(FEW), max_size=12))
def test_no_job_is_lost_doubled_or_overtaken(steps: list[tuple[str, str]], left_over: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CAPACITY", 2)
        patch.setattr(module, "REFILL_AT", 1)
        patch.setattr(module, "REFILL_BY", 3)
        asyncio.run(_play(steps, left_over))


async def _play(steps: list[tuple[str, str]], left_over: list[str]) -> None:
    game = _Game(left_over)
    for what, lane in steps:
        await game.step(what, lane)
    await game.finish()
    assert sorted(game.finished) == list(range(1, game.newest + 1)), "each exactly once"


class _Game:
    """Plays steps against a scheduler and checks each job that it gives out."""

    def __init__(self, left_over: list[str]) -> None:
        self.stored = Stored()
        self.scheduler = build(self.stored)
        self.newest = 0
        self.out: list[Job] = []
        self.committed: list[Job] = []
        self.finished: list[int] = []
        self.asked: set[int] = set()
        for lane in left_over:
            self._store(lane)
        for lane in LANES:
            if self.stored.jobs[lane]:
                self.scheduler.resume(lane, len(self.stored.jobs[lane]))

    def _store(self, lane: str) -> Job:
        self.newest += 1
        new = job(self.newest, lane)
        self.stored.jobs[lane].append(new)
        return new

    def _waiting(self) -> list[Job]:
        busy = {one.alert_id for one in (*self.out, *self.committed)}
        return [one for lane in LANES for one in self.stored.jobs[lane] if one.alert_id not in busy]

    async def step(self, what: str, lane: str) -> None:
        match what:
            case "commit":
                self.committed.append(self._store(lane))
            case "offer":
                self.committed.append(self._store(lane))
                self._offer()
            case "take" | "take_critical":
                await self._take(what == "take_critical")
            case "done" if self.out:
                self._done(self.out.pop(0))
            case "put_back" if self.out:
                self.scheduler.put_back(self.out.pop())
            case "ask":
                waiting = self._waiting()
                if waiting and self.scheduler.ask(job(waiting[-1].alert_id, waiting[-1].lane)):
                    self.asked.add(waiting[-1].alert_id)
            case "gate":
                (self.stored.gate.clear if self.stored.gate.is_set() else self.stored.gate.set)()
            case "breathe":
                await asyncio.sleep(0)

    def _offer(self) -> None:
        """What was committed is offered in its order, a little later."""
        for one in self.committed:
            self.scheduler.offer(job(one.alert_id, one.lane))
        self.committed.clear()

    async def _take(self, critical_only: bool) -> None:
        task = asyncio.create_task(self.scheduler.take(critical_only=critical_only))
        for _ in range(4):
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        got = task.result()
        assert got.alert_id not in [one.alert_id for one in self.out], "never twice at once"
        assert got.alert_id not in self.finished, "never again"
        if not got.asked_for:
            urgent = [one for one in self._waiting() if one.lane == "critical"]
            assert got.lane == "critical" or not urgent, "no lower lane overtakes"
            assert not critical_only or got.lane == "critical"
        self.out.append(got)

    def _done(self, one: Job) -> None:
        self.finished.append(one.alert_id)
        self.stored.done(one)
        self.scheduler.done(one)

    async def finish(self) -> None:
        self.stored.gate.set()
        self._offer()
        for one in self.out:
            self._done(one)
        while not self.scheduler.idle:
            taking = asyncio.create_task(take(self.scheduler))
            while not taking.done() and not self.scheduler.idle:
                await asyncio.sleep(0)
            if taking.done():
                self._done(taking.result())
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        assert not self._waiting()
        await self.scheduler.close()
