import random

import pytest

from backend.analysis.breaker import COOL_OFF_MAX_S, FAILED_COOL_OFF_S, SLOW, Breaker, Permit
from tests.unit.analysis.builders import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock, failures=3, cool_off_s=10, rng=random.Random(1))


def take(breaker: Breaker) -> Permit:
    permit = breaker.permit()
    assert permit is not None
    return permit


def test_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    for _ in range(2):
        take(breaker).failed("server")
    take(breaker).succeeded()
    for _ in range(2):
        take(breaker).failed("server")
    assert breaker.detail == ""
    take(breaker).failed("server: 500")
    assert breaker.state == "cooling"
    assert breaker.permit() is None
    assert "server: 500; next try in" in breaker.detail


def test_opens_after_several_slow_calls_in_a_row_only(breaker: Breaker) -> None:
    for _ in range(SLOW - 1):
        take(breaker).slow("silent")
    take(breaker).succeeded()
    for _ in range(SLOW - 1):
        take(breaker).slow("silent for 4 s")
    take(breaker).failed("server")
    assert breaker.detail == "", "a failure and slowness are counted apart"
    take(breaker).slow("silent for 4 s")
    assert breaker.state == "cooling"
    assert breaker.detail.startswith("silent for 4 s; next try in")


def test_a_slow_probe_opens_it_again(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).failed("overloaded", at_once=True)
    clock.pass_s(13)
    take(breaker).slow("silent")
    clock.pass_s(13)
    assert breaker.permit() is None, "for longer"


def test_overload_opens_at_once(breaker: Breaker) -> None:
    take(breaker).failed("overloaded", at_once=True)
    assert breaker.permit() is None


def test_one_probe_at_a_time_then_closed(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).failed("overloaded", at_once=True)
    clock.pass_s(13)
    probe = take(breaker)
    assert probe.probe
    assert [breaker.permit() for _ in range(10)] == [None] * 10
    probe.succeeded()
    assert breaker.state == "ready"
    assert breaker.detail == ""
    assert all(not take(breaker).probe for _ in range(10))


def test_a_failed_probe_opens_it_for_longer_up_to_a_cap(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).failed("overloaded", at_once=True)
    pauses = []
    for _ in range(8):
        waited = 0
        while (probe := breaker.permit()) is None:
            clock.pass_s(1)
            waited += 1
        pauses.append(waited)
        probe.failed("still down")
    assert 8 <= pauses[0] <= 13
    assert pauses[1] > pauses[0]
    assert max(pauses) <= COOL_OFF_MAX_S * 1.2 + 1
    assert len(set(pauses[-3:])) > 1, "jitter"


def test_a_dropped_probe_lets_the_next_one_try(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).failed("overloaded", at_once=True)
    clock.pass_s(13)
    take(breaker).dropped()
    assert take(breaker).probe


def test_calls_in_flight_when_it_opens_count_once(breaker: Breaker, clock: FakeClock) -> None:
    flying = [take(breaker) for _ in range(200)]
    for permit in flying:
        permit.failed("network")
    clock.pass_s(13)
    probe = take(breaker)  # one cool-off only, not doubled two hundred times
    probe.succeeded()
    assert breaker.state == "ready"


def test_late_news_does_not_disturb_the_probe(breaker: Breaker, clock: FakeClock) -> None:
    slow_good, slow_bad = take(breaker), take(breaker)
    take(breaker).failed("overloaded", at_once=True)
    clock.pass_s(13)
    probe = take(breaker)
    slow_bad.failed("old", at_once=True)
    slow_good.succeeded()
    assert breaker.permit() is None
    probe.succeeded()
    assert breaker.state == "ready"


def test_a_named_pause_is_kept(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).failed("rate_limited", at_once=True, cool_off_s=60)
    clock.pass_s(59)
    assert breaker.permit() is None
    clock.pass_s(1)
    assert take(breaker).probe


def test_a_refused_key_is_left_alone_for_long_and_comes_back(breaker: Breaker, clock: FakeClock) -> None:
    take(breaker).refused("auth: bad key")
    assert breaker.state == "failed"
    assert "bad key" in breaker.detail
    clock.pass_s(FAILED_COOL_OFF_S - 1)
    assert breaker.permit() is None
    clock.pass_s(1)
    take(breaker).succeeded()
    assert breaker.detail == ""


def test_a_permit_counts_once(breaker: Breaker) -> None:
    permit = take(breaker)
    for _ in range(10):
        permit.failed("server")
    assert breaker.state == "ready"
