"""Approving or denying a recommended action that interrupts: chosen, then typed letter by letter."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from backend.api import RecommendedAction
from console.screens.line_input import LineInput
from console.screens.lines import LinesBlock
from widgets.heading import PaneTitle
from widgets.panel import Line
from widgets.safe import Shown, shown

Answer = tuple[RecommendedAction, str]
"""The action, and what was typed."""


class ActionDialog(ModalScreen["Answer | None"]):
    """Which action, with arrows; approving wants its target typed, denying takes a note or nothing."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", "Next action", show=False, id="action.down", priority=True),
        Binding("up,shift+tab", "step(-1)", "Previous action", show=False, id="action.up", priority=True),
        Binding("escape", "leave", "Leave", show=False, id="action.leave"),
    ]

    def __init__(self, actions: Sequence[RecommendedAction], *, approve: bool) -> None:
        """`actions` are those that need approval, at least one."""
        super().__init__()
        self._actions = tuple(actions)
        self._approve = approve
        self._at = 0

    def compose(self) -> ComposeResult:
        """Title, actions, the line to type on."""
        hint = "type the target exactly, enter approves" if self._approve else "enter denies, note optional"
        with Vertical(classes="dialog"):
            yield PaneTitle(classes="dialog-title")
            yield LinesBlock(id="popup-lines", wrap=True)
            yield LineInput(placeholder="target" if self._approve else "note (optional)", id="note")
            lines: list[Line] = [[(shown(f"{hint} · ↓ next · esc leaves"), "muted")]]
            if self._approve:
                lines.append([(Shown("recorded only: no sink carries actions out"), "warn")])
            yield LinesBlock(lines, id="dialog-hint")

    def on_mount(self) -> None:
        """Show the actions."""
        title = "Approve an action" if self._approve else "Deny an action"
        self.query_one(PaneTitle).show(((shown(title), "strong bold"),))
        self.query_one(Input).focus()
        self._show()

    def _show(self) -> None:
        lines: list[Line] = [
            [
                (Shown(" ▸ " if number == self._at else "   "), "accent bold"),
                (shown(one.action.replace("_", " ")), "strong" if number == self._at else "text"),
                (shown(f"  {one.target}"), "text"),
            ]
            for number, one in enumerate(self._actions)
        ]
        self.query_one("#popup-lines", LinesBlock).show(lines)

    def action_step(self, step: int) -> None:
        """The next or previous action."""
        self._at = (self._at + step) % len(self._actions)
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: what was typed is checked by the engine too, which says what is wrong with it."""
        event.stop()
        action = self._actions[self._at]
        if self._approve and event.value.strip() != action.target:
            self.app.bell()
            return
        self.dismiss((action, event.value.strip()))

    def action_leave(self) -> None:
        """Escape."""
        self.dismiss(None)
