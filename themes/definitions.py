"""The three themes and what their variables mean.

A variable is named for what it says (`severity-critical`), so that a widget never knows a colour. Saturated
colour is kept for severity and verdict; everything else is told by place, weight and a narrow range of greys.
Every text variable has at least 4.5:1 against every ground (WCAG 2.2 AA), 7:1 in the high-contrast theme
(AAA); a test measures each pair.
"""

from typing import Any, Final

from textual.app import App
from textual.theme import Theme

GROUNDS: Final = (
    "background",
    "surface",
    "panel",
    "cursor-ground",
    "cursor-blurred-ground",
    "marked-ground",
    "breached-ground",
)
"""Variables that text stands on."""

TEXTS: Final = (
    "foreground",
    "strong",
    "muted",
    "faint",
    "accent",
    "ok",
    "warn",
    "error",
    "severity-critical",
    "severity-high",
    "severity-medium",
    "severity-low",
    "severity-info",
    "severity-unknown",
    "lane-critical",
    "lane-high",
    "lane-medium",
    "lane-low",
    "lane-raw",
    "verdict-true-positive",
    "verdict-suspicious",
    "verdict-benign",
    "verdict-false-positive",
    "verdict-insufficient",
    "verdict-unknown",
    "stage-ok",
    "stage-warn",
    "stage-over",
    "stage-wait",
    "sla-ok",
    "sla-soon",
    "sla-breached",
    "stream-heading",
    "stream-code",
    "stream-question",
    "citation",
    "ungrounded",
    "live",
    "cost",
)
"""Variables that text is written in."""

LINES: Final = ("rule",)
"""Variables that only lines are drawn in: they carry nothing that must be read."""


def _variables(
    *,
    strong: str,
    muted: str,
    faint: str,
    rule: str,
    accent: str,
    ok: str,
    warn: str,
    error: str,
    critical: str,
    high: str,
    medium: str,
    low: str,
    unknown: str,
    benign: str,
    code: str,
    cursor: str,
    cursor_blurred: str,
    marked: str,
    breached: str,
    foreground: str,
    background: str,
    panel: str,
) -> dict[str, str]:
    """All variables of a theme from the few colours it is made of."""
    return {
        "strong": strong,
        "muted": muted,
        "faint": faint,
        "rule": rule,
        "ok": ok,
        "warn": warn,
        "cursor-ground": cursor,
        "cursor-blurred-ground": cursor_blurred,
        "marked-ground": marked,
        "breached-ground": breached,
        "severity-critical": critical,
        "severity-high": high,
        "severity-medium": medium,
        "severity-low": low,
        "severity-info": muted,
        "severity-unknown": unknown,
        "lane-critical": critical,
        "lane-high": high,
        "lane-medium": medium,
        "lane-low": low,
        "lane-raw": muted,
        "verdict-true-positive": critical,
        "verdict-suspicious": high,
        "verdict-benign": benign,
        "verdict-false-positive": benign,
        "verdict-insufficient": unknown,
        "verdict-unknown": muted,
        "stage-ok": ok,
        "stage-warn": warn,
        "stage-over": error,
        "stage-wait": faint,
        "sla-ok": foreground,
        "sla-soon": warn,
        "sla-breached": critical,
        "stream-heading": strong,
        "stream-code": code,
        "stream-question": accent,
        "citation": accent,
        "ungrounded": error,
        "live": accent,
        "cost": foreground,
        # Textual's own widgets in the same voice
        "ground": background,
        "text-muted": muted,
        "text-disabled": faint,
        "border": accent,
        "border-blurred": rule,
        "block-cursor-background": cursor,
        "block-cursor-foreground": strong,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": cursor_blurred,
        "block-cursor-blurred-foreground": foreground,
        "block-cursor-blurred-text-style": "none",
        "block-hover-background": cursor_blurred,
        "input-selection-background": cursor,
        "input-cursor-background": accent,
        "input-cursor-foreground": background,
        "footer-background": panel,
        "footer-foreground": muted,
        "footer-key-foreground": accent,
        "footer-key-background": panel,
        "footer-description-foreground": muted,
        "footer-description-background": panel,
        "footer-item-background": panel,
        "scrollbar": rule,
        "scrollbar-hover": faint,
        "scrollbar-active": accent,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
        "button-foreground": foreground,
        "button-color-foreground": background,
        "link-color": accent,
        "link-background": background,
        "link-color-hover": strong,
        "link-background-hover": cursor,
    }


def _theme(name: str, *, dark: bool, surface: str, **colours: str) -> Theme:
    return Theme(
        name=name,
        dark=dark,
        primary=colours["accent"],
        secondary=colours["accent"],
        accent=colours["accent"],
        warning=colours["warn"],
        error=colours["error"],
        success=colours["ok"],
        foreground=colours["foreground"],
        background=colours["background"],
        surface=surface,
        panel=colours["panel"],
        variables=_variables(**colours),
    )


DARK: Final = _theme(
    "watchfloor-dark",
    dark=True,
    background="#0d1117",
    surface="#11161e",
    panel="#161c26",
    foreground="#c3ccd6",
    strong="#eef2f6",
    muted="#93a0af",
    faint="#8592a2",
    rule="#2a3442",
    accent="#8fb3d9",
    ok="#83b89a",
    warn="#dcb267",
    error="#ee7f86",
    critical="#ff7a80",
    high="#f5a35c",
    medium="#dfc46a",
    low="#7fb8cf",
    unknown="#b8a3e0",
    benign="#86c79c",
    code="#b9c4a3",
    cursor="#1d2a41",
    cursor_blurred="#1b2330",
    marked="#252543",
    breached="#2a171d",
)
"""Calm blue-grey, near black: for a dim room and a wall."""

LIGHT: Final = _theme(
    "watchfloor-light",
    dark=False,
    background="#fafaf8",
    surface="#f4f4f1",
    panel="#ecedea",
    foreground="#2b333d",
    strong="#0c1116",
    muted="#525c69",
    faint="#56606d",
    rule="#cfd3d6",
    accent="#1f5687",
    ok="#1d6440",
    warn="#79500a",
    error="#a9242f",
    critical="#b0151f",
    high="#8f4206",
    medium="#6b5400",
    low="#125b78",
    unknown="#5f3f9e",
    benign="#1d6440",
    code="#4a5527",
    cursor="#d3e0ef",
    cursor_blurred="#e3e7eb",
    marked="#dedcf2",
    breached="#f6e0df",
)
"""Paper: for daylight."""

CONTRAST: Final = _theme(
    "watchfloor-contrast",
    dark=True,
    background="#000000",
    surface="#000000",
    panel="#101214",
    foreground="#f2f4f6",
    strong="#ffffff",
    muted="#c8d0d8",
    faint="#bcc5ce",
    rule="#7a848f",
    accent="#8ecbff",
    ok="#7fe0a8",
    warn="#ffcf66",
    error="#ffa9a9",
    critical="#ffa6a6",
    high="#ffb870",
    medium="#ffe066",
    low="#8fdcf5",
    unknown="#d9c4ff",
    benign="#7fe0a8",
    code="#d9e6b8",
    cursor="#0e2c50",
    cursor_blurred="#22272d",
    marked="#2a2150",
    breached="#401218",
)
"""High contrast: 7:1 or better throughout."""

THEMES: Final = (DARK, LIGHT, CONTRAST)
DEFAULT_THEME: Final = DARK.name

VARIABLE_DEFAULTS: Final[dict[str, str]] = dict(DARK.variables)
"""What the variables are under a theme that does not define them; for `App.get_theme_variable_defaults`."""


def install(app: App[Any], theme: str = DEFAULT_THEME) -> None:
    """Make the three themes known to an app and choose one of them."""
    for definition in THEMES:
        app.register_theme(definition)
    app.theme = theme
