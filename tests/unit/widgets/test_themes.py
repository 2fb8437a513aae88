import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

import widgets
from themes import WIDGETS_TCSS
from themes.definitions import GROUNDS, LINES, TEXTS, THEMES, VARIABLE_DEFAULTS


def _luminance(colour: Color) -> float:
    """WCAG 2.2 relative luminance."""

    def channel(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * channel(colour.r) + 0.7152 * channel(colour.g) + 0.0722 * channel(colour.b)


def _contrast(one: str, other: str) -> float:
    first, second = _luminance(Color.parse(one)), _luminance(Color.parse(other))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def _variables(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_ground(theme: Theme) -> None:
    variables = _variables(theme)
    least = 7.0 if theme.name.endswith("contrast") else 4.5
    bad = [
        (text, ground, round(ratio, 2))
        for text in TEXTS
        for ground in GROUNDS
        if (ratio := _contrast(variables[text], variables[ground])) < least
    ]
    assert not bad


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_textuals_own_widgets_can_be_read_too(theme: Theme) -> None:
    variables = _variables(theme)
    for text, ground in (
        ("footer-key-foreground", "footer-background"),
        ("footer-description-foreground", "footer-background"),
        ("block-cursor-foreground", "block-cursor-background"),
        ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
        ("text-muted", "panel"),
        ("text-muted", "surface"),
        ("foreground", "input-selection-background"),
        ("input-cursor-foreground", "input-cursor-background"),
    ):
        assert _contrast(variables[text], variables[ground]) >= 4.5, (text, ground)


def test_the_cursor_and_the_selection_can_be_told_from_the_ground() -> None:
    for theme in THEMES:
        grounds = [theme.variables[name] for name in GROUNDS if name in theme.variables]
        variables = _variables(theme)
        assert len({*grounds, variables["background"]}) == len(grounds) + 1


def test_every_theme_defines_every_variable() -> None:
    for theme in THEMES:
        assert set(theme.variables) == set(VARIABLE_DEFAULTS)
        assert {*TEXTS, *GROUNDS, *LINES} <= set(_variables(theme))


def test_widgets_name_meanings_and_never_colours() -> None:
    folder = Path(widgets.__file__).parent
    for path in [*folder.glob("*.py"), WIDGETS_TCSS]:
        text = path.read_text()
        assert not re.search(r"""["' ]#[0-9a-fA-F]{3,8}\b|\brgb\(|\bhsl\(""", text), path.name
    assert not re.search(r"^\s*\*\s*\{", WIDGETS_TCSS.read_text(), re.MULTILINE)


def test_widgets_never_read_markup() -> None:
    folder = Path(widgets.__file__).parent
    for path in folder.glob("*.py"):
        assert not re.search(
            r"from_markup|markup=True|\bStatic\b|\bLabel\b|\bMarkdown\(", path.read_text()
        ), path.name


def test_every_style_name_in_widgets_is_a_variable() -> None:
    known = {*TEXTS, *LINES, "text"}
    folder = Path(widgets.__file__).parent
    pattern = re.compile(
        r'"((?:severity|lane|verdict|stage|sla|stream)-[a-z-]+|muted|faint|citation|ungrounded|live)'
    )
    found = {name for path in folder.glob("*.py") for name in pattern.findall(path.read_text())}
    assert len(found) > 20
    assert found - known <= {"lane-"}
