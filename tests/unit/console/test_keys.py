"""Each key does its thing: what reaches the engine, and what the screen shows of it."""

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from backend.analysis.model import Delta
from backend.api import AddNote, Ask, Claim, Command, Decide, Investigate, Reply, SetFilter, SetOrder, Undo
from console.app import WatchfloorApp
from console.screens.dialogs import DecideDialog, NoteDialog, Popup, SelectDialog
from console.screens.help import HelpScreen
from tests.support import scene
from tests.support.console import ACTOR, make_app, settle, until
from tests.support.fake_engine import FakeEngine

WIDE = (120, 40)
NARROW = (80, 24)


def toasts(app: WatchfloorApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def has_keys(app: WatchfloorApp, widget: Widget) -> bool:
    return app.focused is widget


def on_main(app: WatchfloorApp) -> bool:
    return app.screen is app.main


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


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


@pytest.mark.parametrize(
    ("letter", "disposition"),
    [
        ("t", "True Positive"),
        ("f", "False Positive"),
        ("b", "Benign"),
        ("s", "Suspicious"),
        ("i", "Insufficient Data"),
    ],
)
async def test_decide_with_a_note_then_the_next_alert(letter: str, disposition: str) -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "j", "d")
        assert isinstance(app.screen, DecideDialog)
        await press(pilot, letter, *"known scan", "enter")
        assert engine.commands == [Decide((2,), disposition, ACTOR, "known scan")]  # type: ignore[arg-type]
        assert app.main.queue.table.cursor_key == 3
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


async def test_freeze_holds_the_rows_and_counts_what_waits() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "space")
        more = [scene.row(100 + n, f"New {n}", 5) for n in range(37)]
        engine.publish_rows([*more, *scene.ROWS])
        await until(lambda: app.main.queue.table.hidden_new == 37, "37 waiting")
        assert app.main.queue.table.row_count == len(scene.ROWS)
        await settle(pilot)
        assert "+37" in app.export_screenshot()
        await press(pilot, "space")
        assert app.main.queue.table.row_count == len(scene.ROWS) + 37


async def test_a_decision_in_a_frozen_view_acts_on_the_row_in_sight() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "space")
        engine.publish_rows(scene.ROWS[3:])
        await settle(pilot)
        await press(pilot, "j", "d", "f", "enter")
        assert engine.commands == [Decide((2,), "False Positive", ACTOR, "")]
        assert app.main.queue.table.cursor_key == 3


async def test_filter_is_asked_for_while_typing_and_its_error_shown() -> None:
    def answer(command: Command) -> Reply:
        return Reply(True, "")

    engine = FakeEngine(scene.SCENE, answer)
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "/")
        assert has_keys(app, app.main.queue.filter_input)
        await press(pilot, *"sev>=hihg")
        await until(lambda: SetFilter("sev>=hihg") in engine.commands, "the filter is sent")
        engine.publish(filter_text="", filter_error="no severity 'hihg'")
        await until(lambda: app.main.queue.filter_note.display, "the error is shown")
        await settle(pilot)
        assert "hihg&#x27;" in app.export_screenshot() or "no&#160;severity" in app.export_screenshot()
        await press(pilot, "escape")
        assert not app.main.queue.filter_input.display
        assert has_keys(app, app.main.queue.table)


async def test_escape_brings_the_old_filter_back_and_enter_keeps_the_new() -> None:
    engine = scene.engine()
    engine.publish(filter_text="host:ws")
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "/", *"-1")
        assert app.main.queue.filter_input.value == "host:ws-1"
        await until(lambda: SetFilter("host:ws-1") in engine.commands, "asked while typing")
        engine.publish(filter_text="host:ws-1")
        await settle(pilot)
        await press(pilot, "escape")
        assert engine.last() == SetFilter("host:ws")
        engine.publish(filter_text="host:ws")
        await settle(pilot)
        await press(pilot, "/", *"-2", "enter")
        assert engine.last() == SetFilter("host:ws-2")


@pytest.mark.parametrize(
    ("key", "term"),
    [
        ("1", "sev>=critical"),
        ("2", "sev:high"),
        ("3", "sev:medium"),
        ("4", "sev:low"),
        ("5", "sev:informational"),
    ],
)
async def test_severity_keys_toggle_one_term(key: str, term: str) -> None:
    engine = scene.engine()
    engine.publish(filter_text="host:ws")
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, key)
        assert engine.last() == SetFilter(f"{term} host:ws")
        engine.publish(filter_text=f"{term} host:ws")
        await settle(pilot)
        await press(pilot, key)
        assert engine.last() == SetFilter("host:ws")


async def test_escape_lets_go_of_the_selection_then_of_the_filter() -> None:
    engine = scene.engine()
    engine.publish(filter_text="host:ws")
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "x", "escape")
        assert app.main.queue.table.marked == frozenset()
        assert engine.commands == []
        await press(pilot, "escape")
        assert engine.commands == [SetFilter("")]


async def test_order() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, "o", "o")
        assert engine.commands == [SetOrder("newest"), SetOrder("priority")]


@pytest.mark.parametrize(("key", "words"), [("w", "Critical and Fatal"), ("$", "openai:gpt-mini")])
async def test_popups_explain_and_close_with_their_own_key(key: str, words: str) -> None:
    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, key)
        assert isinstance(app.screen, Popup)
        assert words in app.export_screenshot().replace("&#160;", " ")
        await press(pilot, key)
        assert on_main(app)


async def test_latency_shows_the_waterfall() -> None:
    app = make_app()
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "l")
        assert app.main.has_class("-opened")
        assert app.main.pane.waterfall.display
        assert "enrich" in app.export_screenshot()


async def test_tabs_turn_and_panes_take_the_keys() -> None:
    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: app.main.pane.alert_id == 1, "the pane follows")
        assert app.main.pane.tab == "evidence"
        await press(pilot, "]")
        assert app.main.pane.tab == "waterfall"
        await press(pilot, "[", "left")
        assert app.main.pane.tab == "investigation"
        await press(pilot, "tab")
        assert has_keys(app, app.main.pane.stream)
        await press(pilot, "shift+tab")
        assert has_keys(app, app.main.queue.table)


async def test_help_lists_every_key_and_theme_turns() -> None:
    app = make_app()
    async with app.run_test(size=(124, 44)) as pilot:
        await press(pilot, "?")
        assert isinstance(app.screen, HelpScreen)
        assert "Undo&#160;your&#160;latest" in app.export_screenshot()
        await press(pilot, "?")
        seen = [app.theme]
        for _ in range(3):
            await press(pilot, "T")
            seen.append(app.theme)
        assert seen == ["watchfloor-dark", "watchfloor-light", "watchfloor-contrast", "watchfloor-dark"]


@pytest.mark.parametrize("key", ["ctrl+p", ":"])
async def test_the_palette_runs_what_a_key_does(key: str) -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await press(pilot, key)
        assert isinstance(app.focused, Input)
        await press(pilot, *"Claim: take")
        await pilot.pause(0.4)
        await press(pilot, "enter")
        await until(lambda: engine.commands == [Claim((1,), ACTOR)], "the claim")


async def test_quit_asks_only_while_the_open_alert_is_written() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: app.main.pane.live, "the stream is live")
        await press(pilot, "q")
        assert app.is_running
        await press(pilot, "n")
        engine.live = set()
        await until(lambda: not app.main.pane.live, "the stream has ended")
        await press(pilot, "q")
        assert app.return_value == 0


async def test_a_decision_in_the_narrow_pane_opens_the_next() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=NARROW) as pilot:
        await press(pilot, "enter", "d", "t", "enter")
        assert engine.commands == [Decide((1,), "True Positive", ACTOR, "")]
        assert app.main.has_class("-opened")
        assert app.main.pane.alert_id == 2
        assert engine.watched == {2}


async def test_a_click_moves_the_cursor() -> None:
    app = make_app()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.click("#queue", offset=(20, 4))
        await settle(pilot)
        assert app.main.queue.table.cursor_key == scene.ROWS[3].id
