"""What a toast says when a command was answered."""

from typing import Literal

from backend.api import (
    AddNote,
    Ask,
    Claim,
    Command,
    Decide,
    Investigate,
    Look,
    Reply,
    SetFilter,
    SetOrder,
    Undo,
)
from widgets.safe import Shown, shown

Loudness = Literal["information", "warning", "error"]

UNDO_HINT = " · u undoes"


def _alerts(count: int) -> str:
    return f"{count} alert{'' if count == 1 else 's'}"


def toast(command: Command, reply: Reply) -> tuple[Shown, Loudness] | None:
    """Words and loudness; None where the screen itself is the answer."""
    if isinstance(command, Look):
        return None  # nobody asked for anything
    if isinstance(command, SetFilter | SetOrder):
        return None if reply.ok else (shown(reply.text), "error")
    if not reply.ok:
        return shown(reply.text), "warning" if isinstance(command, Undo) else "error"
    if isinstance(command, Investigate | Ask):
        return None
    return shown(_done(command, reply)), "information"


def _done(command: Command, reply: Reply) -> str:
    match command:
        case Decide():
            done = len(reply.alert_ids) or len(command.alert_ids)
            return f"Closed{f' {_alerts(done)}' if done != 1 else ''} as {command.disposition}{UNDO_HINT}"
        case Claim():
            done = len(reply.alert_ids) or len(command.alert_ids)
            return f"Claimed{f' {_alerts(done)}' if done != 1 else ''}{UNDO_HINT}"
        case AddNote():
            done = len(command.alert_ids)
            return f"Note written{f' on {_alerts(done)}' if done != 1 else ''}{UNDO_HINT}"
        case _:
            return reply.text[:1].upper() + reply.text[1:]
