"""Pictures of the main screen: three sizes in three themes, and the states an analyst meets."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest
from textual.pilot import Pilot

from backend.api import CatchUpView
from tests.support import scene
from tests.support.console import make_app, settle, until

Compare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}


def keys(*pressed: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Wait for the investigation where it is in sight, press keys, wait until all is drawn."""

    async def run(pilot: Pilot[int]) -> None:
        main = pilot.app.screen
        await settle(pilot)
        if main.size.width >= 110:
            pane = main.query_one("#detail-pane")
            await until(lambda: getattr(pane, "live", False), "the stream is live")
        await pilot.press(*pressed)
        await settle(pilot)
        await settle(pilot)

    return run


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
@pytest.mark.parametrize("size", SIZES)
def test_main_screen(snap_compare: Compare, size: str, theme: str) -> None:
    app = make_app(theme=theme)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=keys())


@pytest.mark.parametrize(
    ("name", "pressed"),
    [("opened", ("enter",)), ("decide", ("d", "f")), ("why", ("j", "w")), ("help", ("question_mark",))],
)
def test_states_at_80x24(snap_compare: Compare, name: str, pressed: tuple[str, ...]) -> None:
    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=keys(*pressed))


@pytest.mark.parametrize("size", SIZES)
def test_why_it_is_not_its_turn(snap_compare: Compare, size: str) -> None:
    pressed = ("j", "j", "j", "w")
    assert snap_compare(make_app(), terminal_size=SIZES[size], run_before=keys(*pressed))


@pytest.mark.parametrize("size", SIZES)
def test_what_is_made_up_for_after_an_outage(snap_compare: Compare, size: str) -> None:
    engine = scene.engine()
    rows = list(engine.snapshot.rows)
    rows[3] = msgspec.structs.replace(rows[3], state="paused")
    for n in (5, 7):
        by = "playbook:built-in"
        rows[n] = msgspec.structs.replace(rows[n], owed=True, degraded=True, analysed_by=by)
    engine.publish_rows(rows)
    words = "2 alerts wait for a model: the playbook stands in until one is free"
    engine.publish(catch_up=CatchUpView(owed=2, running=1, done=4), trouble=(words,))
    pressed = ("j", "j", "j", "j", "j")
    assert snap_compare(make_app(engine), terminal_size=SIZES[size], run_before=keys(*pressed))


def test_an_empty_demo_with_trouble(snap_compare: Compare) -> None:
    engine = scene.engine()
    engine.publish_rows([])
    engine.publish(demo=True, trouble=("kafka/alerts: broker does not answer; next try in 4 s",))
    app = make_app(engine)

    async def run(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await settle(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=run)


@pytest.mark.parametrize(("size", "pressed"), [("80x24", ("dollar_sign",)), ("120x40", ()), ("200x60", ())])
def test_money_that_runs_short(snap_compare: Compare, size: str, pressed: tuple[str, ...]) -> None:
    engine = scene.engine()
    engine.publish(cost=scene.SPARING, trouble=(scene.SPARING_TROUBLE,))
    assert snap_compare(make_app(engine), terminal_size=SIZES[size], run_before=keys(*pressed))
