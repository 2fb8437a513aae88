from hypothesis import given
from hypothesis import strategies as st

from tests.unit.widgets.wall import COLUMNS
from widgets.columns import GUTTER, lay_out
from widgets.data import Column
from widgets.measure import cut, cut_runs, fit, fit_runs, runs_width, spread, width_of
from widgets.safe import Run, shown

WORDS = st.text(st.sampled_from("ab 日本é■\u0301"), max_size=30).map(shown)


def _names(width: int) -> list[str]:
    layout = lay_out(COLUMNS, width)
    return [COLUMNS[column.index].key for column in layout.placed]


def test_eighty_cells_hold_five_columns_and_wider_tables_more() -> None:
    assert _names(80) == ["sla", "sev", "title", "entity", "verdict"]
    assert _names(120) == ["sla", "sev", "title", "entity", "state", "verdict"]


def test_columns_leave_by_priority_when_room_is_scarce() -> None:
    assert _names(46) == ["sla", "sev", "title", "entity"]
    assert _names(34) == ["sla", "sev", "title"]


@given(st.integers(0, 250))
def test_columns_never_overlap_nor_leave_the_table(width: int) -> None:
    at = GUTTER
    for column in lay_out(COLUMNS, width).placed:
        assert column.x >= at
        assert column.width > 0
        at = column.x + column.width
        assert at <= max(width, GUTTER)


def test_flexible_columns_take_all_the_room_there_is() -> None:
    columns = (
        Column("a", shown("A"), 5, flex=1),
        Column("b", shown("B"), 5, flex=2),
        Column("c", shown("C"), 3),
    )
    last = lay_out(columns, 101).placed[-1]
    assert last.x + last.width == 100


@given(WORDS, st.integers(0, 20))
def test_cut_and_fit_keep_to_their_width(text: str, width: int) -> None:
    assert width_of(cut(text, width)) <= width
    assert width_of(fit(text, width)) == width
    assert width_of(fit(text, width, "right")) == width


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", "muted"])), max_size=5), st.integers(0, 40))
def test_runs_are_cut_and_padded_to_their_width(runs: list[Run], width: int) -> None:
    assert runs_width(cut_runs(runs, width)) <= width
    assert runs_width(fit_runs(runs, width)) == width
    assert runs_width(spread(runs, [(shown("right"), "")], width)) == width


def test_a_cut_shows() -> None:
    assert cut("Cobalt Strike", 8) == "Cobalt…"
    assert cut("日本語版", 5) == "日本…"
    assert cut_runs([(shown("10.4.2.17"), ""), (shown(" → "), "faint"), (shown("203"), "")], 11) == [
        (shown("10.4.2.17"), ""),
        (shown("…"), "faint"),
    ]
    assert cut_runs([(shown("full"), ""), (shown(""), "")], 4)[0] == (shown("full"), "")
