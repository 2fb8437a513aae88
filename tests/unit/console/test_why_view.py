"""What the scheduler says of an alert, in words that fit a small screen; and the key that asks for it."""

from concurrent.futures import Future

import msgspec
import pytest

from backend.api import OrderView, RoomView, TogetherView
from console.screens.why import WhyPopup
from console.view_models.turn import WIDE, turn_lines
from console.view_models.why import why_lines
from tests.support import scene
from tests.support.console import make_app, settle
from tests.support.pressing import press
from tests.support.scene_orders import BEST, CRITICAL, FAST, HIGH, LOCAL

FITS = 17
"""Lines that a popup has on a screen of 24."""


def text(view: OrderView, fits: int = 40, wide: int = WIDE) -> str:
    return "\n".join("".join(words for words, _ in line) for line in turn_lines(view, fits, wide))


def changed(**changes: object) -> OrderView:
    return msgspec.structs.replace(HIGH, **changes)


def test_every_number_of_the_scheduler_is_told_in_words() -> None:
    told = text(HIGH, wide=100)
    for part in (
        "12 of 14      in its lane, what is due soonest first",
        "1 high        a person waits for it · LSASS memory read by rundll32",
        "1 critical    lane goes first, 0:52 left · New admin from unknown ASN",
        "2 medium      would be late, 0:31 left · Outbound SMB blocked",
        "11 high       due sooner, 0:30 over · DNS tunnelling to young domain",
        "no room       all are at their limits; it keeps its place",
        "7 of 8 busy   2 critical, 4 high, 1 made up; 1 kept for critical; 3 wait",
        "4 of 50       requests left, says its vendor; 50 a minute",
        "1 of 8 busy   1 medium; 1 kept for critical",
        "cooling       refused 5 of 5 calls; next try in 20 s",
        "in 1:14       4.2 s an answer, if nothing more urgent comes",
        "once          to a critical alert; what was written is kept",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (changed(standing="works", ahead=()), "now           a worker has it"),
        (changed(standing="asked"), "a person asked for it: before every lane"),
        (changed(standing="stored", ahead=()), "in the journal, until there is room in memory"),
        (
            changed(standing="forming", ahead=(), together=TogetherView(3, 8, 1.24)),
            "batch 3 of 8  alike ones may join for 1.2 s more",
        ),
        (changed(standing="formed", ahead=(), together=TogetherView(8, 8, 0.0)), "batch of 8"),
        (changed(ahead=()), "nothing       the next free worker takes it"),
        (changed(rooms=()), "the built-in analyst answers at once"),
        (changed(starts_in_s=0.4), "at once"),
        (changed(starts_in_s=None), "not known: no answer has been timed yet"),
        (changed(tries=2), "twice         in a stage; it is tried three times"),
        (OrderView(1, note="the engine is not running"), "the engine is not running"),
        (OrderView(1, rooms=(BEST,)), "it waits for no model: it is in no queue"),
        (changed(rooms=(msgspec.structs.replace(BEST, pause_s=12.0),)), "0:12 pause"),
    ],
)
def test_each_standing_has_its_words(view: OrderView, words: str) -> None:
    assert words in text(view)


def test_what_waits_for_nothing_is_told_of_no_models() -> None:
    assert text(OrderView(1, rooms=(BEST,))).count("\n") == 0


@pytest.mark.parametrize("view", [HIGH, CRITICAL])
def test_it_fits_a_small_screen_and_says_the_most_needed(view: OrderView) -> None:
    row = next(row for row in scene.ROWS if row.id == view.alert_id)
    lines = why_lines(
        row, (4, 13), view, now_ms=scene.NOW_MS, sla_s={"high": 300.0}, order="priority", fits=FITS
    )
    assert len(lines) <= FITS
    assert all(sum(len(words) for words, _ in line) <= WIDE for line in lines)
    told = "\n".join("".join(words for words, _ in line) for line in lines)
    for name in ("place", "severity", "lane", "deadline", "turn", "in front", "best", "fast", "start"):
        assert f"\n{name} " in f"\n{told}"


def test_many_models_and_long_names_stay_within_their_lines() -> None:
    rooms: tuple[RoomView, ...] = tuple(
        msgspec.structs.replace(one, name=f"a-model-with-a-long-name-{number}")
        for number, one in enumerate((BEST, FAST, LOCAL) * 4)
    )
    lines = turn_lines(changed(rooms=rooms), 12)
    assert len(lines) == 12
    assert any("in 1:14" in "".join(words for words, _ in line) for line in lines)
    assert all(sum(len(words) for words, _ in line) <= WIDE for line in lines)


async def test_it_is_asked_anew_while_it_is_open() -> None:
    engine = scene.engine()
    app = make_app(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "j", "j", "j", "w")
        popup = app.screen
        assert isinstance(popup, WhyPopup)
        await settle(pilot)

        def shown() -> str:
            return app.export_screenshot().replace("&#160;", " ")

        assert "12 of 14" in shown()
        engine.orders[4] = changed(place=2, of=3)
        popup._ask()
        await settle(pilot)
        assert "2 of 3" in shown()
        await press(pilot, "w")
        assert app.screen is app.main


async def test_an_engine_that_can_not_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = scene.engine()

    def broken(_alert_id: int) -> "Future[OrderView]":
        future: Future[OrderView] = Future()
        future.set_exception(RuntimeError("the loop is closed"))
        return future

    monkeypatch.setattr(engine, "why", broken)
    app = make_app(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "w")
        await settle(pilot)
        told = app.export_screenshot().replace("&#160;", " ")
        assert "it could not be asked: the loop is closed" in told
        assert "1 of 13" in told
