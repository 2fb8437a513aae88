"""Approving, denying and reopening from the keyboard: what reaches the engine."""

import msgspec

from backend.api import MACHINE, Approve, Deny, Reopen, Snapshot, Undo
from console.screens.action_dialog import ActionDialog
from tests.support import scene
from tests.support.console import ACTOR, make_app
from tests.support.pressing import WIDE, on_main, press, toasts

FIRST = next(action for action in scene.VERDICT.actions if action.needs_approval)


async def test_an_approval_is_typed_to_the_letter() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "enter", "A")
        assert isinstance(app.screen, ActionDialog)
        await press(pilot, *FIRST.target[:-1], "enter")
        assert isinstance(app.screen, ActionDialog)
        assert engine.commands == []
        await press(pilot, FIRST.target[-1], "enter")
        assert on_main(app)
        assert engine.last() == Approve(1, FIRST.action, FIRST.target, FIRST.target, ACTOR)


async def test_a_denial_takes_a_note_and_escape_does_nothing() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "enter", "A", "escape")
        assert (on_main(app), engine.commands) == (True, [])
        await press(pilot, "D", *"no", "enter")
        assert engine.last() == Deny(1, FIRST.action, FIRST.target, ACTOR, "no")


async def test_without_an_action_to_approve_it_is_said() -> None:
    engine = scene.engine()
    detail = engine.details[1]
    assert detail.analysis is not None
    verdict = msgspec.structs.replace(detail.analysis.verdict, actions=())
    engine.details[1] = msgspec.structs.replace(
        detail, analysis=msgspec.structs.replace(detail.analysis, verdict=verdict)
    )
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "enter", "A")
        assert on_main(app)
        assert any("nothing here waits" in text for text in toasts(app))


async def test_undo_on_what_the_machine_closed_reopens_it() -> None:
    first = msgspec.structs.replace(scene.SCENE.rows[0], state="closed", decided_by=MACHINE)
    shown: Snapshot = msgspec.structs.replace(scene.SCENE, rows=(first, *scene.SCENE.rows[1:]))
    engine = scene.engine(shown)
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "u")
        assert engine.last() == Reopen((1,), ACTOR)
        await press(pilot, "j", "u")
        assert engine.last() == Undo(ACTOR)
