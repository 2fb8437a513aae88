"""Rate limits, retry budgets, and what a vendor's headers change, on a clock that stands still."""

import asyncio

import pytest

from backend.analysis.rates import (
    HOLD_MAX_S,
    REPAIR_FLOOR,
    RETRY_FLOOR,
    RETRY_SHARE,
    Bucket,
    Earned,
    Gate,
)
from backend.providers.base import Outcome, RateLimits, Usage, Window
from tests.unit.analysis.builders import COMPLETE, FakeClock, FakeModel, Rig, Script, answer

GOOD: Script = (list(answer()), COMPLETE)


def test_a_bucket_gives_what_it_holds_and_then_what_comes_back() -> None:
    bucket = Bucket(60)
    for _ in range(60):
        assert bucket.wait_s(0, 1) == 0.0
        bucket.draw(0, 1)
    assert bucket.wait_s(0, 1) == pytest.approx(1.0)
    assert bucket.wait_s(0.4, 1) == pytest.approx(0.6)
    assert bucket.wait_s(1.0, 1) == pytest.approx(0.0)
    assert bucket.wait_s(1e6, 60) == 0.0, "it never holds more than its size"
    bucket.draw(1e6, 60)
    assert bucket.wait_s(1e6, 60) == pytest.approx(60.0)


def test_those_who_wait_stand_in_line() -> None:
    bucket = Bucket(60)
    bucket.draw(0, 60)
    waits = []
    for _ in range(5):
        waits.append(bucket.wait_s(0, 1))
        bucket.draw(0, 1)
    assert waits == pytest.approx([1, 2, 3, 4, 5])


def test_what_is_larger_than_the_bucket_takes_all_of_it() -> None:
    bucket = Bucket(100)
    assert bucket.wait_s(0, 5_000) == 0.0
    bucket.draw(0, 5_000)
    assert bucket.wait_s(0, 5_000) == pytest.approx(60.0)


def test_time_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = Bucket(60)
    bucket.draw(100, 60)
    assert bucket.wait_s(50, 1) == pytest.approx(1.0)


def test_a_share_is_kept_for_what_is_urgent() -> None:
    gate = Gate(requests_per_minute=10)
    for _ in range(9):
        assert gate.wait_s(0, 1, urgent=False) == 0.0
        gate.draw(0, 1)
    assert gate.wait_s(0, 1, urgent=False) > 0
    assert gate.wait_s(0, 1, urgent=True) == 0.0


def test_tokens_that_were_not_used_come_back() -> None:
    gate = Gate(tokens_per_minute=1_000)
    gate.draw(0, 1_000)
    assert gate.wait_s(0, 500, urgent=True) == pytest.approx(30.0)
    gate.settle(0, drawn=1_000, used=400, limits=None)
    assert gate.wait_s(0, 500, urgent=True) == 0.0
    gate.draw(0, 600)
    gate.undo(0, 600)
    assert gate.wait_s(0, 600, urgent=True) == 0.0


def test_what_the_vendor_says_is_left_stands() -> None:
    gate = Gate()
    assert gate.wait_s(0, 10**6, urgent=False) == 0.0
    gate.settle(0, drawn=0, used=0, limits=RateLimits(Window(50, 0, 12.0), Window(1_000, 900, 6.0)))
    assert gate.wait_s(0, 1, urgent=True) == pytest.approx(12.0 / 50), "fifty come back in twelve seconds"
    assert gate.wait_s(20, 1, urgent=True) == 0.0
    gate.settle(20, drawn=0, used=0, limits=RateLimits(tokens=Window(1_000, 10, 60.0)))
    assert gate.wait_s(20, 505, urgent=True) == pytest.approx(30.0)


@pytest.mark.parametrize("window", [Window(0, 0, 0.0), Window(0, 0, 50.0)])
def test_headers_without_a_limit_say_nothing(window: Window) -> None:
    gate = Gate()
    gate.settle(0, drawn=0, used=0, limits=RateLimits(window, window))
    assert gate.wait_s(0, 100, urgent=False) == 0.0


def test_a_gateway_that_always_says_nothing_is_left_does_not_stop_everything() -> None:
    gate = Gate()
    gate.settle(0, drawn=0, used=0, limits=RateLimits(Window(60, 0, 0.0)))
    assert 0 < gate.wait_s(0, 1, urgent=True) <= 1.0


def test_a_hold_ends() -> None:
    gate = Gate()
    gate.hold(0, 3.0)
    assert gate.wait_s(1, 1, urgent=True) == pytest.approx(2.0)
    gate.hold(0, 1e9)
    assert gate.wait_s(0, 1, urgent=True) == HOLD_MAX_S


def test_extra_calls_are_earned() -> None:
    earned = Earned(0.1, 3)
    assert [earned.spend() for _ in range(4)] == [True, True, True, False]
    for _ in range(10):
        earned.earn()
    assert (earned.spend(), earned.spend()) == (True, False)
    for _ in range(1_000):
        earned.earn()
    assert sum(earned.spend() for _ in range(100)) == 3, "saved up to the floor, no further"
    assert Gate().repairs.left
    assert REPAIR_FLOOR > RETRY_FLOOR


# --- in a ladder -----------------------------------------------------------------------------------------


async def test_requests_a_minute_are_kept_to_and_waited_for() -> None:
    model = FakeModel(GOOD)
    rig = Rig(model, FakeModel(GOOD, name="second"))
    object.__setattr__(rig.rungs[0], "gate", Gate(requests_per_minute=6))
    started = rig.clock.now
    models = [(await rig.run(lane="critical", left_s=50.0)).model for _ in range(8)]
    assert models == ["m"] * 8
    assert rig.clock.now - started == pytest.approx(20.0), "six at once, then one each ten seconds"


async def test_a_wait_that_does_not_fit_the_lane_is_not_begun() -> None:
    model = FakeModel((list(answer()), COMPLETE, Usage(4_000, 200, 800)))
    rig = Rig(model, FakeModel(GOOD, name="second"))
    object.__setattr__(rig.rungs[0], "gate", Gate(tokens_per_minute=5_000))
    first = await rig.run(left_s=20.0)
    analyses = [await rig.run(left_s=20.0) for _ in range(3)]
    assert first.model == "m"
    assert analyses[-1].model == "second"
    assert "rate limit: the next call is free in" in analyses[-1].attempts[0].error
    assert rig.clock.now == 1_000.0
    assert rig.rungs[0].breaker.state == "ready", "our own limit says nothing about the model"


async def test_retries_have_a_budget() -> None:
    slow = Outcome("error", "slow down", "rate_limited", retryable=True, retry_after_s=0.5, status=429)
    model = FakeModel(([], slow))
    rig = Rig(model)
    calls = 0
    for _ in range(60):
        await rig.run(left_s=60.0)
        calls += 1
        rig.clock.pass_s(150.0)  # longer than any cool-off, jitter and all
    assert calls * (1 + RETRY_SHARE) - 2 <= len(model.requests) <= calls * (1 + RETRY_SHARE) + RETRY_FLOOR


async def test_a_rate_limit_holds_everybody_back() -> None:
    slow = Outcome("error", "slow down", "rate_limited", retryable=True, retry_after_s=2.0, status=429)
    model = FakeModel(([], slow), GOOD)
    rig = Rig(model, slots=10)
    seen: list[float] = []
    stream = model.stream

    def watched(request: object) -> object:
        seen.append(rig.clock.now)
        return stream(request)  # type: ignore[arg-type]  # passed through

    model.stream = watched  # type: ignore[method-assign,assignment]  # a spy
    first = asyncio.create_task(rig.run(left_s=60.0))
    while not seen:
        await asyncio.sleep(0)
    await asyncio.gather(first, *(rig.run(left_s=60.0) for _ in range(4)))
    assert seen[0] == 1_000.0
    assert all(at >= 1_002.0 for at in seen[1:])


class HeldClock(FakeClock):
    """Sleeping lasts for ever."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_a_call_cancelled_while_it_waits_gives_its_place_back() -> None:
    model = FakeModel(GOOD)
    rig = Rig(model, slots=1, clock=HeldClock())
    gate = Gate(requests_per_minute=60)
    object.__setattr__(rig.rungs[0], "gate", gate)
    for _ in range(60):
        gate.draw(rig.clock.now, 1)
    task = asyncio.create_task(rig.run(lane="critical", left_s=60.0))
    for _ in range(10):
        await asyncio.sleep(0)
    assert gate.wait_s(rig.clock.now, 1, urgent=True) == pytest.approx(2.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.wait_s(rig.clock.now, 1, urgent=True) == pytest.approx(1.0)
    assert model.requests == []
