"""The three layouts, the plain notice below them, and a resize storm."""

import pytest

from console.app import WatchfloorApp
from tests.support import scene
from tests.support.console import make_app, settle, until


def picture_of(app: WatchfloorApp) -> str:
    return app.export_screenshot().replace("&#160;", " ")


def seen(app: WatchfloorApp) -> dict[str, bool]:
    main = app.main
    panes = {"queue": main.queue, "pane": main.pane, "rail": main.rail, "strip": main.strip}
    return {name: bool(pane.display and pane.region.area) for name, pane in panes.items()}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((80, 24), {"queue": True, "pane": False, "rail": False, "strip": False}),
        ((120, 40), {"queue": True, "pane": True, "rail": False, "strip": True}),
        ((200, 60), {"queue": True, "pane": True, "rail": True, "strip": True}),
    ],
)
async def test_what_each_size_shows(size: tuple[int, int], expected: dict[str, bool]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert seen(app) == expected


async def test_80_columns_show_five_and_the_pane_in_their_place() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        picture = picture_of(app)
        for title in ("SLA", "SEV", "ALERT", "SRC → DST", "VERDICT"):
            assert title in picture
        await pilot.press("enter")
        await settle(pilot)
        assert seen(app)["queue"] is False
        assert seen(app)["pane"] is True


async def test_60_to_40_at_120_columns() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert app.main.queue.region.width == 72
        assert app.main.pane.region.width == 48


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (20, 5), (1, 1)])
async def test_too_small_is_said_plainly(size: tuple[int, int]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert not app.main.query_one("#whole").display
        assert app.main.query_one("#too-small").display


async def test_a_resize_storm_keeps_cursor_and_open_alert() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("j", "j", "enter")
        await until(lambda: app.main.pane.alert_id == 3, "opened")
        for size in ((20, 5), (300, 100), (80, 24), (60, 15), (200, 60), (119, 29), (80, 24)):
            await pilot.resize_terminal(*size)
        await settle(pilot)
        assert app.main.queue.table.cursor_key == 3
        assert app.main.pane.alert_id == 3
        assert seen(app)["pane"] is True


async def test_the_investigation_follows_a_resting_cursor_where_it_is_in_sight() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: engine.watched == {1}, "the first row is watched")
        await pilot.press("j", "j", "j")
        await until(lambda: engine.watched == {4}, "the row the cursor rests on is watched")
        assert 2 not in engine.watch_calls
        assert engine.commands == []


async def test_a_narrow_queue_reads_nothing_until_it_is_opened() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j", "j")
        await pilot.pause(0.4)
        assert engine.watch_calls == []


async def test_demo_and_trouble_stand_where_the_analyst_looks() -> None:
    engine = scene.engine()
    engine.publish(demo=True, trouble=("kafka/alerts: broker gone, next try in 4 s", "a second", "a third"))
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        picture = picture_of(app)
        assert "DEMO" in picture
        assert "demonstration data, not your network" in picture
        assert "broker gone, next try in 4 s" in picture
        assert "+2 more" in picture
        engine.failed = "journal: disk full"
        await until(lambda: "disk full" in picture_of(app), "the failure")


async def test_an_empty_queue_looks_healthy_and_a_filtered_one_says_why() -> None:
    engine = scene.engine()
    engine.publish_rows([])
    app = make_app(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        picture = picture_of(app)
        assert "queue clear" in picture
        assert "last event just now · 2 of 2 sources live" in picture
        engine.publish(filter_text="host:x", open_total=13)
        await until(lambda: "nothing matches the filter" in picture_of(app), "why")
