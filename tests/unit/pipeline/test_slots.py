import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.pipeline.slots import ON_ALERT, LaneSlots, ModelSlots, door_of, late_door


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_of_several_slots_is_only_for_critical() -> None:
    slots = ModelSlots(3)
    low, critical = slots.lane("low"), slots.lane("critical")
    await low.acquire()
    await low.acquire()
    third = asyncio.create_task(low.acquire())
    await settle()
    assert not third.done()
    assert slots.busy == 2
    await critical.acquire()
    assert slots.busy == 3
    critical.release()
    await settle()
    assert not third.done()
    low.release()
    await third
    assert slots.busy == 2


async def test_a_single_slot_is_for_all() -> None:
    slots = ModelSlots(1)
    await slots.lane("raw").acquire()
    assert slots.busy == 1


async def test_the_most_urgent_lane_is_served_first_and_each_lane_in_turn() -> None:
    slots = ModelSlots(1)
    holder = slots.lane("low")
    await holder.acquire()
    order: list[str] = []

    async def want(name: str, lane: LaneSlots) -> None:
        await lane.acquire()
        order.append(name)
        lane.release()

    tasks = []
    for name in ("low-1", "high-1", "critical-1", "high-2", "low-2"):
        tasks.append(asyncio.create_task(want(name, slots.lane(name.split("-")[0]))))
        await settle()
    holder.release()
    await asyncio.gather(*tasks)
    assert order == ["critical-1", "high-1", "high-2", "low-1", "low-2"]
    assert slots.busy == 0


async def test_a_waiter_that_is_cancelled_as_it_is_served_gives_its_slot_back() -> None:
    slots = ModelSlots(1)
    lane = slots.lane("high")
    await lane.acquire()
    first, second = (asyncio.create_task(lane.acquire()) for _ in range(2))
    await settle()
    lane.release()  # given to the first …
    first.cancel()  # … before it could run
    await asyncio.wait_for(second, 20)
    assert slots.busy == 1
    lane.release()
    assert slots.busy == 0


Steps = st.lists(
    st.tuples(
        st.sampled_from(["want", "cancel", "release", "run"]), st.sampled_from(["critical", "high", "low"])
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3), Steps)
def test_slots_never_leak_and_are_never_overbooked(size: int, steps: list[tuple[str, str]]) -> None:
    asyncio.run(_play(size, steps))


async def _play(size: int, steps: list[tuple[str, str]]) -> None:
    slots = ModelSlots(size)
    waiting: list[asyncio.Task[bool]] = []
    held = 0
    for what, lane in steps:
        if what == "want":
            waiting.append(asyncio.create_task(slots.lane(lane).acquire()))
        elif what == "cancel" and waiting:
            waiting.pop().cancel()
        elif what == "release" and held:
            slots.lane(lane).release()
            held -= 1
        else:
            await settle()
        held += sum(task.done() and not task.cancelled() for task in waiting)
        waiting = [task for task in waiting if not task.done()]
        assert slots.busy <= size
    for task in waiting:
        task.cancel()
    served = await asyncio.gather(*waiting, return_exceptions=True)
    held += sum(one is True for one in served)
    await settle()
    assert slots.busy == held


async def test_work_nobody_asked_for_comes_after_every_lane_and_never_takes_the_last_slot() -> None:
    slots = ModelSlots(2)
    assert slots.has_spare
    spare = slots.spare()
    await spare.acquire()
    assert (slots.busy, slots.spare_busy) == (1, 1)
    assert not slots.has_spare
    second = asyncio.create_task(slots.spare().acquire())
    await settle()
    assert not second.done()
    raw = asyncio.create_task(slots.lane("raw").acquire())
    await settle()
    spare.release()
    await settle()
    assert raw.done()
    assert not second.done()
    second.cancel()
    slots.lane("raw").release()
    await settle()
    assert (slots.busy, slots.spare_busy) == (0, 0)


async def test_a_lane_that_has_to_wait_tells_whoever_holds_a_slot_unasked() -> None:
    slots = ModelSlots(1)
    told: list[str] = []

    def give_way() -> bool:
        told.append("give way")
        return True

    slots.give_way = give_way
    spare = slots.spare()
    await spare.acquire()
    critical = asyncio.create_task(slots.lane("critical").acquire())
    await settle()
    assert told == ["give way"]
    spare.release()
    await settle()
    assert critical.done()
    waits = asyncio.create_task(slots.lane("high").acquire())
    await settle()
    assert told == ["give way"]  # critical holds it now, and that never gives way
    waits.cancel()


async def test_a_lane_whose_time_is_minutes_waits_the_seconds_that_unasked_work_takes() -> None:
    slots = ModelSlots(1)
    told: list[str] = []

    def give_way() -> bool:
        told.append("give way")
        return True

    slots.give_way = give_way
    spare = slots.spare()
    await spare.acquire()
    assert (slots.full("medium"), slots.full("high")) == (True, False)
    waits = asyncio.create_task(slots.lane("medium").acquire())
    await settle()
    assert told == []
    spare.release()
    await settle()
    assert waits.done()


class Late:
    """Calls that make up for a stand-in, each in a task of its own that can be ended."""

    def __init__(self, slots: ModelSlots) -> None:
        self.slots = slots
        self.tasks: dict[int, asyncio.Task[None]] = {}
        slots.preempt = self._preempt

    async def begin(self, alert_id: int, lane: str) -> None:
        self.tasks[alert_id] = asyncio.create_task(self._call(alert_id, lane))
        await settle()

    @property
    def ended(self) -> list[int]:
        return [one for one, task in self.tasks.items() if task.cancelled()]

    async def _call(self, alert_id: int, lane: str) -> None:
        ON_ALERT.set(alert_id)
        door = door_of(self.slots, late_door(lane))
        await door.acquire()
        try:
            await asyncio.sleep(3600)
        finally:
            door.release()

    def _preempt(self, alert_id: int) -> bool:
        return self.tasks[alert_id].cancel()

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert self.slots.busy == 0


async def test_what_is_made_up_for_is_ended_for_its_lane_and_those_above_never_for_those_below() -> None:
    slots = ModelSlots(3)
    late = Late(slots)
    await late.begin(1, "high")
    await late.begin(2, "critical")
    await late.begin(3, "high")
    assert slots.busy == 2, "never the slot kept for critical"
    low = asyncio.create_task(slots.lane("medium").acquire())
    await settle()
    assert late.ended == []
    high = asyncio.create_task(slots.lane("high").acquire())
    await settle()
    assert late.ended == [1], "of high's own, not critical's; and it has the slot before the one that waits"
    assert high.done()
    assert not low.done()
    first, second = (asyncio.create_task(slots.lane("critical").acquire()) for _ in range(2))
    await settle()
    assert first.done()
    assert second.done()
    assert late.ended == [1, 2]
    low.cancel()
    for lane in ("high", "critical", "critical"):
        slots.lane(lane).release()
    await settle()
    await late.close()
