"""Follow-up questions down the ladder."""

import pytest

from backend.alerts.text import safe
from backend.analysis.model import Delta
from backend.analysis.prompts import Exchange
from tests.unit.analysis.builders import (
    COMPLETE,
    NARRATIVE,
    OVERLOADED,
    RESET,
    FakeModel,
    Rig,
    Script,
    answer,
)

GOOD: Script = (list(answer()), COMPLETE)


async def test_a_question_is_answered_in_prose_with_the_same_prefix() -> None:
    model = FakeModel(GOOD, (["Because the source ", "is listed [E2]."], COMPLETE))
    rig = Rig(model)
    analysis = await rig.run()
    rig.events.clear()
    job = rig.job(turn=2, analysis=analysis)
    follow = await rig.ladder.ask(job, [Exchange(safe("q"), safe("a"))], "Why?", rig.events.append)
    assert (follow.text, follow.model, follow.degraded) == ("Because the source is listed [E2].", "m", False)
    first, second = model.requests
    assert second.system == first.system
    assert second.messages[0] == first.messages[0], "the prompt cache must hit"
    assert "Why?" in second.messages[-1].text
    assert rig.shown()[0] == "AttemptStarted"
    deltas = [event for event in rig.events if isinstance(event, Delta)]
    assert {(event.turn, event.kind) for event in deltas} == {(2, "narrative")}
    assert "VerdictReady" not in rig.shown()


async def test_a_model_that_repeats_the_form_decides_nothing() -> None:
    rig = Rig(FakeModel(GOOD))
    follow = await rig.ladder.ask(rig.job(turn=1), (), "Why?", rig.events.append)
    assert "VerdictReady" not in rig.shown()
    assert "{" not in follow.text
    assert NARRATIVE in follow.text


@pytest.mark.parametrize("script", [([], OVERLOADED), (["half an ans"], RESET), ([" "], COMPLETE)])
async def test_a_failed_answer_goes_to_the_next_rung(script: Script) -> None:
    rig = Rig(FakeModel(script), FakeModel((["Since [E2]."], COMPLETE), name="second"))
    follow = await rig.ladder.ask(rig.job(turn=1), (), "Why?", rig.events.append)
    assert (follow.text, follow.model, follow.degraded) == ("Since [E2].", "second", True)
    assert len(follow.attempts) == 1


async def test_the_playbook_answers_last() -> None:
    rig = Rig(FakeModel(([], RESET)))
    follow = await rig.ladder.ask(rig.job(turn=1), (), "the owner", rig.events.append)
    assert follow.text == "The playbook knows nothing of the owner."
    assert (follow.provider, follow.degraded, rig.shown()[-1]) == ("playbook", True, "AttemptEnded")
