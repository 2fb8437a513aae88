"""Approving and denying what interrupts: typed, checked against what was recommended, kept in the trail.

Nothing carries an action out yet: an approval is a person's recorded word, and the reply says so.
"""

from backend.alerts.text import safe
from backend.api import Approve, Deny
from backend.clock import Clock
from backend.journal.reader import AlertRow
from backend.journal.stored import Decision, DecisionKind

MAX_NOTE = 4_000
DONE_BY_HAND = "recorded; no sink carries actions out, so it must be done by hand"


class ApprovalError(Exception):
    """It can't be approved or denied; the message says why in one line."""


def approval(
    command: Approve | Deny, stored: AlertRow | None, trail: list[Decision], clock: Clock
) -> Decision:
    """The audit trail's entry for the command.

    Raises:
        ApprovalError: nothing such is recommended for the alert, it needs no approval, it was answered
            already, or what was typed is not the target.
    """
    name = f"{command.action} {command.target}"
    result = stored.result if stored is not None else None
    if result is None:
        raise ApprovalError("there is no verdict yet, so nothing is recommended")
    found = next(
        (
            one
            for one in result.analysis.verdict.actions
            if one.action == command.action and one.target == command.target
        ),
        None,
    )
    if found is None:
        raise ApprovalError(f"{safe(name, 120)} is not recommended for this alert")
    if not found.needs_approval:
        raise ApprovalError(f"{found.action} interrupts nothing and needs no approval")
    before = _answered(trail, name)
    if before is not None:
        answer = "approved" if before.kind == "approve" else "denied"
        raise ApprovalError(f"{before.actor} has {answer} it already; undo takes that back")
    if isinstance(command, Approve) and command.confirmation.strip() != found.target:
        raise ApprovalError(f"not approved: type {found.target} exactly to approve {found.action}")
    kind: DecisionKind = "approve" if isinstance(command, Approve) else "deny"
    note = str(safe(command.note.strip(), MAX_NOTE))
    return Decision(command.alert_id, kind, name, command.actor, note, clock.wall_ms())


def _answered(trail: list[Decision], name: str) -> Decision | None:
    """The approval or denial of the same action that stands."""
    standing = (d for d in trail if d.undone_ms is None and d.kind in ("approve", "deny"))
    return next((d for d in standing if d.disposition == name), None)
