"""Rows that stand for many, batches that form: in words, on every size of screen."""

import msgspec

from backend.alerts.text import SafeText
from backend.api import LaneView
from backend.fold_views import FoldView, MemberView, SeenBefore, Took
from console.view_models.detail import member_lines, shared_lines
from console.view_models.header import lane_items, shared_note
from console.view_models.header import shared_lines as rail_lines
from console.view_models.queue import QueueContext, title_cell
from tests.support.scene import NOW_MS, detail
from tests.support.scene_rows import row

CONTEXT = QueueContext(NOW_MS)
X = "\N{MULTIPLICATION SIGN}"


def words(line: object) -> str:
    assert isinstance(line, tuple)
    return "".join(str(text) for text, _ in line)


def cell(**changes: object) -> str:
    made = title_cell(row(1, **changes), CONTEXT)  # type: ignore[arg-type]  # fields of a row
    return str(made.text) + "".join(str(text) for text, _ in made.extra)


def test_a_row_says_first_how_many_it_stands_for_and_why_it_was_raised() -> None:
    assert cell() == "SSH brute force"
    assert cell(count=12) == f"{X}12 SSH brute force"
    surge = SafeText("surge: more than 10 times its usual rate")
    assert cell(count=5_312, promoted=surge) == f"{X}5.3k SSH brute force ▲ surge"


def lane(name: str, **changes: object) -> LaneView:
    return msgspec.structs.replace(LaneView(name, 0, 0, None, None, 0.0, 0, 0), **changes)


def test_lanes_tell_what_they_batch_and_fold() -> None:
    forming = lane("medium", forming=5, forming_of=8, forming_left_s=2, held=6)
    low, high = lane("low", folds=61, folded=1_840), lane("high", folds=1, folded=39)
    assert [str(shared_note(one)) for one in (forming, low, high, lane("raw"))] == [
        "batch 5/8",
        "61 folds",
        "39 repeats",
        "",
    ]
    assert [words(line) for line in rail_lines((forming, low, high, lane("raw")))] == [
        " medium   batch 5 of 8 forms, goes in 2 s",
        " low      1.8k alike folded on 61 rows, kept",
        " high     39 repeats on 1 row, kept",
    ]
    assert str(lane_items((low,), {})[0].note) == "61 folds"


def test_an_opened_fold_tells_when_who_and_what_was_seen_before() -> None:
    members = tuple(
        MemberView(n, NOW_MS, SafeText(f"10.0.0.{n}"), SafeText("10.9.9.9"), SafeText("")) for n in (3, 2)
    )
    fold = FoldView(False, 312, NOW_MS - 60_000, NOW_MS, Took(7), Took(1), members=members)
    seen = SeenBefore(44, 0, 0, "Benign", "False Positive", "ann", NOW_MS)
    one = row(1, count=312, last_ms=NOW_MS, promoted=SafeText("surge: so"))
    opened = msgspec.structs.replace(detail(one), fold=fold, seen=seen)
    first, second, third = (words(line) for line in shared_lines(one, opened))
    assert first.startswith(f"{X}312 alike, ")
    assert first.endswith(" · 7 sources · 1 destination")
    assert second == "▲ surge: so"
    assert third == f"seen before 44{X} · mostly Benign · ann said False Positive"
    assert shared_lines(row(1), None) == ()
    listed = [words(line) for line in member_lines(opened)]
    assert "10.0.0.3 → 10.9.9.9" in listed[1]
    assert listed[3] == "and 309 more, all in the journal"
