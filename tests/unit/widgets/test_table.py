from collections.abc import Sequence

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.unit.widgets.wall import COLUMNS, hostile, row
from themes import WIDGETS_TCSS
from themes.definitions import VARIABLE_DEFAULTS, install
from widgets.data import Cell, Column, RowData
from widgets.safe import Shown, shown
from widgets.table import VirtualTable


class Counting(VirtualTable):
    """Counts how many lines are drawn anew."""

    drawn = 0

    def render_line(self, y: int):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as in Textual
        self.drawn += 1
        return super().render_line(y)


class Board(App[None]):
    CSS_PATH = [WIDGETS_TCSS]  # noqa: RUF012 - Textual's attribute

    def __init__(self, columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__()
        self.table = Counting(columns)
        self.seen: list[int | None] = []
        self.opened: list[int] = []
        self.marks: list[frozenset[int]] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        install(self)
        self.table.focus()

    def on_virtual_table_row_highlighted(self, event: VirtualTable.RowHighlighted) -> None:
        self.seen.append(event.key)

    def on_virtual_table_row_opened(self, event: VirtualTable.RowOpened) -> None:
        self.opened.append(event.key)

    def on_virtual_table_marks_changed(self, event: VirtualTable.MarksChanged) -> None:
        self.marks.append(event.marked)

    def lines(self) -> list[str]:
        table = self.table
        return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


def _rows(keys: Sequence[int]) -> list[RowData]:
    return [row(key) for key in keys]


async def _settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause(0.05)


async def test_twenty_thousand_rows_cost_what_is_visible() -> None:
    app = Board()
    asked: list[int] = []

    def source(index: int) -> RowData:
        asked.append(index)
        return row(index)

    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_source(range(20_000), source, 1)
        await _settle(pilot)
        assert 0 < len(asked) <= 2 * 24
        asked.clear()
        await pilot.press("end")
        await _settle(pilot)
        assert app.table.cursor_key == 19_999
        assert len(asked) <= 2 * 24
        assert any("Alert 19999" in line for line in app.lines())


async def test_the_same_version_is_not_looked_at_again() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(5)), 1)
        app.table.set_rows(_rows(range(9)), 1)
        await _settle(pilot)
        assert app.table.row_count == 5


async def test_the_cursor_follows_its_row_when_rows_move() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(10)), 1)
        await pilot.press("j", "j", "j")
        assert app.table.cursor_key == 3
        app.seen.clear()
        app.table.set_rows(_rows([9, 8, 7, 3, 0, 1]), 2)
        await _settle(pilot)
        assert app.table.cursor_key == 3
        assert app.seen == []
        assert app.lines()[4].startswith("▌")
        await pilot.press("j")
        assert app.table.cursor_key == 0


async def test_when_its_row_goes_the_cursor_takes_the_next_in_place() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(5)), 1)
        await pilot.press("j", "j")
        app.table.set_rows(_rows([0, 1, 3, 4]), 2)
        await _settle(pilot)
        assert app.table.cursor_key == 3
        app.table.set_rows([], 3)
        await _settle(pilot)
        assert app.table.cursor_key is None
        assert app.seen[-1] is None


async def test_the_view_stays_still_while_rows_come_in_above() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_source(range(100, 300), lambda index: row(100 + index), 1)
        app.table.move_to(160)
        await _settle(pilot)
        before = app.lines()[1:]
        keys = [*range(50, 60), *range(100, 300)]
        app.table.set_source(keys, lambda index: row(keys[index]), 2)
        await _settle(pilot)
        assert app.lines()[1:] == before
        assert app.table.hidden_new == 10
        assert "↑ 10 new" in app.lines()[0]
        await pilot.press("home")
        await _settle(pilot)
        assert app.table.hidden_new == 0


async def test_frozen_rows_stay_and_what_waits_is_counted() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(5)), 1)
        app.table.frozen = True
        app.table.set_rows(_rows(range(42)), 2)
        await _settle(pilot)
        assert app.table.row_count == 5
        assert "frozen  +37 new" in app.lines()[0]
        app.table.frozen = False
        await _settle(pilot)
        assert app.table.row_count == 42
        assert "new" not in app.lines()[0]


async def test_a_tick_repaints_only_cells_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Board()
    left = 60

    def source(index: int) -> RowData:
        return row(index, left=left if index == 2 else 30)

    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_source(range(20_000), source, 1)
        await _settle(pilot)
        app.table.drawn = 0
        app.table.tick()
        await _settle(pilot)
        assert app.table.drawn == 0
        left = 59
        with monkeypatch.context() as patch:
            asked: list[Region] = []
            patch.setattr(app.table, "refresh", lambda *regions, **_: asked.extend(regions))
            app.table.tick()
        assert [(region.y, region.width, region.height) for region in asked] == [(3, 5, 1)]
        app.table.tick()
        await _settle(pilot)
        assert app.table.drawn == 1
        assert "0:59" in app.lines()[3]


async def test_a_step_of_the_cursor_repaints_two_lines() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_source(range(1000), row, 1)
        await _settle(pilot)
        app.table.drawn = 0
        app.table.move_by(1)
        await _settle(pilot)
        assert app.table.drawn == 2


async def test_keys_move_and_open() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_source(range(100), row, 1)
        await pilot.press("down", "j", "k", "enter")
        await pilot.press("G", "enter", "g", "pagedown")
        await _settle(pilot)
        assert app.opened == [1, 99]
        assert app.table.cursor_key == 22
        assert app.table.move_to(7)
        assert not app.table.move_to(1234)
        assert app.table.cursor_key == 7


async def test_selected_rows_are_marked_and_forgotten_when_they_leave() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(5)), 1)
        app.table.toggle_mark()
        app.table.mark([2, 3])
        await _settle(pilot)
        assert app.table.marked == {0, 2, 3}
        assert [line[1] for line in app.lines()[1:6]] == ["•", " ", "•", "•", " "]
        app.table.set_rows(_rows([1, 2, 4]), 2)
        await _settle(pilot)
        assert app.table.marked == {2}
        assert app.marks[-1] == {2}
        app.table.toggle_mark(2)
        assert not app.table.marked


async def test_a_click_selects_and_a_double_click_opens() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(_rows(range(10)), 1)
        await _settle(pilot)
        await pilot.click(VirtualTable, offset=(20, 4))
        assert app.table.cursor_key == 3
        assert app.opened == []
        await pilot.click(VirtualTable, offset=(20, 0))
        assert app.table.cursor_key == 3
        await pilot.click(VirtualTable, offset=(20, 6), times=2)
        assert app.opened == [5]


@pytest.mark.parametrize("payload", list(hostile()))
async def test_hostile_text_is_only_text(payload: str) -> None:
    app = Board((Column("t", shown("T"), 60),))
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows([RowData(1, (Cell(shown(payload)),))], 1)
        await _settle(pilot)
        assert shown(payload).rstrip() in app.lines()[1]
        await pilot.click(VirtualTable, offset=(3, 1))
        await _settle(pilot)
        assert app.is_running
        for segment in app.table.render_line(1):
            assert segment.style is None or (not segment.style.meta and segment.style.link is None)


async def test_a_line_feed_in_a_cell_does_not_break_the_row() -> None:
    app = Board((Column("t", shown("T"), 20),))
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows([RowData(1, (Cell(Shown("a\nb")),))], 1)
        await _settle(pilot)
        assert "a b" in app.lines()[1]


async def test_an_empty_table_says_so_in_the_middle() -> None:
    app = Board()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_empty([(shown("queue clear"), "strong"), (shown("last event 3 s ago"), "muted")])
        await _settle(pilot)
        lines = app.lines()
        assert lines[11].strip() == "queue clear"
        assert lines[12].strip() == "last event 3 s ago"
        app.table.set_rows(_rows([1]), 1)
        await _settle(pilot)
        assert "Alert 1" in app.lines()[1]


async def test_resizing_lays_the_columns_out_anew() -> None:
    app = Board()
    async with app.run_test(size=(120, 24)) as pilot:
        app.table.set_source(range(100), row, 1)
        await _settle(pilot)
        assert "STATE" in app.lines()[0]
        app.table.action_edge(1)
        await pilot.resize_terminal(80, 10)
        await _settle(pilot)
        lines = app.lines()
        assert "STATE" not in lines[0]
        assert "Alert 99" in lines[-1]
