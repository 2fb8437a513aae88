"""The shield: in a row one cell for each thing that checks found, in the pane words and who decides."""

import msgspec
import pytest

from backend.analysis.model import Guardrails, Ruling
from backend.api import MACHINE, Analysis, Row
from console.view_models.guard import guard_lines
from console.view_models.queue import QueueContext, title_cell
from tests.support.scene import NOW_MS, detail
from tests.support.scene_rows import row, safe
from widgets.glyphs import guard_glyph
from widgets.measure import width_of

RULING = Ruling("keep", "Suspicious", 4, True, (safe("the alert's text instructs a model"), safe("two")))
RAILS = Guardrails(
    True,
    ("override: ignore all",),
    ("db-prod-99", "203.0.113.66", "a.example"),
    miscited=("ws-1 in E2",),
    withheld=("block_ip 8.8.8.8: one's own",),
)


def told(of: Row, rails: Guardrails) -> list[str]:
    analysis = detail().analysis
    assert isinstance(analysis, Analysis)
    lines = guard_lines(of, msgspec.structs.replace(analysis, guardrails=rails))
    return ["".join(text for text, _ in line) for line in lines]


@pytest.mark.parametrize("finding", ["injection", "struck", "withheld", "closed"])
def test_each_sign_is_one_cell_and_has_an_ascii_twin(finding: str) -> None:
    assert width_of(guard_glyph(finding)) == 1
    twin = guard_glyph(finding, ascii_only=True)
    assert len(twin) == 1
    assert twin.isascii()


def test_signs_differ_by_more_than_colour() -> None:
    for ascii_only in (False, True):
        signs = {
            guard_glyph(one, ascii_only=ascii_only) for one in ("injection", "struck", "withheld", "closed")
        }
        assert len(signs) == 4


@pytest.mark.parametrize(
    ("changes", "signs"),
    [
        ({}, ""),
        ({"injection": True}, "! "),
        ({"struck": 2, "withheld": 1}, "≠⊘ "),
        ({"state": "closed", "decided_by": MACHINE}, "▣ "),
        ({"state": "closed", "decided_by": "jana"}, ""),
    ],
)
def test_a_row_has_a_sign_for_each_thing_found(changes: dict[str, object], signs: str) -> None:
    made = title_cell(row(1, **changes), QueueContext(NOW_MS))  # type: ignore[arg-type]  # fields of a row
    text = str(made.text) + "".join(str(text) for text, _ in made.extra)
    assert text == f"{signs}SSH brute force"  # before the title, which may be too long for its column


def test_the_pane_says_what_was_found_and_who_decides() -> None:
    lines = told(row(1, injection=True, struck=4, withheld=1, ruling=RULING), RAILS)
    assert lines == [
        "! instructs a model: override: ignore all",
        "≠ struck through: db-prod-99; 203.0.113.66; a.example and 1 more",
        "⊘ withheld: block_ip 8.8.8.8: one's own",
        "a person decides, kept at High: the alert's text instructs a model",
    ]


def test_the_pane_says_nothing_where_there_is_nothing_to_tell() -> None:
    assert told(row(1, verdict="Suspicious", ruling=RULING), Guardrails()) == []


def test_what_the_machine_closed_is_said_so_with_its_reason() -> None:
    ruling = Ruling("close", "Benign", 2, False, (safe("seen 214 times"),))
    lines = told(row(1, verdict="Benign", state="closed", decided_by=MACHINE, ruling=ruling), Guardrails())
    assert lines == ["▣ closed by machine, at Low: seen 214 times"]
