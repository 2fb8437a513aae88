"""What the console asks and tells in front of the main screen: decide, note, select several, popups, quit."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click, Key
from textual.screen import ModalScreen
from textual.widgets import Input

from backend.api import Disposition
from console.screens.line_input import LineInput
from console.screens.lines import LinesBlock
from widgets.glyphs import verdict_label, verdict_style
from widgets.heading import PaneTitle
from widgets.panel import Line
from widgets.safe import Run, Shown, shown

DISPOSITIONS: tuple[tuple[str, Disposition], ...] = (
    ("t", "True Positive"),
    ("f", "False Positive"),
    ("b", "Benign"),
    ("s", "Suspicious"),
    ("i", "Insufficient Data"),
)

Choice = tuple[Disposition, str]


class Choices(LinesBlock, can_focus=True):
    """The five dispositions; a click chooses one."""

    def on_click(self, event: Click) -> None:
        """Choose the line that was clicked."""
        screen = self.screen
        if isinstance(screen, DecideDialog) and 0 <= event.y < len(DISPOSITIONS):
            screen.action_choose(event.y)


class DecideDialog(ModalScreen["Choice | None"]):
    """Disposition and note in one gesture: a letter chooses, enter closes, escape leaves all as it was."""

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "#choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(letter, f"choose({n})", name, show=False, id=f"decide.{name.lower().replace(' ', '_')}")
            for n, (letter, name) in enumerate(DISPOSITIONS)
        ),
        Binding("up,k", "step(-1)", "Up", show=False, id="decide.up"),
        Binding("down,j", "step(1)", "Down", show=False, id="decide.down"),
        Binding("enter", "decide", "Close", show=False, id="decide.close"),
        Binding("escape", "leave", "Leave", show=False, id="decide.leave"),
    ]

    def __init__(self, title: str, about: str, proposed: str) -> None:
        """`title` says how many alerts are meant, `about` which; `proposed` is the verdict that stands."""
        super().__init__()
        self._title = shown(title)
        self._about = shown(about)
        self._proposed = proposed
        names = [name for _, name in DISPOSITIONS]
        self._chosen: int | None = names.index(proposed) if proposed in names else None

    def compose(self) -> ComposeResult:
        """Title, choices, note."""
        with Vertical(classes="dialog"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock([[(self._about, "muted")]], classes="dialog-about")
            yield Choices(id="choices")
            yield LineInput(placeholder="note (optional)", id="note")
            yield LinesBlock(id="dialog-hint")

    def on_mount(self) -> None:
        """Show what is proposed."""
        self.query_one(PaneTitle).show(((self._title, "strong bold"),))
        self._show()

    def _show(self) -> None:
        lines: list[Line] = []
        for number, (letter, name) in enumerate(DISPOSITIONS):
            chosen = number == self._chosen
            style = f"{verdict_style(name)}{' bold' if chosen else ''}"
            line: list[Run] = [
                (Shown(" ▸ " if chosen else "   "), "accent bold"),
                (shown(letter), "accent bold"),
                (Shown("   "), ""),
                (shown(f"{verdict_label(name):<21}"), style),
            ]
            if name == self._proposed:
                line.append((Shown("the verdict that stands"), "muted"))
            lines.append(line)
        self.query_one(Choices).show(lines)
        hint = (
            "enter closes · esc leaves" if self._chosen is not None else "choose with a letter · esc leaves"
        )
        self.query_one("#dialog-hint", LinesBlock).show([[(shown(hint), "muted")]])

    def action_choose(self, number: int) -> None:
        """A letter: choose, and go on to the note."""
        self._chosen = number
        self._show()
        self.query_one(Input).focus()

    def action_step(self, step: int) -> None:
        """Arrows: the next or previous choice."""
        at = -1 if self._chosen is None and step > 0 else self._chosen or 0
        self._chosen = (at + step) % len(DISPOSITIONS)
        self._show()
        self.query_one(Choices).focus()

    def action_decide(self) -> None:
        """Enter: close with what is chosen."""
        if self._chosen is None:
            self.app.bell()
            return
        self.dismiss((DISPOSITIONS[self._chosen][1], self.query_one(Input).value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the note closes too."""
        event.stop()
        self.action_decide()

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(None)


class NoteDialog(ModalScreen["str | None"]):
    """One line of text for one or many alerts."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False, id="note.leave")]

    def __init__(self, title: str, about: str) -> None:
        super().__init__()
        self._title, self._about = shown(title), shown(about)

    def compose(self) -> ComposeResult:
        """Title and the line to write on."""
        with Vertical(classes="dialog"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock([[(self._about, "muted")]], classes="dialog-about")
            yield LineInput(placeholder="note", id="note")
            yield LinesBlock([[(Shown("enter writes it · esc leaves"), "muted")]], id="dialog-hint")

    def on_mount(self) -> None:
        """Show the title."""
        self.query_one(PaneTitle).show(((self._title, "strong bold"),))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: done, if something was written."""
        event.stop()
        text = event.value.strip()
        if text:
            self.dismiss(text)

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(None)


class Popup(ModalScreen[None]):
    """Lines to read; the key that opened it, escape, enter or q close it."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "leave", "Close", show=False, id="popup.leave")
    ]

    def __init__(self, title: str, lines: Sequence[Line], key: str) -> None:
        """`key` is the Textual name of the key that opened it."""
        super().__init__()
        self._title, self._lines, self._key = shown(title), lines, key

    def compose(self) -> ComposeResult:
        """Title and lines."""
        with Vertical(classes="dialog -popup"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock(self._lines, id="popup-lines")
            yield LinesBlock([[(Shown("esc closes"), "muted")]], id="dialog-hint")

    def on_mount(self) -> None:
        """Show the title."""
        self.query_one(PaneTitle).show(((self._title, "strong bold"),))

    def on_key(self, event: Key) -> None:
        """The key that opened it closes it."""
        if event.key == self._key:
            event.stop()
            self.dismiss(None)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


class ConfirmDialog(ModalScreen[bool]):
    """A question answered with y or n."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,q,enter", "answer(True)", "Yes", show=False, id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", show=False, id="confirm.no"),
    ]

    def __init__(self, title: str, lines: Sequence[Line], hint: str) -> None:
        super().__init__()
        self._title, self._lines, self._hint = shown(title), lines, shown(hint)

    def compose(self) -> ComposeResult:
        """The question and how to answer it."""
        with Vertical(classes="dialog"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock(self._lines, wrap=True, id="popup-lines")
            yield LinesBlock([[(self._hint, "muted")]], id="dialog-hint")

    def on_mount(self) -> None:
        """Show the title."""
        self.query_one(PaneTitle).show(((self._title, "strong bold"),))

    def action_answer(self, yes: bool) -> None:
        """Give the answer back."""
        self.dismiss(yes)


class SelectDialog(ModalScreen["str | None"]):
    """The second key of `*`: which rows to select."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a,asterisk", "pick('all')", "All that match", show=False, id="select.all"),
        Binding("r", "pick('rule')", "Same rule", show=False, id="select.rule"),
        Binding("n", "pick('none')", "None", show=False, id="select.none"),
        Binding("escape,q", "pick('')", "Leave", show=False, id="select.leave"),
    ]

    def compose(self) -> ComposeResult:
        """The three choices."""
        rows = (("a", "all that match"), ("r", "same rule as here"), ("n", "none"))
        lines: list[Line] = [
            [(shown(f"   {key}"), "accent bold"), (shown(f"   {words}"), "text")] for key, words in rows
        ]
        with Vertical(classes="dialog -small"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock(lines, id="popup-lines")
            yield LinesBlock([[(Shown("esc leaves"), "muted")]], id="dialog-hint")

    def on_mount(self) -> None:
        """Show the title."""
        self.query_one(PaneTitle).show(((Shown("Select"), "strong bold"),))

    def action_pick(self, what: str) -> None:
        """Give the choice back."""
        self.dismiss(what or None)
