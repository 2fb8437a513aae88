"""The scrollbar that paints what changed looks as Textual's own does, and paints less."""

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.scrollbar import ScrollBar

from widgets.bar import LineBar

ROWS = 20


class Bars(App[None]):
    CSS = f"ScrollBar, LineBar {{ width: 1; height: {ROWS}; }}"

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ScrollBar(vertical=True, name="vertical")
            yield LineBar()


def _move(bar: ScrollBar, virtual: int, position: int) -> None:
    bar.window_size, bar.window_virtual_size, bar.position = ROWS, virtual, position


async def test_every_place_looks_like_textuals_own() -> None:
    app = Bars()
    async with app.run_test(size=(40, ROWS)) as pilot:
        theirs, ours = app.query(ScrollBar).first(), app.query_one(LineBar)
        places = [(50, 0), (50, 7), (50, 30), (400, 0), (400, 380), (401, 381), (25, 40), (20, 0), (90, 11)]
        for virtual, position in places:
            for bar in (theirs, ours):
                _move(bar, virtual, position)
            await pilot.pause()
            seen = [bar.render_lines(Region(0, 0, 1, ROWS)) for bar in (theirs, ours)]
            assert seen[0] == seen[1], (virtual, position)
            assert len(seen[1]) == ROWS


async def test_only_the_ends_of_the_thumb_are_painted_when_it_moves_a_little() -> None:
    app = Bars()
    async with app.run_test(size=(40, ROWS)) as pilot:
        ours = app.query_one(LineBar)
        _move(ours, 100, 10)
        await pilot.pause()
        ours._exchange_repaint_regions()
        ours.position = 11
        regions = ours._exchange_repaint_regions()
        assert 0 < sum(region.height for region in regions) <= 4
