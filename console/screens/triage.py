"""What the triage keys do: from the selection or the cursor to a command, with the dialogs between."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from backend.api import AddNote, Claim, Command, Decide, Disposition, Undo
from console.screens.dialogs import DISPOSITIONS, Choice, DecideDialog, NoteDialog
from console.view_models.queue import title_of

if TYPE_CHECKING:
    from console.screens.main import MainScreen

BY_NAME: dict[str, Disposition] = {name: name for _, name in DISPOSITIONS}


class Triage:
    """Claim, decide, note and undo, on behalf of one analyst."""

    def __init__(self, screen: "MainScreen", send: Callable[[Command], None], actor: str) -> None:
        self._screen = screen
        self._send = send
        self._actor = actor

    def _about(self, targets: tuple[int, ...]) -> tuple[str, str]:
        """How many, and which, in words."""
        first = self._screen.row_of(targets[0])
        title = title_of(first) if first is not None else f"alert {targets[0]}"
        if len(targets) == 1:
            return "this alert", title
        return f"{len(targets)} alerts", f"{title} and {len(targets) - 1} more"

    def claim(self) -> None:
        """Take them on."""
        targets = self._screen.targets()
        if targets:
            self._send(Claim(targets, self._actor))
            self._screen.queue.release_marks()

    def decide(self) -> None:
        """Ask for a disposition and a note."""
        targets = self._screen.targets()
        if not targets:
            return
        many, which = self._about(targets)
        row = self._screen.row_of(targets[0])
        proposed = row.verdict if row is not None and len(targets) == 1 else ""

        def chosen(choice: "Choice | None") -> None:
            if choice is not None:
                self._close(Decide(targets, choice[0], self._actor, choice[1]))

        self._screen.app.push_screen(DecideDialog(f"Close {many} as", which, proposed), chosen)

    def done(self) -> None:
        """Close each with the verdict that stands; ask where there is none that a person may give."""
        targets = self._screen.targets()
        rows = [row for row in map(self._screen.row_of, targets) if row is not None]
        ready = [row for row in rows if row.verdict in BY_NAME]
        if not ready or len(ready) != len(targets):
            if targets and len(targets) == 1:
                self.decide()
            elif targets:
                waiting = len(targets) - len(ready)
                self._screen.say(
                    f"{waiting} of {len(targets)} have no verdict yet · d decides them all", "warning"
                )
            return
        for disposition in dict.fromkeys(row.verdict for row in ready):
            ids = tuple(row.id for row in ready if row.verdict == disposition)
            self._close(Decide(ids, BY_NAME[disposition], self._actor), targets)

    def _close(self, command: Decide, acted: tuple[int, ...] = ()) -> None:
        self._send(command)
        self._screen.after_decision(acted or command.alert_ids)

    def note(self) -> None:
        """Ask for a note."""
        targets = self._screen.targets()
        if not targets:
            return
        many, which = self._about(targets)

        def written(text: str | None) -> None:
            if text:
                self._send(AddNote(targets, text, self._actor))

        self._screen.app.push_screen(NoteDialog(f"Note on {many}", which), written)

    def undo(self) -> None:
        """Take back the latest."""
        self._send(Undo(self._actor))
