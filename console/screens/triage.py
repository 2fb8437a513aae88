"""What the triage keys do: from the selection or the cursor to a command, with the dialogs between."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from backend.api import AddNote, Approve, Claim, Command, Decide, Deny, Disposition, Reopen, Undo
from console.screens.action_dialog import ActionDialog, Answer
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
        rows = [self._screen.row_of(target) for target in targets]
        meant = sum(row.count if row is not None else 1 for row in rows)
        if meant == 1:
            return "this alert", title
        if len(targets) == 1:
            return f"{meant:,} alerts", f"{title}, with {meant - 1:,} folded with it"
        folded = f", with {meant - len(targets):,} folded with them" if meant > len(targets) else ""
        return f"{meant:,} alerts", f"{title} and {len(targets) - 1} more{folded}"

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
        """Take back the latest, or, on alerts that the machine has closed, its closing."""
        targets = self._screen.targets()
        rows = [row for row in map(self._screen.row_of, targets) if row is not None]
        if rows and all(row.closed_by_machine for row in rows):
            self._send(Reopen(targets, self._actor))
        else:
            self._send(Undo(self._actor))

    def answer(self, *, approve: bool) -> None:
        """Approve or deny an action of the alert that is open."""
        pane = self._screen.pane
        alert_id, actions = pane.alert_id, pane.to_approve
        if alert_id is None or not actions:
            self._screen.say("nothing here waits for an approval", "warning")
            return

        def answered(answer: "Answer | None") -> None:
            if answer is None:
                return
            action, typed = answer
            if approve:
                self._send(Approve(alert_id, action.action, action.target, typed, self._actor))
            else:
                self._send(Deny(alert_id, action.action, action.target, self._actor, typed))

        self._screen.app.push_screen(ActionDialog(actions, approve=approve), answered)
