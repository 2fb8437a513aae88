from itertools import combinations

from rich.cells import cell_len
from wcwidth import wcswidth

from themes.definitions import TEXTS
from widgets.glyphs import (
    lane_glyph,
    lane_style,
    severity_glyph,
    severity_label,
    severity_style,
    source_glyph,
    state_word,
    verdict_glyph,
    verdict_label,
    verdict_short,
    verdict_style,
)

VERDICTS = (
    "Unknown",
    "False Positive",
    "True Positive",
    "Disregard",
    "Suspicious",
    "Benign",
    "Test",
    "Insufficient Data",
    "Security Risk",
    "Managed Externally",
    "Duplicate",
)


def test_severity_is_sign_and_word() -> None:
    assert [severity_label(number) for number in (5, 4, 3, 2, 1, 0)] == [
        "■ CRIT",
        "▲ HIGH",
        "● MED",
        "○ LOW",
        "· INFO",
        "? UNKN",
    ]
    assert severity_label(6) == "■ FATL"
    assert severity_label(99) == "? UNKN"


def test_severities_differ_without_colour_in_ascii_too() -> None:
    for ascii_only in (False, True):
        signs = [severity_glyph(number, ascii_only=ascii_only) for number in range(6)]
        assert all(one != other for one, other in combinations(signs, 2))
    assert all(severity_glyph(number, ascii_only=True).isascii() for number in range(7))


def test_every_sign_is_one_cell_in_every_table() -> None:
    signs = [severity_glyph(number) for number in range(7)]
    signs += [verdict_glyph(caption) for caption in VERDICTS]
    signs += [lane_glyph(name) for name in ("critical", "high", "medium", "low", "raw")]
    signs += [source_glyph(state) for state in ("starting", "live", "lagging", "paused", "failed")]
    for sign in signs:
        assert wcswidth(sign) == cell_len(sign) == 1, sign


def test_verdicts_have_short_and_long_forms() -> None:
    assert verdict_label("True Positive") == "■ True Positive"
    assert verdict_short("False Positive") == "FP"
    assert verdict_short("") == ""
    assert verdict_label("[/b]") == "? Unknown"
    shorts = [verdict_short(caption) for caption in VERDICTS]
    assert len(set(shorts)) == len(VERDICTS)


def test_styles_are_variables_of_the_theme() -> None:
    names = {severity_style(number) for number in range(8)} | {verdict_style(caption) for caption in VERDICTS}
    names |= {lane_style(name) for name in ("critical", "high", "medium", "low", "raw")}
    assert names <= set(TEXTS)
    assert state_word("analysing") == "writing"
