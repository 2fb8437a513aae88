"""The help screen: every key there is, by group, as it is mapped now."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen

from console.bindings import APP_KEYS, GROUPS, MOVE, MOVES, SCREEN_KEYS
from console.screens.lines import LinesBlock
from widgets.heading import PaneTitle
from widgets.panel import Line
from widgets.safe import Run, Shown, shown

FILTER_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("beacon lsass", "words, in any order"),
    ("sev>=high", "severity: unknown … fatal"),
    ("src:10.0.0.0/8", "also dst: host: user: rule: lane:"),
    ("state:closed", "open, claimed, triaged, any …"),
    ("verdict:tp", "tp, fp, benign, suspicious, none"),
    ("-rule:scan", "a minus leaves out"),
)


def _line(*pieces: tuple[str, str]) -> tuple[Run, ...]:
    return tuple((shown(text), style) for text, style in pieces)


LEGEND: tuple[tuple[Run, ...], ...] = (
    _line(
        ("■ CRIT", "severity-critical bold"),
        ("  ▲ HIGH", "severity-high"),
        ("  ● MED", "severity-medium"),
        ("  ○ LOW", "severity-low"),
        ("  · INFO", "severity-info"),
    ),
    _line(
        ("0:41", "sla-ok"), (" left   ", "muted"), ("-0:12", "sla-breached"), (" over   ", "muted"),
        ("✓ 2.1s", "sla-ok"), (" met", "muted"),
    ),
    _line(("✎", "accent"), (" has a note   ", "muted"), ("~", "warn"), (" a fallback's answer", "muted")),
    _line(("! injection", "error bold"), (" tries to instruct the model", "muted")),
)  # fmt: skip


class HelpScreen(ModalScreen[None]):
    """Lists the keys of the console; scrolls where they don't fit."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#help-scroll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "leave", "Close", show=False, id="help.leave"),
        Binding("j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k", "scroll(-1)", "Up", show=False, id="help.up"),
    ]

    def __init__(self, keys_of: Callable[[str], str]) -> None:
        """`keys_of` gives the keys of a binding id as they are printed on a keyboard."""
        super().__init__()
        self._keys_of = keys_of
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]

    def compose(self) -> ComposeResult:
        """Two columns of groups; one where the screen is narrow."""
        with Vertical(id="help"):
            yield PaneTitle(id="help-title")
            with VerticalScroll(id="help-scroll"), Horizontal(id="help-columns"):
                yield LinesBlock(self._groups(GROUPS[:3]), id="help-left")
                yield LinesBlock([*self._groups(GROUPS[3:]), *self._rest()], id="help-right")

    def on_mount(self) -> None:
        """Write the heading."""
        self.query_one(PaneTitle).show(
            ((Shown("Keys"), "strong bold"),),
            ((Shown("esc closes · remap them under [ui.keys] by id"), "muted"),),
        )

    def _groups(self, groups: tuple[str, ...]) -> list[Line]:
        lines: list[Line] = []
        for group in groups:
            lines.append([(shown(group.upper()), "accent bold")])
            if group == MOVE:
                lines += [self._line(self._keys_of(name), words) for name, words in MOVES]
            lines += [
                self._line(self._keys_of(key.id), key.words)
                for key in (*SCREEN_KEYS, *APP_KEYS)
                if key.group == group
            ]
            lines.append([])
        return lines

    def _line(self, keys: str, words: str) -> Line:
        return [(shown(f" {keys:<11} "), "strong"), (shown(words), "text")]

    def _rest(self) -> list[Line]:
        filters: list[Line] = [
            [(shown(f" {term:<16}"), "accent"), (shown(words), "muted")] for term, words in FILTER_EXAMPLES
        ]
        return [
            [(Shown("FILTER"), "accent bold")],
            *filters,
            [],
            [(Shown("SIGNS"), "accent bold")],
            *[((Shown(" "), ""), *line) for line in LEGEND],
        ]

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """A line up or down."""
        self.query_one("#help-scroll", VerticalScroll).scroll_relative(y=lines, animate=False)
