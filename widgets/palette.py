"""From style names to what is drawn: theme variables resolved once for a ground, then looked up.

Line-based widgets draw segments themselves, so they can't leave colours to TCSS rules. They ask for a colour
by its meaning (`severity-critical`), which is a variable of the theme, never by its value.
"""

from collections.abc import Mapping

from rich.style import Style as RichStyle
from textual.color import Color, ColorParseError
from textual.widget import Widget

_ATTRIBUTES = frozenset({"bold", "italic", "underline", "strike"})

_FALLBACKS: dict[str, str] = {
    # meaning: the variable every Textual theme has, for a theme that does not define the meaning itself
    "text": "foreground",
    "strong": "foreground",
    "ok": "success",
    "warn": "warning",
    "live": "accent",
    "cost": "foreground",
    "citation": "accent",
    "severity-critical": "error",
    "severity-high": "warning",
    "severity-medium": "warning",
    "lane-critical": "error",
    "lane-high": "warning",
    "lane-medium": "warning",
    "verdict-true-positive": "error",
    "verdict-suspicious": "warning",
    "stage-over": "error",
    "stage-warn": "warning",
    "sla-breached": "error",
    "sla-soon": "warning",
    "ungrounded": "error",
    "cursor-ground": "panel",
    "cursor-blurred-ground": "panel",
    "marked-ground": "panel",
    "breached-ground": "surface",
}


def resolve(variables: Mapping[str, str], name: str) -> Color:
    """The colour of a meaning in a theme; the theme's foreground where it has none of that name."""
    for key in (name, _FALLBACKS.get(name, "foreground"), "foreground"):
        value = variables.get(key)
        if value:
            try:
                return Color.parse(value.split(" ", 1)[0])
            except ColorParseError:
                continue
    return Color.parse("white")


class Palette:
    """Styles by name, on one ground. Cheap to ask: every name is resolved once."""

    def __init__(self, variables: Mapping[str, str], ground: Color, text: str = "text") -> None:
        self._variables = variables
        self._ground = ground
        self._text = text
        self._styles: dict[str, RichStyle] = {}
        self._grounds: dict[tuple[str, str], Palette] = {}

    def style(self, name: str) -> RichStyle:
        """The style of space-separated words: one meaning at most, and attributes."""
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self._make(name)
        return found

    def _make(self, name: str) -> RichStyle:
        words = name.split()
        meaning = next((word for word in words if word not in _ATTRIBUTES), self._text)
        return RichStyle(
            color=resolve(self._variables, meaning).rich_color,
            bgcolor=self._ground.rich_color,
            bold=True if "bold" in words else None,
            italic=True if "italic" in words else None,
            underline=True if "underline" in words else None,
            strike=True if "strike" in words else None,
        )

    def on(self, ground: str, text: str = "") -> "Palette":
        """The same names on another ground (`cursor-ground`), plain text in another meaning if given."""
        key = (ground, text)
        found = self._grounds.get(key)
        if found is None:
            colour = self._ground + resolve(self._variables, ground) if ground else self._ground
            found = self._grounds[key] = Palette(self._variables, colour, text or self._text)
        return found


def palette_of(widget: Widget) -> Palette:
    """The palette for a widget as it stands: its app's theme on its own background."""
    base, ground = widget.background_colors
    return Palette(widget.app.theme_variables, base + ground)
