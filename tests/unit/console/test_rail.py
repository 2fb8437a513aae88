"""What the rail says of looking ahead."""

from backend.api import SpeculationView
from console.screens.rail import ahead_lines


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
