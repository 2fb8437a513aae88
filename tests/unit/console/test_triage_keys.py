"""Triage keys: what reaches the engine, and what the screen shows of it."""

from backend.analysis.model import Delta
from backend.api import AddNote, Ask, Claim, Command, Decide, Disposition, Investigate, Reply, Undo
from console.screens.dialogs import DecideDialog, NoteDialog, SelectDialog
from tests.support import scene
from tests.support.console import ACTOR, make_app, until
from tests.support.fake_engine import FakeEngine
from tests.support.pressing import NARROW, WIDE, has_keys, on_main, press, toasts


async def test_the_cursor_moves_with_letters_and_arrows() -> None:
    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        table = app.main.queue.table
        ids = [row.id for row in scene.ROWS]
        for key, place in (("j", 1), ("down", 2), ("k", 1), ("up", 0), ("G", -1), ("g", 0)):
            await press(pilot, key)
            assert table.cursor_key == ids[place], key


async def test_claim_acts_on_the_row_and_says_so() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "j", "a")
        assert engine.commands == [Claim((2,), ACTOR)]
        assert any("u undoes" in text for text in toasts(app))


async def test_decide_with_a_note_then_the_next_alert() -> None:
    engine = scene.engine()
    app = make_app(engine)
    letters: dict[str, Disposition] = {
        "t": "True Positive",
        "f": "False Positive",
        "b": "Benign",
        "s": "Suspicious",
        "i": "Insufficient Data",
    }
    async with app.run_test(size=WIDE) as pilot:
        for place, (letter, disposition) in enumerate(letters.items(), 1):
            await press(pilot, "d")
            assert isinstance(app.screen, DecideDialog)
            await press(pilot, letter, *"a scan", "enter")
            assert engine.last() == Decide((place,), disposition, ACTOR, "a scan")
            assert app.main.queue.table.cursor_key == place + 1
            assert f"Closed as {disposition} · u undoes" in toasts(app)


async def test_escape_decides_nothing() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "d", "f", "escape")
        assert on_main(app)
        assert engine.commands == []


async def test_enter_without_a_choice_does_not_close_an_alert_without_a_verdict() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "j", "d", "enter")
        assert isinstance(app.screen, DecideDialog)
        assert engine.commands == []


async def test_enter_takes_the_verdict_that_stands() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "d", "enter")
        assert engine.commands == [Decide((1,), "True Positive", ACTOR, "")]


async def test_a_selection_is_decided_as_a_whole() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "x", "x", "j", "x", "d", "b", "enter")
        assert engine.commands == [Decide((1, 2, 4), "Benign", ACTOR, "")]
        assert app.main.queue.table.marked == frozenset()
        assert app.main.queue.table.cursor_key not in (1, 2, 4)
        assert "Closed 3 alerts as Benign · u undoes" in toasts(app)


async def test_all_that_match_are_selected_also_those_off_the_screen() -> None:
    engine = scene.engine()
    engine.publish_rows([scene.row(n, src="10.0.0.1", dst="10.0.0.2") for n in range(1, 301)])
    app = make_app(engine)
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "*")
        assert isinstance(app.screen, SelectDialog)
        await press(pilot, "a")
        assert len(app.main.queue.table.marked) == 300
        await press(pilot, "a")
        command = engine.last()
        assert isinstance(command, Claim)
        assert len(command.alert_ids) == 300


async def test_same_rule_is_selected() -> None:
    engine = scene.engine()
    rows = [scene.row(1, "Port scan"), scene.row(2, "Beacon"), scene.row(3, "Port scan")]
    engine.publish_rows(rows)
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "*", "r")
        assert app.main.queue.table.marked == {1, 3}
        await press(pilot, "*", "n")
        assert app.main.queue.table.marked == frozenset()


async def test_done_closes_with_the_machines_verdict_as_a_human_decision() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "e")
        assert engine.commands == [Decide((1,), "True Positive", ACTOR, "")]
        await press(pilot, "e")  # the next one has no verdict: ask
        assert isinstance(app.screen, DecideDialog)
        assert len(engine.commands) == 1


async def test_note() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "n")
        assert isinstance(app.screen, NoteDialog)
        await press(pilot, *"called owner", "enter")
        assert engine.commands == [AddNote((1,), "called owner", ACTOR)]


async def test_undo_brings_the_cursor_back() -> None:
    def answer(command: Command) -> Reply:
        return Reply(True, "undone: Benign on 1 alert", (4,))

    engine = scene.engine()
    engine._answer = answer
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "u")
        assert engine.commands == [Undo(ACTOR)]
        assert app.main.queue.table.cursor_key == 4
        assert "Undone: Benign on 1 alert" in toasts(app)


async def test_a_refusal_is_said_in_the_engines_words() -> None:
    engine = FakeEngine(scene.SCENE, lambda command: Reply(False, "the journal is read-only"))
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "a")
        assert "the journal is read-only" in toasts(app)


async def test_a_late_answer_from_the_engines_thread_becomes_a_toast() -> None:
    engine = scene.engine()
    engine.held = []
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "a")
        assert toasts(app) == []
        engine.held[0].set_exception(RuntimeError("database is locked"))
        await until(lambda: bool(toasts(app)), "a toast")
        assert "database is locked" in toasts(app)[0]


async def test_investigate_in_a_narrow_window_opens_the_alert() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "i")
        assert engine.commands == [Investigate(1)]
        assert app.main.has_class("-opened")
        assert engine.watched == {1}


async def test_ask_streams_the_answer_into_the_pane() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "r")
        assert has_keys(app, app.main.pane.ask_input)
        await press(pilot, *"who else?", "enter")
        assert engine.commands == [Ask(1, "who else?")]
        assert has_keys(app, app.main.pane.stream)
        engine.transcripts[1] += scene.FOLLOW_UP
        engine.transcripts[1].append(Delta(1, scene.safe(" Nobody.")))
        await until(lambda: "Nobody." in app.export_screenshot().replace("&#160;", " "), "the answer")


async def test_escape_leaves_the_question_and_then_the_pane() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "enter", "r", "x", "escape")
        assert engine.commands == []
        assert not app.main.pane.ask_input.display
        assert app.main.has_class("-opened")
        await press(pilot, "escape")
        assert not app.main.has_class("-opened")
        assert has_keys(app, app.main.queue.table)
