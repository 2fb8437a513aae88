from hypothesis import given, settings
from hypothesis import strategies as st

from backend.api import Row
from backend.pipeline import board as module
from backend.pipeline.board import Board
from tests.unit.pipeline.builders import head, row


def ids(board: Board) -> list[int]:
    return [one.id for one in board.rows()]


def test_rows_stand_by_lane_then_deadline_with_the_harmless_last() -> None:
    board = Board()
    board.put(row(1, lane="low", deadline_ms=0, received_ms=5))
    board.put(row(2, lane="high", deadline_ms=50, verdict="Benign", state="triaged"))
    board.put(row(3, lane="high", deadline_ms=90))
    board.put(row(4, lane="critical", deadline_ms=99))
    board.put(row(5, lane="high", deadline_ms=80))
    assert ids(board) == [4, 5, 3, 2, 1]
    board.set_order("newest")
    assert ids(board) == [5, 1, 4, 3, 2]
    board.set_order("priority")
    assert ids(board) == [4, 5, 3, 2, 1]


def test_a_newer_state_replaces_a_row_and_moves_it() -> None:
    board = Board()
    for number in (1, 2):
        board.put(row(number))
    before = board.version
    board.update(1, verdict="Benign", state="triaged")
    assert ids(board) == [2, 1]
    assert board.version > before
    assert board.update(99, state="closed") is None


def test_a_filter_holds_for_rows_that_come_later_and_a_wrong_one_changes_nothing() -> None:
    board = Board()
    board.put(row(1, head=head(1, severity_id=5)))
    assert board.set_filter("sev>=high") == ""
    board.put(row(2, head=head(2, severity_id=2)))
    board.put(row(3, head=head(3, severity_id=4)))
    assert ids(board) == [1, 3]
    assert (board.matching, board.open_total) == (2, 3)
    assert "nope" in board.set_filter("nope:1")
    assert (ids(board), board.filter_text, board.filter_error != "") == ([1, 3], "sev>=high", True)
    assert board.set_filter("") == ""
    assert (len(ids(board)), board.filter_error) == (3, "")


def test_closed_rows_leave_the_list_but_can_be_found_and_reopened() -> None:
    board = Board()
    for number in (1, 2):
        board.put(row(number))
    board.update(1, state="closed")
    assert (ids(board), board.open_total) == ([2], 1)
    assert board.get(1) is not None
    board.set_filter("state:closed")
    assert ids(board) == [1]
    board.update(1, state="triaged")
    board.set_filter("")
    assert (ids(board), board.open_total) == ([1, 2], 2)


def test_only_the_latest_closed_rows_are_kept() -> None:
    board = Board()
    for number in range(1, module.CLOSED_KEPT + 11):
        board.put(row(number))
        board.update(number, state="closed")
    assert board.get(10) is None
    assert board.get(11) is not None
    assert board.open_total == 0


def test_beyond_the_limit_the_least_urgent_are_counted_only() -> None:
    board = Board(limit=3)
    for number in range(1, 4):
        board.put(row(number, lane="low", deadline_ms=0))
    board.put(row(4, lane="low", deadline_ms=0))  # less urgent than all: never on the board
    board.put(row(5, lane="critical"))  # pushes one out
    assert ids(board) == [5, 1, 2]
    assert (board.beyond, board.open_total) == (2, 5)


def test_newest_first_shows_differently_but_still_keeps_the_urgent() -> None:
    board = Board(limit=2)
    board.set_order("newest")
    board.put(row(1, lane="critical"))
    board.put(row(2, lane="low"))
    board.put(row(3, lane="high"))
    assert ids(board) == [3, 1]
    assert board.beyond == 1


def test_closed_rows_take_no_room_from_open_ones() -> None:
    board = Board(limit=2)
    board.put(row(1))
    board.put(row(2, lane="low", deadline_ms=0))
    board.update(2, state="closed")
    board.put(row(3))
    assert (ids(board), board.beyond) == ([1, 3], 0)
    board.put(row(4, lane="critical"))  # the least urgent open row goes, not the closed one
    assert (ids(board), board.beyond, board.open_total) == ([4, 1], 1, 3)
    assert board.get(2) is not None


Change = st.tuples(
    st.integers(1, 12),
    st.sampled_from(["queued", "triaged", "claimed", "closed"]),
    st.sampled_from(["critical", "high", "low"]),
    st.sampled_from(["", "Benign", "Suspicious"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(Change, max_size=60), st.booleans())
def test_the_board_is_what_sorting_everything_would_give(
    changes: list[tuple[int, str, str, str]], newest: bool
) -> None:
    board = Board()
    if newest:
        board.set_order("newest")
    model: dict[int, Row] = {}
    for number, state, lane, verdict in changes:
        old = model.get(number)
        new = row(number, state=state, lane=old.lane if old else lane, verdict=verdict)
        board.put(new)
        model[number] = new
    shown = [one for one in model.values() if one.state != "closed"]
    key = (lambda r: (-r.received_ms,)) if newest else module._urgency
    assert list(board.rows()) == sorted(shown, key=key)
    assert board.open_total == board.matching == len(shown)
    assert all(board.get(one.id) == one for one in model.values())
