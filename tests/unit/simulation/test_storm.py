"""The storm made smaller, outages and squeezes, through the whole pipeline in virtual time."""

from collections import Counter

import msgspec
import pytest
import structlog

from backend.lanes import LANE_SLA_S, LANES
from backend.simulation.arrivals import Mix, Segment, arrivals, day_segments, storm_segments
from backend.simulation.fifo import play_fifo
from backend.simulation.report import digest, doubled, lane_figures, naive_figures, spread, storm_lines
from backend.simulation.scenarios import TWO_SECONDS, Scenario, run_scenario, scenarios
from backend.simulation.script import Outage, Script, Squeeze
from backend.simulation.world import Played, Told, World, play

ALONE = World({"best": TWO_SECONDS})


@pytest.fixture(autouse=True, scope="module")
def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def small_storm(critical: float, base: float) -> tuple[Segment, ...]:
    """The storm of `bench storm` made smaller: `base` alerts a second, for a minute 100 times as many."""
    return storm_segments(Mix(critical=critical), calm_s=5, base=base)


def accounted(played: Played) -> bool:
    came = sum(played.came.values())
    again, wrong = doubled(played.told)
    return came == played.stored == len(played.told) - again and not played.open and not wrong


def test_a_storm_makes_no_critical_late_where_first_in_first_out_makes_all_late() -> None:
    coming = list(arrivals(small_storm(0.008, 2), 3))
    played = play(ALONE, coming)
    critical, high = lane_figures(played, "critical"), lane_figures(played, "high")
    assert critical.came > 60
    assert critical.by_model_in_time == 1.0
    assert high.by_model_in_time >= 0.99
    assert lane_figures(played, "medium").in_time == 1.0
    assert accounted(played)
    assert len(played.calls) < len(coming) / 10
    naive = play_fifo(TWO_SECONDS, coming, 3)
    assert Counter(one.lane for one in naive) == played.came
    assert naive_figures(naive, "critical", LANE_SLA_S["critical"]).in_time < 0.2


def test_more_criticals_than_the_model_can_carry_all_have_a_verdict_in_time_and_marked() -> None:
    played = play(ALONE, arrivals(small_storm(0.4, 0.5), 5))
    critical = lane_figures(played, "critical")
    assert critical.came > 20 * 50  # 20 a second, to a model that answers 4
    assert critical.in_time == 1.0
    by_model = critical.kinds["model"]
    assert critical.degraded == critical.verdicts - by_model > 0
    assert by_model > 240  # 4 a second for the storm's minute, and what they had left
    assert not [call for call in played.calls if call.outcome == "deadline"]  # money for nothing
    assert accounted(played)


def test_a_critical_that_finds_no_slot_ends_a_lower_stream_which_is_queued_again() -> None:
    slow = World({"best": Script(answer_tokens=2_000, max_concurrency=4)})  # 20 s an answer
    low = Mix(critical=0.0, high=0.0, medium=0.0, entities=500, entity_skew=0.0, rule_skew=0.0)
    coming = [*arrivals((Segment(10, 3, low), Segment(2, 4, Mix(critical=1.0))), 2)]
    first = next(number for number, one in enumerate(coming) if one.lane == "critical")
    played = play(slow, coming[: first + 3])  # one for the slot that is kept, two that find none
    critical = [one for one in played.told if one.lane == "critical"]
    assert len(critical) == 3
    assert played.preempted == 2
    starts = [played.first_call_ms[one.alert_id] - one.received_ms for one in critical]
    assert max(starts) <= 1_000
    assert accounted(played)  # what gave way has its verdict too


def test_in_an_outage_the_next_model_answers_and_nobody_hammers_the_first() -> None:
    world = World(
        {
            "best": Script(outages=(Outage(60, 240), Outage(300, 420, "silence"))),
            "fast": Script(first_token_s=0.3, tokens_per_s=150),
        }
    )
    played = play(world, arrivals((Segment(540, 1.0, Mix(critical=0.1, high=0.2, medium=0.2)),), 4))
    assert lane_figures(played, "critical").by_model_in_time == 1.0
    assert lane_figures(played, "high").in_time == 1.0
    assert played.models["best"].failed < 20
    assert {call.model for call in played.calls} == {"scripted:best", "scripted:fast"}
    assert accounted(played)


def test_in_a_squeeze_lower_lanes_wait_in_the_queue_for_the_limit_and_are_analysed() -> None:
    squeezed = Script(requests_per_minute=100, squeezes=(Squeeze(60, 360, 12),))
    played = play(World({"best": squeezed}), arrivals((Segment(420, 1.0, Mix(0.02, 0.1, 0.1)),), 6))
    assert lane_figures(played, "critical").in_time == 1.0
    assert lane_figures(played, "high").by_model_in_time >= 0.9
    assert played.models["best"].turned_away <= 5
    assert accounted(played)


def test_the_same_seed_takes_the_same_course_and_another_does_not() -> None:
    segments = storm_segments(Mix(critical=0.01, medium=0.2), calm_s=5, base=1, factor=15)
    world = World({"best": msgspec.structs.replace(TWO_SECONDS, spread=0.4, failure_share=0.05)}, seed=7)
    first, again = (digest(play(world, arrivals(segments, 7))) for _ in range(2))
    other = digest(play(msgspec.structs.replace(world, seed=8), arrivals(segments, 8)))
    assert first == again != other


def test_a_day_has_its_curve() -> None:
    day = day_segments(10_000, Mix(), seed=1)
    assert sum(one.seconds for one in day) == 86_400
    assert sum(one.seconds * one.per_s for one in day) == pytest.approx(10_000)
    hours = [sorted(one.per_s for one in day[start : start + 30])[15] for start in range(0, 720, 30)]
    assert hours.index(max(hours)) in (10, 11)
    assert max(hours) > 3 * min(hours)


def test_a_scenario_that_falls_short_says_so() -> None:
    broken = Script(outages=(Outage(0, 1e6),))
    base = scenarios(1)[2]
    short = Scenario(
        "broken",
        "the model is down",
        World({"best": broken}),
        (Segment(5, 2, Mix(critical=1.0)),),
        base.judge,
    )
    report = run_scenario(short)
    assert report.accounted
    assert not report.met
    assert any("NOT REACHED" in line for line in storm_lines(report))


def test_what_was_promoted_is_owed_from_then_on_and_no_share_is_above_all() -> None:
    """A fold that was told in low and promoted an hour later: its second verdict took two seconds."""
    sla_ms, hour_ms = 900_000, 3_600_000

    def told(alert_id: int, lane: str, verdict_ms: int, deadline_ms: int) -> Told:
        return Told(alert_id, "", lane, "model", "m", False, 0, 0.0, verdict_ms, deadline_ms)

    played = Played({"low": 2, "medium": 1}, [], [], {}, {}, dict.fromkeys(LANES, 0), 3, 0)
    played.told = [
        told(1, "low", 2_000, 0),
        told(2, "medium", 4_000, sla_ms),
        told(1, "medium", hour_ms + 2_000, hour_ms + sla_ms),
    ]
    medium = lane_figures(played, "medium")
    assert (medium.came, medium.verdicts, medium.promoted) == (1, 2, 1)
    assert (medium.by_model_in_time, medium.in_time) == (1.0, 1.0)
    assert (medium.took_s.p50, medium.took_s.max) == (2.0, 4.0)


def test_what_never_came_stands_behind_all_that_did() -> None:
    assert spread([1.0, None, 2.0]).max is None
    assert spread([1.0, None, 2.0]).p50 == 2.0
    assert spread([]).p99 == 0.0
