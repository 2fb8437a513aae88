"""What the console says of an alert that the playbook judged in an outage, and of one that gave way."""

import pytest

from backend.api import CatchUpView
from console.screens.rail import late_lines
from console.view_models.detail import verdict_line
from console.view_models.queue import QueueContext, state_cell, title_cell
from console.view_models.why import why_lines
from tests.unit.pipeline.builders import row
from widgets.safe import Run

STAND_IN = {
    "state": "triaged",
    "verdict": "Suspicious",
    "verdict_ms": 5,
    "degraded": True,
    "analysed_by": "playbook:built-in",
}
PROMISE = "will be analysed when a model is back"


def words(*lines: tuple[Run, ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


@pytest.mark.parametrize("owed", [True, False])
def test_the_row_the_detail_and_the_reason_say_that_a_model_is_to_follow(owed: bool) -> None:
    one = row(1, owed=owed, **STAND_IN)
    left, _ = verdict_line(one)
    assert ("later" in words(left)) is owed
    assert ("fallback" in words(left)) is not owed
    cell = title_cell(one, QueueContext())
    told = words(((cell.text, ""), *cell.extra))
    assert told.startswith("~ ") is owed
    assert told.endswith(" later" if owed else " ~")
    why = why_lines(one, (1, 1), None, now_ms=0, sla_s={}, order="priority")
    assert (PROMISE in " ".join(words(*why).split())) is owed


def test_a_paused_alert_says_why_in_words_that_fit_its_column() -> None:
    one = row(1, state="paused")
    assert state_cell(one, QueueContext()).text == "paused"
    why = words(*why_lines(one, (1, 1), None, now_ms=0, sla_s={}, order="priority"))
    assert "a critical alert took its model; queued again, what was written is kept" in " ".join(why.split())


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (CatchUpView(), ""),
        (CatchUpView(owed=12, running=1), " ○ later   12 to analyse"),
        (CatchUpView(owed=2, done=3, given_up=1), " ○ later   2 to analyse, 3 done, 1 given up"),
        (CatchUpView(done=5), " ○ later   caught up, 5 done"),
    ],
)
def test_the_rail_counts_what_is_still_to_be_made_up_for(view: CatchUpView, told: str) -> None:
    assert words(*late_lines(view)) == told
