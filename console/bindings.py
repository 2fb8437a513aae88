"""Every key of the console in one place: its id (for remapping), its keys, its action and its words.

Keys are letters, digits, signs, enter, escape, tab, arrows and space: what any terminal sends. The one
control chord is ctrl+p, Textual's own key for the palette, which `:` opens too. ctrl-a, -b, -s and -q
belong to screen, tmux and flow control, and alt to the terminal's own menus.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding
from textual.keys import format_key


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does."""

    id: str
    """The name under which `[ui.keys]` remaps it."""
    keys: str
    """Textual key names, several separated by commas; the first is the one shown."""
    action: str
    words: str
    """What it does, for the help screen and the palette."""
    group: str
    hint: str = ""
    """One or two words for the line at the foot of the screen; empty keeps it out of there."""
    palette: bool = True
    """Offered in the command palette too."""
    priority: bool = False
    """Taken before the focused widget sees the key."""

    def binding(self) -> Binding:
        """As Textual takes it."""
        return Binding(
            self.keys,
            self.action,
            self.words,
            id=self.id,
            show=False,
            tooltip=self.words,
            priority=self.priority,
        )


MOVE, TRIAGE, ASK, SELECT, VIEW, CONSOLE = "Move", "Triage", "Investigate", "Select", "View", "Console"
GROUPS = (MOVE, TRIAGE, ASK, SELECT, VIEW, CONSOLE)

SCREEN_KEYS: tuple[Key, ...] = (
    Key("pane.next", "tab", "focus_pane(1)", "Next pane", MOVE, palette=False),
    Key("pane.previous", "shift+tab", "focus_pane(-1)", "Previous pane", MOVE, palette=False),
    Key(
        "pane.back",
        "escape",
        "back",
        "Back; then drops selection, filter",
        MOVE,
        "back",
        False,
    ),
    Key(
        "tab.next",
        "right_square_bracket,right",
        "turn_tab(1)",
        "Next tab of the alert",
        MOVE,
        "next tab",
        palette=False,
    ),
    Key("tab.previous", "left_square_bracket,left", "turn_tab(-1)", "Previous tab", MOVE, palette=False),
    Key("alert.claim", "a", "claim", "Claim: take it on", TRIAGE, "claim"),
    Key("alert.decide", "d", "decide", "Decide, with a note: then t, f, b, s or i", TRIAGE, "decide"),
    Key("alert.done", "e", "done", "Done: close with the verdict that stands", TRIAGE, "done"),
    Key("alert.note", "n", "note", "Write a note", TRIAGE, "note"),
    Key("alert.undo", "u", "undo", "Undo your latest, or what the machine closed", TRIAGE, "undo"),
    Key("alert.approve", "A", "answer(True)", "Approve an action that interrupts", TRIAGE),
    Key("alert.deny", "D", "answer(False)", "Deny an action", TRIAGE),
    Key(
        "alert.investigate",
        "i",
        "investigate",
        "Investigate now, again if it was already",
        ASK,
        "investigate",
    ),
    Key("alert.ask", "r", "ask", "Ask on about this alert", ASK, "ask on"),
    Key("alert.why", "w", "why", "Why it stands where it stands", ASK, "why"),
    Key(
        "alert.latency",
        "l",
        "show_tab('waterfall')",
        "Latency waterfall: where its time went",
        ASK,
        "latency",
    ),
    Key("alert.sent", "S", "sent", "Sent: the exact bytes models got, and what would go next", ASK),
    Key("select.toggle", "x", "toggle_mark", "Select or let go", SELECT, "select"),
    Key(
        "select.more",
        "asterisk",
        "select_more",
        "Then a: all that match, r: same rule",
        SELECT,
    ),
    Key("view.filter", "slash", "filter", "Filter the queue", VIEW, "filter"),
    Key("view.critical", "1", "severity('critical')", "Critical and fatal only, or all again", VIEW),
    Key("view.high", "2", "severity('high')", "High only", VIEW),
    Key("view.medium", "3", "severity('medium')", "Medium only", VIEW),
    Key("view.low", "4", "severity('low')", "Low only", VIEW),
    Key("view.informational", "5", "severity('informational')", "Informational only", VIEW),
    Key("view.order", "o", "order", "What is due first, or the newest first", VIEW, "order"),
    Key("view.freeze", "space", "freeze", "Freeze the queue, or let it go on", VIEW, "freeze"),
    Key("view.cost", "dollar_sign", "cost", "What the models cost", VIEW, "cost"),
)
"""Keys of the main screen."""

APP_KEYS: tuple[Key, ...] = (
    Key("app.help", "question_mark", "console_help", "Every key", CONSOLE, "help"),
    Key("app.palette", "ctrl+p,colon", "command_palette", "Command palette", CONSOLE, palette=False),
    Key("app.suspend", "ctrl+z", "suspend_process", "To the shell; fg comes back", CONSOLE, palette=False),
    Key("app.theme", "T", "next_theme", "Next theme: dark, light, high contrast", CONSOLE),
    Key("app.quit", "q", "leave", "Quit; work goes on at the next start", CONSOLE, "quit"),
)
"""Keys that work on every screen that is not asking for something."""

MOVES: tuple[tuple[str, str], ...] = (
    ("table.down", "Next alert, or a line down"),
    ("table.up", "Previous alert, or a line up"),
    ("table.top", "First alert, or the beginning"),
    ("table.bottom", "Last alert, or follow the end"),
    ("table.page_down", "A page down"),
    ("table.page_up", "A page up"),
    ("table.open", "Open the alert"),
)
"""Binding ids of the widgets, with what they do: named here for the help screen."""

QUEUE_HINTS: tuple[str, ...] = (
    "table.open",
    "alert.investigate",
    "alert.ask",
    "alert.decide",
    "alert.done",
    "alert.claim",
    "view.filter",
    "view.freeze",
    "alert.undo",
    "app.quit",
)
"""Binding ids in the line at the foot while the queue has the keys, in order."""

DETAIL_HINTS: tuple[str, ...] = (
    "pane.back",
    "alert.ask",
    "alert.investigate",
    "alert.decide",
    "alert.done",
    "alert.note",
    "tab.next",
    "alert.latency",
    "alert.why",
)
"""The same for the investigation."""


def bindings(keys: Iterable[Key]) -> list[Binding]:
    """As Textual bindings."""
    return [key.binding() for key in keys]


def by_id() -> dict[str, Key]:
    """Every key of ours under its id."""
    return {key.id: key for key in (*SCREEN_KEYS, *APP_KEYS)}


def key_words(keys: str) -> str:
    """Key names as they are printed on a keyboard: `j`, `↓`, `$`, `esc`."""
    words = {
        "escape": "esc",
        "question_mark": "?",
        "pageup": "page up",
        "pagedown": "page down",
        "enter": "enter",
    }
    return " ".join(
        words.get(key.strip(), "shift+tab" if key.strip() == "shift+tab" else format_key(key.strip()))
        for key in keys.split(",")
    )


def unknown_ids(keymap: Mapping[str, str], known: Iterable[str]) -> tuple[str, ...]:
    """Ids in a keymap that name no binding, so that a slip in the configuration is said."""
    names = set(known)
    return tuple(sorted(set(keymap) - names))
