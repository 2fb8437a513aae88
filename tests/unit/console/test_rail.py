"""What the rail says of looking ahead and of raw events."""

from backend.api import PatternsView, SpeculationView
from console.screens.rail import ahead_lines
from console.view_models.patterns import pattern_lines
from tests.support import scene
from tests.support.console import make_app, settle
from widgets.measure import runs_width


def said(view: SpeculationView) -> list[str]:
    return ["".join(text for text, _ in line) for line in ahead_lines(view)]


def test_nothing_is_said_before_anything_was_looked_ahead_at() -> None:
    assert said(SpeculationView()) == []


def test_how_often_it_was_right_what_it_saved_and_what_it_wasted() -> None:
    view = SpeculationView(running=1, hits=9, misses=3, saved_s=41.6, spent_usd=0.21, wasted_usd=0.03)
    first, saved, wasted = said(view)
    assert "75 % of 12 opened" in first
    assert "42 s of waiting" in saved
    assert "$0.03" in wasted
    assert "$0.21" in wasted


def test_where_models_are_free_no_dollars_are_shown() -> None:
    assert len(said(SpeculationView(hits=1, saved_s=2.0))) == 2
    assert "nothing opened yet" in said(SpeculationView(running=1))[0]


def told(view: PatternsView) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in pattern_lines(view)]


def test_nothing_is_said_of_raw_events_where_the_lane_is_off() -> None:
    assert told(PatternsView()) == []
    assert told(PatternsView(counted_only=5)) == []


def test_patterns_and_rules_in_words_their_figures_beneath_each_other() -> None:
    lines = told(scene.PATTERNS)
    assert [" ".join(line.split()) for line in lines] == [
        "lines mined 5.2k a minute",
        "patterns 412 2 new 1 surging",
        "Sigma rules 2.4k 4 hits 3 left out",
    ]
    ends = {
        line.index(figure) + len(figure) for line, figure in zip(lines, ("5.2k", "412", "2.4k"), strict=True)
    }
    assert len(ends) == 1
    busy = PatternsView(rules=2_400, rules_left_out=120, matches=2_400)
    assert max(runs_width(line) for line in (*pattern_lines(scene.PATTERNS), *pattern_lines(busy))) <= 43


def test_each_half_of_the_lane_is_told_alone() -> None:
    mining, rules = told(PatternsView(mining=True)), told(PatternsView(rules=1, matches=1))
    assert "none came yet" in mining[0]
    assert not any("Sigma" in line for line in mining)
    assert [" ".join(line.split()) for line in rules] == ["Sigma rules 1 1 hit"]


def test_what_was_held_back_or_only_counted_is_told() -> None:
    lines = told(PatternsView(mining=True, lines=9, held_back=7, counted_only=12_000))
    assert any("not raised" in line and "7" in line for line in lines)
    assert any("passed over" in line and "12k" in line for line in lines)


async def test_the_rail_shows_raw_events_and_nothing_when_the_lane_goes_off() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        block = app.screen.query_one("#patterns")
        assert block.size.height == len(pattern_lines(scene.PATTERNS))
        engine.publish(patterns=PatternsView())
        for _ in range(40):
            await settle(pilot)
            if not block.display:
                break
        assert not block.display
