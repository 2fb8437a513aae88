import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis.budget import Budget
from backend.analysis.ledger import DAY_MS, MAX_MODELS, MINUTE_MS, Ledger, LedgerEntry
from backend.providers.base import Usage
from tests.unit.analysis.builders import FakeClock

MIDNIGHT = 1_767_225_600_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT + 12 * 60 * MINUTE_MS)


def spend(ledger: Ledger, usd: float, lane: str = "high", model: str = "a:b", saved: float = 0.0) -> None:
    entry = ledger.send(alert_id=1, lane=lane, model=model, estimate_usd=usd * 2)
    ledger.settle(entry, usage=Usage(100, 50, 10), usd=usd, saved_usd=saved, outcome="complete")


def test_the_estimate_counts_until_the_call_has_settled(clock: FakeClock) -> None:
    told: list[LedgerEntry] = []
    ledger = Ledger(clock, told.append)
    entry = ledger.send(alert_id=7, lane="high", model="a:b", estimate_usd=0.5)
    assert ledger.usd_this_hour == ledger.usd_today == 0.5
    ledger.settle(entry, usage=Usage(10, 5), usd=0.2, outcome="complete")
    assert ledger.usd_this_hour == ledger.usd_today == pytest.approx(0.2)
    assert [(one.id, one.settled, one.usd) for one in told] == [(entry.id, False, 0.5), (entry.id, True, 0.2)]
    ledger.settle(entry, usage=Usage(10, 5), usd=9.0)
    assert ledger.usd_today == pytest.approx(0.2)
    assert len(told) == 2


def test_totals_by_minute_hour_day_model_and_lane(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    spend(ledger, 1.0, "critical", "a:big", saved=0.25)
    clock.pass_s(50 * 60)
    spend(ledger, 2.0, "low", "a:small")
    clock.pass_s(20 * 60)
    spend(ledger, 4.0, "low", "a:small")
    view = ledger.view(hour_budget_usd=10, day_budget_usd=20, note="n")
    assert (view.usd_this_minute, view.usd_this_hour, view.usd_today) == pytest.approx((4.0, 6.0, 7.0))
    assert (view.saved_usd, view.budget_hour_usd, view.budget_day_usd, view.note) == (0.25, 10, 20, "n")
    assert [(m.model, m.calls, m.usd, m.cache_read_tokens) for m in view.by_model] == [
        ("a:small", 2, 6.0, 20),
        ("a:big", 1, 1.0, 10),
    ]
    assert len(view.trend) == 60
    assert (view.trend[-1], view.trend[-21], sum(view.trend)) == (4.0, 2.0, 6.0)
    assert ledger.by_lane() == {"critical": 1.0, "low": 6.0}


def test_a_new_day_begins_at_midnight_utc(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    spend(ledger, 3.0)
    flying = ledger.send(alert_id=1, lane="high", model="a:b", estimate_usd=1.0)
    clock.pass_s(12 * 3600)
    ledger.settle(flying, usage=Usage(), usd=0.5)
    assert ledger.usd_today == 0.0
    spend(ledger, 1.0)
    assert ledger.usd_today == 1.0


def test_a_clock_set_back_frees_no_money(clock: FakeClock) -> None:
    clock.wall = MIDNIGHT + DAY_MS + 10 * MINUTE_MS
    ledger = Ledger(clock)
    spend(ledger, 3.0)
    clock.wall -= 60 * MINUTE_MS
    assert (ledger.usd_this_hour, ledger.usd_today) == (3.0, 3.0)
    spend(ledger, 1.0)
    assert (ledger.usd_this_hour, ledger.usd_today) == (4.0, 4.0)


def test_what_earlier_processes_spent_is_restored(clock: FakeClock) -> None:
    told: list[LedgerEntry] = []
    before = Ledger(clock, told.append)
    spend(before, 1.0)
    before.send(alert_id=1, lane="high", model="a:b", estimate_usd=0.25)  # killed while it was out
    clock.pass_s(30 * 60)
    newest = {entry.id: entry for entry in told}
    quiet: list[LedgerEntry] = []
    after = Ledger(clock, quiet.append)
    after.restore(newest.values())
    assert (after.usd_this_hour, after.usd_today) == (1.25, 1.25)
    assert quiet == []


def test_memory_is_bounded(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    for number in range(3_000):
        spend(ledger, 0.001, model=f"a:{number}")
        clock.pass_s(20)
    assert len(ledger._minutes) <= 120
    assert len(ledger.view().by_model) <= MAX_MODELS + 1
    assert ledger.usd_today == pytest.approx(sum(m.usd for m in ledger.view().by_model))
    clock.wall -= DAY_MS
    for _ in range(500):
        spend(ledger, 0.001)
        clock.pass_s(60)
    assert len(ledger._minutes) <= 180


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10), st.integers(0, 400)), max_size=60))
def test_the_hour_is_what_was_settled_in_it(calls: list[tuple[float, float, int]]) -> None:
    clock = FakeClock()
    ledger = Ledger(clock)
    spent: list[tuple[int, float]] = []
    for estimate, usd, wait_s in calls:
        entry = ledger.send(alert_id=1, lane="low", model="a:b", estimate_usd=estimate)
        ledger.settle(entry, usage=Usage(), usd=usd)
        spent.append((clock.wall // MINUTE_MS, usd))
        clock.pass_s(wait_s)
    first = clock.wall // MINUTE_MS - 59
    assert ledger.usd_this_hour == pytest.approx(
        sum(usd for minute, usd in spent if minute >= first), abs=1e-6
    )


# --- budget ----------------------------------------------------------------------------------------------


def test_without_limits_everything_is_allowed(clock: FakeClock) -> None:
    budget = Budget(Ledger(clock))
    assert budget.allows("low", 1e9) == (True, "")
    assert budget.note() == ""


def test_the_reserve_is_for_critical_alone(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    budget = Budget(ledger, usd_per_hour=10, reserve_for_critical=0.3)
    spend(ledger, 6.5)
    assert budget.allows("high", 0.5)[0]
    allowed, why = budget.allows("high", 0.6)
    assert not allowed
    assert why == "the hour's budget is spent: $6.50 of $10.00, 30% of it kept for critical"
    assert budget.allows("critical", 3.5)[0]
    assert not budget.allows("critical", 3.6)[0]
    assert budget.allows("critical", 0.1)[0]
    spend(ledger, 0.5)
    assert "reserve" in budget.note()
    spend(ledger, 3.0, "critical")
    assert budget.note() == "hour's budget is spent: the playbook answers"
    assert budget.allows("low", 0.0)[0], "local models cost nothing"
    clock.pass_s(3600)
    assert budget.allows("high", 0.6)[0]


def test_the_day_counts_too(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    budget = Budget(ledger, usd_per_hour=10, usd_per_day=5, reserve_for_critical=0)
    spend(ledger, 4.9)
    clock.pass_s(2 * 3600)
    assert "day's budget" in budget.allows("critical", 0.2)[1]
    view = budget.view()
    assert (view.budget_hour_usd, view.budget_day_usd) == (10, 5)


def test_calls_that_are_out_together_cannot_overrun_it(clock: FakeClock) -> None:
    ledger = Ledger(clock)
    budget = Budget(ledger, usd_per_hour=1.0, reserve_for_critical=0)
    sent = 0
    while budget.allows("low", 0.3)[0]:
        ledger.send(alert_id=1, lane="low", model="a:b", estimate_usd=0.3)
        sent += 1
    assert sent == 3
