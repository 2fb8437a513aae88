"""Why an alert is where it is: told from the scheduler's own state, in the order in which it hands out."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from backend.alerts.text import SafeText
from backend.clock import SystemClock
from backend.order_views import AheadView, LimitView, OrderView, RoomView, TogetherView
from backend.pipeline.batches import Batches, BatchLimits
from backend.pipeline.board import Board
from backend.pipeline.expected import expected_s
from backend.pipeline.job import Job
from backend.pipeline.order import Order
from backend.pipeline.scheduler import PRESSING_MS, Scheduler
from tests.unit.pipeline.builders import job, row

NOW_MS = 1_000_000
ROOM = RoomView("best", "ready", "", 4, 0, 1, (), 0, (), 0.0, 2.0)


class Clock(SystemClock):
    def wall_ms(self) -> int:
        return NOW_MS


class Hall:
    """A scheduler with a board of what it was offered."""

    def __init__(self, room: RoomView | None = ROOM) -> None:
        self.clock = Clock()
        self.scheduler = Scheduler(self._nothing, now_ms=self.clock.wall_ms)
        self.board = Board()
        self.batches = Batches(self.scheduler, self.clock, {"medium": BatchLimits(4, 60.0)})
        rooms = (room,) if room is not None else ()
        self.order = Order(self.board, self.scheduler, self.batches, lambda _lane: rooms, self.clock)

    @staticmethod
    async def _nothing(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
        return []

    def offer(self, alert_id: int, lane: str, due_s: float) -> Job:
        made = job(alert_id, lane, NOW_MS + int(due_s * 1000) if due_s else 0)
        made.head = msgspec.structs.replace(made.head, rule_name=SafeText("ET SCAN ssh"))
        self.board.put(row(alert_id, lane=lane, deadline_ms=made.deadline_ms))
        self.scheduler.offer(made)
        return made

    async def view(self, alert_id: int) -> OrderView:
        return await self.order.view(alert_id)


def crowd(hall: Hall) -> dict[int, Job]:
    """Alerts of every lane, some of them pressing."""
    soon = PRESSING_MS / 1000
    coming = [
        ("low", 0.0),
        ("high", 200.0),
        ("medium", 800.0),
        ("critical", 50.0),
        ("high", 100.0),
        ("medium", soon - 10),
        ("critical", 40.0),
        ("low", 0.0),
        ("high", soon - 20),
        ("medium", 700.0),
    ]
    return {number: hall.offer(number, *one) for number, one in enumerate(coming, start=1)}


async def test_so_many_stand_before_it_as_are_handed_out_before_it() -> None:
    hall = Hall()
    jobs = crowd(hall)
    hall.scheduler.ask(jobs[10])
    views = {number: await hall.view(number) for number in jobs}
    handed = [(await hall.scheduler.take()).alert_id for _ in jobs]
    assert handed == [10, 7, 4, 9, 6, 5, 2, 3, 1, 8]
    for place, number in enumerate(handed):
        assert views[number].in_front == place, f"{number}: {views[number].ahead}"
    assert {number: view.standing for number, view in views.items()} == dict.fromkeys(
        range(1, 10), "waits"
    ) | {10: "asked"}
    assert [(await hall.view(number)).standing for number in jobs] == ["works"] * 10
    for one in jobs.values():
        hall.scheduler.done(one)
    assert (await hall.view(1)).standing == "stored"  # its row says that it is still owed
    hall.board.update(1, state="triaged", verdict="Benign", verdict_ms=NOW_MS)
    assert (await hall.view(1)).standing == "none"


async def test_each_group_in_front_has_its_reason() -> None:
    hall = Hall()
    jobs = crowd(hall)
    hall.scheduler.bring_forward([jobs[8]], lambda _job: None)
    hall.scheduler.ask(jobs[10])
    seen = {
        number: [(one.why, one.lane, one.count) for one in (await hall.view(number)).ahead]
        for number in (2, 3, 6, 7, 1)
    }
    asked = ("asked", "medium", 1)
    assert seen[7] == [asked]
    assert seen[2] == [asked, ("lane", "critical", 2), ("pressing", "medium", 1), ("sooner", "high", 2)]
    assert seen[6] == [
        asked,
        ("lane", "critical", 2),
        ("sooner", "high", 1),
    ]  # not behind all of high
    assert seen[3] == [
        asked,
        ("lane", "critical", 2),
        ("lane", "high", 3),
        ("forward", "low", 1),
        ("sooner", "medium", 1),
    ]
    assert seen[1] == [
        asked,
        ("lane", "critical", 2),
        ("lane", "high", 3),
        ("lane", "medium", 2),
        ("forward", "low", 1),
    ]
    second = (await hall.view(4)).ahead[1]
    assert (second.title, second.deadline_ms) == (jobs[7].head.title, jobs[7].deadline_ms)


async def test_place_and_count_are_those_of_its_lane() -> None:
    hall = Hall()
    jobs = crowd(hall)
    view = await hall.view(2)
    assert (view.place, view.of, view.lane, view.deadline_ms) == (3, 3, "high", jobs[2].deadline_ms)
    assert (view.preempted, view.tries, view.admitted) == (0, 0, True)
    hall.scheduler.admit = lambda lane: lane == "medium"
    assert not (await hall.view(2)).admitted
    assert (await hall.view(3)).admitted
    assert (await hall.view(4)).admitted, "critical is never kept back"
    jobs[2].preempted, jobs[2].tries = 2, 1
    view = await hall.view(2)
    assert (view.preempted, view.tries) == (2, 1)


async def test_what_forms_a_batch_says_with_how_many() -> None:
    hall = Hall()
    for number in (1, 2):
        hall.offer(number, "medium", 800.0)
        assert hall.batches.hold(await hall.scheduler.take())
    view = await hall.view(2)
    assert view.standing == "forming"
    assert view.together is not None
    assert (view.together.alerts, view.together.size) == (2, 4)
    assert 0 < view.together.left_s <= 60
    for number in (3, 4):
        hall.offer(number, "medium", 800.0)
        assert hall.batches.hold(await hall.scheduler.take())
    view = await hall.view(2)
    assert (view.standing, view.together) == ("formed", TogetherView(4, 4, 0.0))
    await hall.batches.close()


async def test_what_is_in_the_journal_alone_and_what_is_unknown_say_so() -> None:
    hall = Hall()
    hall.board.put(row(7, lane="low"))
    hall.scheduler.resume("low", 3)
    view = await hall.view(7)
    assert (view.standing, view.place, view.of) == ("stored", 0, 3)
    assert "not on the board" in (await hall.view(99)).note


VIEW = OrderView(1, "waits", "high", rooms=(ROOM,))


def expected(view: OrderView, size: int = 1) -> float | None:
    return expected_s(view, lambda _lane: view.rooms, lambda _lane: size).starts_in_s


def with_room(**changes: object) -> OrderView:
    return msgspec.structs.replace(VIEW, rooms=(msgspec.structs.replace(ROOM, **changes),))


def ahead(count: int, view: OrderView = VIEW) -> OrderView:
    return msgspec.structs.replace(view, ahead=(AheadView("critical", count, "lane"),))


@pytest.mark.parametrize(
    ("view", "seconds"),
    [
        (VIEW, 0.0),
        (ahead(2), 0.0),  # three slots for high: two for those in front, one for it
        (ahead(3), 2 / 3),  # the first of three answers of 2 s that ends
        (ahead(12), 10 * 2 / 3),
        (with_room(busy=3), 2 / 3),
        (with_room(busy=3, waiting=3), 4 * 2 / 3),
        (msgspec.structs.replace(with_room(busy=3, held=(("high", 3),)), lane="critical"), 0.0),
        (msgspec.structs.replace(with_room(busy=4, held=(("high", 4),)), lane="critical"), 0.0),  # gives way
        (msgspec.structs.replace(with_room(busy=4, held=(("critical", 4),)), lane="critical"), 0.5),
        (with_room(busy=3, answer_s=None), None),
        (with_room(pause_s=7.0), 7.0),
        (ahead(9, with_room(slots=99, limits=(LimitView("requests", "vendor", 4, 60, 1.0),))), 6.0),
        (with_room(state="cooling"), 0.0),  # the built-in analyst answers
        (msgspec.structs.replace(VIEW, together=TogetherView(2, 8, 1.5), standing="forming"), 1.5),
        (msgspec.structs.replace(VIEW, standing="works"), None),
    ],
)
def test_when_its_turn_comes(view: OrderView, seconds: float | None) -> None:
    assert expected(view) == pytest.approx(seconds)


def test_alerts_that_share_a_request_take_one_slot() -> None:
    assert expected(ahead(24), size=8) == pytest.approx(2 / 3)


async def test_looking_changes_nothing() -> None:
    hall = Hall()
    jobs = crowd(hall)
    for number in jobs:
        await hall.view(number)
    assert [(await hall.scheduler.take()).alert_id for _ in jobs] == [7, 4, 9, 6, 5, 2, 10, 3, 1, 8]
    await asyncio.sleep(0)
