"""Keys of the view: freeze, filter, order, popups, tabs, help, palette, quit."""

import pytest
from textual.widgets import Input

from backend.api import (
    Claim,
    Command,
    Decide,
    Reply,
    SetFilter,
    SetOrder,
)
from console.screens.dialogs import Popup
from console.screens.help import HelpScreen
from tests.support import scene
from tests.support.console import ACTOR, make_app, settle, until
from tests.support.fake_engine import FakeEngine
from tests.support.pressing import NARROW, WIDE, has_keys, on_main, press


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


async def test_severity_keys_toggle_one_term() -> None:
    engine = scene.engine()
    engine.publish(filter_text="host:ws")
    app = make_app(engine)
    terms = ("sev>=critical", "sev:high", "sev:medium", "sev:low", "sev:informational")
    async with app.run_test(size=WIDE) as pilot:
        for key, term in enumerate(terms, 1):
            await press(pilot, str(key))
            assert engine.last() == SetFilter(f"{term} host:ws")
            engine.publish(filter_text=f"{term} host:ws")
            await settle(pilot)
            await press(pilot, str(key))
            assert engine.last() == SetFilter("host:ws")
            engine.publish(filter_text="host:ws")
            await settle(pilot)


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


async def test_where_the_cursor_rests_the_engine_may_look_ahead_and_a_held_key_says_nothing() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: engine.looked == [scene.ROWS[0].id], "the first row is looked at")
        await press(pilot, "j", "j", "j")
        await until(lambda: len(engine.looked) == 2, "another row is looked at")
        assert engine.looked[1] == app.main.queue.table.cursor_key
        assert engine.commands == []
