"""What is made up for after an outage: in which order, when not, how often, and what is given up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from backend.alerts.text import SafeText
from backend.analysis.model import Analysis, Attempt, Verdict
from backend.pipeline.board import Board
from backend.pipeline.catch_up import AT_ONCE, DOWN_S, MOST, MOST_TRIES, REFUSED_S, SLACK, CatchUp
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.second_look import Ending
from backend.simulation.loop import run_virtual
from tests.unit.pipeline.builders import job, row
from tests.unit.pipeline.test_bring_forward import nothing_more
from tests.unit.pipeline.test_speculation import HandClock

HOUR_S = 3600.0
STAND_IN = Analysis(
    Verdict("Suspicious", 0.5, SafeText("so")),
    SafeText("n"),
    "playbook",
    "playbook",
    "built-in",
    attempts=(Attempt("openai:m", "network: refused"),),
    degraded=True,
)


class Desk:
    """Rows that the playbook judged, and models that answer as the test says."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.board = Board()
        self.scheduler = Scheduler(nothing_more, now_ms=self.clock.wall_ms)
        self.asked: list[int] = []
        self.cancelled: list[int] = []
        self.ending: dict[int, Ending] = {}
        self.ready = {"critical", "high", "medium", "low"}
        self.down: set[str] = set()
        self.ahead: set[int] = set()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.late = CatchUp(
            board=self.board,
            scheduler=self.scheduler,
            look=self._look,
            has_time=lambda lane, probe: lane in self.ready or (probe and lane in self.down),
            taken=self.ahead.__contains__,
            clock=self.clock,
            max_age_s=HOUR_S,
            enabled=True,
        )

    def judged(self, alert_id: int, lane: str = "high", **fields: object) -> None:
        """The playbook's verdict on an alert is on disk."""
        now = self.clock.wall_ms()
        known: dict[str, object] = {"state": "triaged", "verdict_ms": 5, "owed": True, "received_ms": now}
        self.board.put(row(alert_id, lane=lane, **(known | fields)))
        self.late.answered(alert_id, STAND_IN)

    async def tick(self, after_s: float = 0.0) -> None:
        self.clock.now += after_s
        self.late._tick()
        for _ in range(20):
            await asyncio.sleep(0)

    def owed(self, alert_id: int) -> bool:
        found = self.board.get(alert_id)
        return found is not None and found.owed

    async def _look(self, one: Job) -> Ending:
        self.asked.append(one.alert_id)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.append(one.alert_id)
            raise
        return self.ending.get(one.alert_id, "answered")


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    one = Desk()
    yield one
    await one.late.close()


async def test_lane_by_lane_what_was_due_first_first_and_two_at_once() -> None:
    async with desk() as at:
        at.go_on.clear()
        for alert_id, lane, due in (
            (1, "low", 0),
            (2, "high", 90),
            (3, "critical", 50),
            (4, "high", 20),
            (5, "critical", 10),
        ):
            at.judged(alert_id, lane, deadline_ms=due)
        await at.tick()
        assert at.asked == [5, 3]
        assert (at.late.view().owed, at.late.view().running) == (5, AT_ONCE)
        at.go_on.set()
        await at.tick()
        assert at.asked == [5, 3, 4, 2, 1]
        assert (at.late.view().owed, at.late.view().done) == (0, 5)
        assert at.late.trouble() == ""


async def test_it_waits_while_an_alert_of_its_lane_or_above_waits_not_for_one_below() -> None:
    async with desk() as at:
        at.judged(1, "critical")
        at.judged(2, "high")
        at.judged(3, "low")
        fresh = job(9, "high")
        at.scheduler.offer(fresh)
        await at.tick()
        assert at.asked == [1]
        assert await at.scheduler.take() is fresh
        await at.tick()
        assert at.asked == [1, 2, 3]


async def test_no_model_has_time_then_one_is_asked_whether_it_is_back() -> None:
    async with desk() as at:
        at.ready.clear()
        at.judged(1)
        at.judged(2)
        await at.tick()
        assert at.asked == []
        at.down = {"high"}
        at.go_on.clear()
        await at.tick()
        await at.tick()
        assert at.asked == [1], "one probe, whatever else is owed"


async def test_where_models_fail_it_stays_owed_and_the_most_urgent_is_the_next_probe() -> None:
    async with desk() as at:
        at.ready.clear()
        at.down = {"critical", "high"}
        at.judged(1, "critical")
        at.judged(2, "high")
        at.ending = {1: "down", 2: "down"}
        await at.tick()
        pause = 4.0  # the breaker's shortest, from which on it doubles
        for _ in range(4):
            at.down = set()
            await at.tick(pause)
            at.down = {"critical", "high"}
            at.asked.clear()
            await at.tick()
            assert at.asked[0] == 1
            pause *= 2
        assert at.owed(1)
        assert at.owed(2)
        assert at.late.view().given_up == 0


async def test_an_alert_that_models_fail_on_does_not_keep_the_others_waiting() -> None:
    async with desk() as at:
        at.judged(1, "critical")
        at.judged(2, "high")
        at.ending = {1: "down"}
        await at.tick()
        assert at.asked[:2] == [1, 2]
        assert not at.owed(2) or at.late.view().owed == 1


async def test_a_model_that_is_back_is_asked_by_urgency_again() -> None:
    async with desk() as at:
        at.judged(1, "critical")
        at.ending = {1: "down"}
        await at.tick()
        at.judged(2, "high")
        at.judged(3, "high")
        at.ending = {}
        await at.tick()
        assert at.asked in ([1, 2, 1, 3], [1, 2, 3, 1])


async def test_money_that_is_short_and_answers_of_no_use_are_waited_on_and_the_latter_given_up() -> None:
    async with desk() as at:
        at.judged(1)
        at.judged(2)
        at.ending = {1: "refused", 2: "unusable"}
        await at.tick()
        await at.tick(REFUSED_S / 2)
        assert at.asked == [1, 2]
        for _ in range(MOST_TRIES + 2):
            await at.tick(REFUSED_S + 1)
        assert at.asked.count(2) == MOST_TRIES
        assert at.asked.count(1) == MOST_TRIES + 3
        assert at.owed(1)
        assert not at.owed(2)
        assert at.late.view().given_up == 1


async def test_closed_ones_are_left_out_until_that_is_undone_and_those_at_work_elsewhere_too() -> None:
    async with desk() as at:
        at.judged(1, state="closed")
        at.judged(2, state="queued")
        at.judged(3)
        at.ahead.add(3)
        at.judged(4)
        at.scheduler.ask(job(4, "high"))
        taken = await at.scheduler.take()
        await at.tick()
        assert at.asked == []
        assert at.late.view().owed == 3, "closed ones are not counted"
        at.board.update(1, state="triaged")
        at.scheduler.done(taken)
        await at.tick()
        assert at.asked == [1, 4]


async def test_what_is_too_old_or_beyond_the_most_is_given_up_and_promises_nothing() -> None:
    async with desk() as at:
        at.ready.clear()
        at.judged(1)
        await at.tick(HOUR_S + 1)
        assert not at.owed(1)
        for number in range(2, 2 + MOST + SLACK):
            at.judged(number, "medium")
        at.judged(5_000, "critical")
        assert at.late.view().owed == MOST
        assert at.owed(5_000)
        assert not at.owed(1 + MOST + SLACK), "the least urgent goes"
        assert at.late.view().given_up == 2 + SLACK


async def test_one_that_stands_in_the_way_is_ended_and_comes_back_but_not_what_a_person_asked_for() -> None:
    async with desk() as at:
        at.go_on.clear()
        at.judged(1, "high")
        at.judged(2, "high")
        await at.tick()
        assert at.late.adopt(2)
        at.scheduler.admit = lambda _lane: False
        at.scheduler.offer(job(9, "critical"))
        await at.tick()
        assert at.cancelled == [1]
        assert not at.late.preempt(2)
        assert not at.late.preempt(77)
        assert at.owed(1)
        at.go_on.set()
        await at.scheduler.take()
        await at.tick()
        assert at.asked == [1, 2, 1]


async def test_after_a_start_the_board_says_what_is_owed() -> None:
    async with desk() as at:
        now = at.clock.wall_ms()
        at.board.put(row(1, lane="high", state="triaged", verdict_ms=5, owed=True, received_ms=now))
        at.board.put(row(2, lane="high", state="triaged", verdict_ms=5, received_ms=now))
        at.late.restore()
        await at.tick()
        assert at.asked == [1]


def test_it_runs_by_itself_and_sleeps_where_nothing_is_owed() -> None:
    async def main() -> list[int]:
        at = Desk()
        at.clock.sleep = _sleep(at)  # type: ignore[method-assign,assignment]  # moved by hand
        running = asyncio.create_task(at.late.run())
        await asyncio.sleep(5)
        slept = at.clock.now
        at.judged(1)
        await asyncio.sleep(5)
        at.ending = {2: "down"}
        at.judged(2)
        await asyncio.sleep(5)
        running.cancel()
        await at.late.close()
        assert slept == 1_000.0
        return at.asked

    asked = run_virtual(main)
    assert asked[:2] == [1, 2]
    assert asked.count(2) == 2, f"at once and {DOWN_S} s later"


def _sleep(at: Desk) -> Callable[[float], Coroutine[None, None, None]]:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        at.clock.now += seconds

    return sleep
