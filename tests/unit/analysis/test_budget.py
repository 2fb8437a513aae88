"""What may be spent: tiers that step down, the reserve, and a hard stop that calls at once can't overrun."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analysis.budget import Budget, plan_of
from backend.analysis.entry import CallKind, LedgerEntry
from backend.analysis.estimate import FRAME_TOKENS, most_input_tokens, most_usd, overlong
from backend.analysis.forecast import MINUTE_MS, Shift
from backend.analysis.ledger import Ledger
from backend.analysis.savings import Savings
from backend.analysis.steps import BACK_AT, HOLD_S
from backend.lanes import LANES
from backend.providers.base import Message, ModelRequest, Usage
from backend.providers.prices import FREE, Price, cost_usd
from tests.unit.analysis.builders import FakeClock, analysis

SMALL = Usage(100, 50)
MIDNIGHT = 1_767_225_600_000
NOON = MIDNIGHT + 720 * MINUTE_MS
DEAR = Price(5.0, 25.0, 0.5, 6.25, known=True)
CHEAP = Price(0.5, 2.0, 0.05, 0.5, known=True)
CHAIN = [("a:big", DEAR), ("o:mini", CHEAP), ("ollama:q", FREE)]
CHAINS = {lane: CHAIN if lane in ("critical", "high") else CHAIN[1:] for lane in LANES}


@dataclass
class Purse:
    """A ledger and a budget of ten dollars a day, eight hours to go, 30 % of it kept for critical."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))
    told: list[LedgerEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.clock, self._tell)
        self.budget = Budget(self.ledger, usd_per_day=10.0, shift=Shift(NOON))
        self.budget.plan(CHAINS)
        self.savings = Savings(self.ledger, self.budget.spared)

    def _tell(self, entry: LedgerEntry) -> None:
        self.told.append(entry)
        self.savings.booked(entry)

    def spend(self, usd: float, lane: str = "medium", model: str = "o:mini", usage: Usage = SMALL) -> None:
        entry = self.ledger.send(alert_id=1, lane=lane, model=model, estimate_usd=usd)
        self.ledger.settle(entry, usage=usage, usd=usd, outcome="complete")

    def slowly(self, usd: float) -> None:
        """Spend at a rate that no forecast minds: as long ago as the rate forgets."""
        self.spend(usd)
        self.clock.pass_s(100 * 60)

    def may(self, lane: str, model: str, usd: float = 0.01, kind: CallKind = "analysis") -> bool:
        return self.budget.allows(lane, usd, model=model, kind=kind)[0]

    def open_to(self, model: str) -> list[str]:
        return [lane for lane in LANES if self.may(lane, model)]


# --- stepping down ---------------------------------------------------------------------------------------


def test_lanes_step_down_one_after_the_other_as_the_money_goes() -> None:
    purse = Purse()
    seen = []
    for usd in (4.8, 0.2, 0.61, 0.8, 0.59):
        purse.slowly(usd)
        seen.append((purse.open_to("a:big"), purse.open_to("o:mini")))
    everybody, few = list(LANES), ["critical", "high", "medium"]
    assert seen == [
        (everybody, everybody),  # 4.80: 69 % of the seven dollars that are open to all
        (few, few),  # 5.00: low and raw
        (["critical", "high"], ["critical", "high"]),  # 5.61: medium
        (["critical"], ["critical", "high"]),  # 6.41: high takes the cheaper one
        (["critical"], ["critical"]),  # 7.00: what is left is the reserve
    ]
    assert purse.budget.allows("low", 0.0)[0], "local models always"


def test_a_forecast_steps_down_before_the_money_is_gone() -> None:
    purse = Purse()
    purse.spend(0.6)
    assert purse.open_to("o:mini") == list(LANES), "less than a tenth is spent: no trend yet"
    purse.spend(0.2)
    assert not purse.may("low", "o:mini")
    assert purse.may("medium", "o:mini")
    assert purse.budget.forecast() is not None
    assert "at this rate the day's budget is spent at 14:" in purse.budget.view().forecast
    assert purse.budget.step_down() == "low on local models since 12:00Z"
    assert purse.budget.trouble().endswith(": low on local models since 12:00Z")


def test_the_words_say_who_since_when_and_with_what() -> None:
    purse = Purse()
    purse.slowly(5.0)
    assert purse.budget.step_down() == "low on local models since 13:40Z"
    purse.slowly(0.7)
    assert purse.budget.step_down() == ("low on local models since 13:40Z, medium since 15:20Z")
    purse.slowly(0.7)
    assert purse.budget.step_down() == (
        "low on local models since 13:40Z, medium since 15:20Z, high on cheaper models since 17:00Z"
    )
    allowed, why = purse.budget.allows("high", 0.01, model="a:big")
    assert (allowed, why) == (
        False,
        "stepped down to spare the budget: high on cheaper models since 17:00Z",
    )
    purse.spend(0.6)
    note = "day's budget is down to its reserve: paid models for critical alerts only"
    assert purse.budget.note() == note
    assert purse.budget.step_down().endswith("medium since 15:20Z, high since 17:00Z")
    view = purse.budget.view()
    assert (view.note, view.step_down) == (purse.budget.note(), purse.budget.step_down())


def test_what_began_in_one_minute_is_told_with_one_time() -> None:
    purse = Purse()
    purse.slowly(5.0)
    purse.budget.view()
    purse.spend(1.5)
    assert purse.budget.step_down() == ("low and medium on local models, high on cheaper models since 13:40Z")
    purse.spend(3.5, "critical")
    view = purse.budget.view()
    assert view.note == "day's budget is spent: local models and the playbook answer"
    assert (view.forecast, view.forecast_usd, view.gone_ms) == ("", None, None), "nothing is left to go"


def test_without_local_models_the_words_say_playbook() -> None:
    purse = Purse()
    purse.budget.plan({lane: [("o:mini", CHEAP)] for lane in LANES})
    purse.slowly(5.7)
    assert purse.budget.step_down() == "low and medium on the playbook since 13:40Z"
    purse.slowly(0.7)
    assert purse.may("high", "o:mini"), "its only model is no dearer than another: it keeps it"
    assert "high" not in purse.budget.step_down()


def test_a_lane_comes_back_only_when_the_need_has_been_gone_for_a_while() -> None:
    purse = Purse()
    purse.spend(0.8)
    assert not purse.may("low", "o:mini")
    shares = []
    while not purse.may("low", "o:mini"):
        purse.clock.pass_s(60)
        outlook = purse.budget.forecast()
        assert outlook is not None
        shares.append(outlook.forecast_usd / 7.0)
    well = next(minute for minute, share in enumerate(shares) if share < BACK_AT)
    assert sum(share < 1.0 for share in shares) > sum(share < BACK_AT for share in shares)
    assert len(shares) - well == pytest.approx(HOLD_S / 60, abs=1)
    assert purse.budget.step_down() == ""


def test_a_new_day_begins_with_all_of_its_money() -> None:
    purse = Purse()
    purse.spend(7.0)
    assert not purse.may("high", "a:big")
    purse.clock.pass_s(12 * 3600)
    purse.may("high", "a:big")
    purse.clock.pass_s(900)
    assert purse.may("high", "a:big")


def test_questions_do_not_step_down_and_what_nobody_asked_for_goes_first() -> None:
    purse = Purse()
    purse.slowly(5.7)
    assert not purse.may("low", "a:big")
    assert purse.may("low", "a:big", kind="question")
    assert not purse.may("critical", "a:big", kind="speculation")
    assert not purse.may("high", "a:big", kind="warm")
    assert purse.may("critical", "a:big", kind="hedge")


def test_what_nobody_asked_for_has_no_part_in_the_reserve() -> None:
    clock = FakeClock(NOON)
    budget = Budget(Ledger(clock), usd_per_day=1.0)
    assert not budget.allows("critical", 0.8, kind="speculation")[0]
    assert budget.allows("critical", 0.8, kind="repair")[0]


def test_plans_tell_dear_from_cheap() -> None:
    plan = plan_of(CHAIN)
    assert plan.planned == ("a:big", DEAR)
    assert (plan.dearest, plan.paid) == (frozenset({"a:big"}), frozenset({"a:big", "o:mini"}))
    assert (plan.cheaper_paid, plan.local) == (True, True)
    only = plan_of([("a:big", DEAR)])
    assert (only.dearest, only.cheaper_paid, only.local) == (frozenset(), False, False)
    assert plan_of([("a:big", DEAR), ("ollama:q", FREE)]).dearest == {"a:big"}
    assert plan_of([("ollama:q", FREE)]).paid == frozenset()


# --- the hard stop ---------------------------------------------------------------------------------------

_CALL = st.tuples(
    st.sampled_from(LANES),
    st.floats(0.001, 0.4),  # the estimate
    st.floats(0.0, 1.0),  # what it comes to, as a share of that
    st.integers(0, 12),  # how many calls begin before this one ends
)


@settings(max_examples=300)
@given(st.lists(_CALL, max_size=120), st.floats(0.0, 0.9), st.booleans())
def test_no_interleaving_overruns_a_budget(
    calls: list[tuple[str, float, float, int]], reserve: float, hourly: bool
) -> None:
    """Calls begin and end in any order, many at once; what is spent stays within what each may."""
    clock = FakeClock(NOON)
    ledger = Ledger(clock)
    hour, day = (1.0, None) if hourly else (None, 1.0)
    budget = Budget(ledger, usd_per_hour=hour, usd_per_day=day, reserve_for_critical=reserve)
    out: list[tuple[int, LedgerEntry, float]] = []
    spent = {"critical": 0.0, "others": 0.0}
    for number, (lane, estimate, share, lasts) in enumerate(calls):
        clock.pass_s(1)
        for due, entry, usd in [one for one in out if one[0] <= number]:
            ledger.settle(entry, usage=Usage(), usd=usd, outcome="complete")
            out.remove((due, entry, usd))
        if not budget.allows(lane, estimate)[0]:
            continue
        entry = ledger.send(alert_id=number, lane=lane, model="a:b", estimate_usd=estimate)
        out.append((number + 1 + lasts, entry, estimate * share))
        spent["critical" if lane == "critical" else "others"] += estimate * share
    for _, entry, usd in out:
        ledger.settle(entry, usage=Usage(), usd=usd, outcome="complete")
    assert sum(spent.values()) <= 1.0 + 1e-9
    assert spent["others"] <= 1.0 - reserve + 1e-9
    assert ledger.usd_today == pytest.approx(sum(spent.values()), abs=1e-9)
    assert ledger.usd_out == pytest.approx(0.0, abs=1e-9)


@given(st.text(max_size=400), st.text(max_size=400), st.integers(1, 4000))
def test_no_count_of_tokens_costs_more_than_the_estimate(system: str, text: str, longest: int) -> None:
    """However the bytes are cut into tokens, and whether read, written to the cache or fresh."""
    request = ModelRequest(system, (Message("user", text),), max_tokens=longest)
    count = len(system.encode("utf-8", "surrogatepass")) + len(text.encode("utf-8", "surrogatepass"))
    for price in (DEAR, CHEAP):
        most = most_usd(price, request)
        for usage in (
            Usage(count, longest),
            Usage(0, longest, 0, count),
            Usage(count // 2, longest, count - count // 2),
        ):
            assert cost_usd(price, usage) <= most
    assert most_input_tokens(request) == count + 2 * FRAME_TOKENS


def test_an_endless_answer_is_cut_off() -> None:
    request = ModelRequest("s", (Message("user", "u"),), max_tokens=100)
    assert not overlong(request, 1_600)
    assert overlong(request, 1_601)


# --- savings ---------------------------------------------------------------------------------------------


def test_a_fold_saves_the_mean_of_its_lane_and_nothing_where_none_is_known() -> None:
    purse = Purse()
    purse.savings.analysed("medium", analysis(kind="aggregate"))
    assert purse.ledger.view().saved_usd == 0.0
    for usd in (0.02, 0.04):
        purse.spend(usd, "medium")
    purse.spend(9.0, "high")
    for _ in range(3):
        purse.savings.analysed("medium", analysis(kind="aggregate"))
    purse.savings.analysed("medium", analysis(kind="cache"))
    purse.savings.analysed("medium", analysis(kind="batch", cost_usd=0.01))
    purse.savings.analysed("medium", analysis(kind="model"))
    saved = {one.by: one.usd for one in purse.ledger.view().savings}
    assert saved == pytest.approx({"folds": 0.09, "answers": 0.03, "batches": 0.02})


def test_a_cheaper_model_saves_the_difference_for_the_same_tokens_only_when_stepped_down() -> None:
    purse = Purse()
    usage = Usage(2_000, 400)
    cheap = cost_usd(CHEAP, usage)
    purse.spend(cheap, "high", usage=usage)
    assert purse.ledger.view().savings == (), "the dear one failed: that is no saving of the budget's"
    purse.slowly(6.4)
    purse.spend(cheap, "high", usage=usage)
    purse.spend(0.0, "medium", "ollama:q", usage)
    saved = {one.by: one.usd for one in purse.ledger.view().savings}
    assert saved == pytest.approx({"tiers": cost_usd(DEAR, usage) - cheap + cheap})
    purse.savings.analysed("medium", analysis(kind="playbook"))
    assert purse.ledger.view().saved_usd == pytest.approx(saved["tiers"] + purse.ledger.mean_usd("medium"))


def test_a_storm_of_folds_writes_a_handful_of_entries() -> None:
    purse = Purse()
    purse.spend(0.02)
    purse.told.clear()
    for _ in range(5_000):
        purse.savings.analysed("medium", analysis(kind="aggregate"))
        purse.clock.pass_s(0.01)
    purse.ledger.flush()
    assert 1 < len(purse.told) <= 8
    after = Ledger(purse.clock)
    after.restore({entry.id: entry for entry in purse.told}.values())
    assert after.view().saved_usd == pytest.approx(100.0)
    assert (after.view().by_model, after.usd_today) == ((), 0.0)


def test_what_was_speculated_is_waste_until_it_is_wanted() -> None:
    purse = Purse()
    ledger = purse.ledger
    flying = ledger.send(alert_id=3, lane="low", model="a:b", estimate_usd=0.5, kind="speculation")
    for alert_id, usd in ((1, 0.1), (2, 0.2)):
        sent = ledger.send(alert_id=alert_id, lane="low", model="a:b", estimate_usd=usd, kind="speculation")
        ledger.settle(sent, usage=Usage(), usd=usd, outcome="complete")
    ledger.used(2)
    ledger.used(2)
    ledger.used(3)
    ledger.settle(flying, usage=Usage(), usd=0.3, outcome="complete")
    ahead = ledger.view().speculation
    assert (ahead.calls, ahead.used) == (3, 2)
    assert (ahead.usd, ahead.used_usd) == pytest.approx((0.6, 0.5))
    after = Ledger(purse.clock)
    after.restore({entry.id: entry for entry in purse.told}.values())
    assert after.view().speculation.used_usd == pytest.approx(0.5)


def test_a_restart_knows_lanes_kinds_and_means_again() -> None:
    purse = Purse()
    purse.spend(0.5, "low")
    sent = purse.ledger.send(alert_id=1, lane="high", model="a:big", estimate_usd=1, kind="question")
    purse.ledger.settle(sent, usage=Usage(10, 5), usd=0.25, outcome="complete")
    after = Ledger(purse.clock)
    after.restore({entry.id: entry for entry in purse.told}.values())
    view = after.view()
    assert [(one.name, one.usd, one.calls) for one in view.by_lane] == [("high", 0.25, 1), ("low", 0.5, 1)]
    assert [(one.name, one.usd) for one in view.by_kind] == [("analysis", 0.5), ("question", 0.25)]
    assert after.mean_usd("low") == 0.5
    assert after.usd_per_hour_now == pytest.approx(purse.ledger.usd_per_hour_now)
