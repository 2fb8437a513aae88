"""The shield of an opened alert: what the checks on its text and answer found, and who decided, in words."""

from collections.abc import Sequence

from backend.api import SEVERITY_NAMES, Analysis, Row, Ruling
from widgets.glyphs import guard_label, guard_style
from widgets.safe import Run, shown

Line = tuple[Run, ...]
MOST_NAMED = 3
"""Findings of a kind that are named in the card; the trail has them all."""
_OUTCOMES = {"raise": "raised to", "keep": "kept at", "lower": "lowered to", "close": "at"}


def guard_lines(row: Row, analysis: Analysis | None) -> tuple[Line, ...]:
    """A line for each thing found, then who decides and why; nothing where there is nothing to tell."""
    lines: list[Line] = []
    if analysis is not None:
        rails = analysis.guardrails
        struck = (*rails.ungrounded, *rails.miscited)
        for finding, items in (
            ("injection", rails.signals if row.injection else ()),
            ("struck", struck),
            ("withheld", rails.withheld),
        ):
            if items:
                lines.append(_found(finding, items))
    if lines or row.closed_by_machine:
        ruling = row.ruling
        if ruling is not None:
            lines.append(_decided(row, ruling))
    return tuple(lines)


def _found(finding: str, items: Sequence[str]) -> Line:
    """`≠ struck through: a; b; c and 2 more`."""
    more = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
    return (
        (shown(guard_label(finding)), f"{guard_style(finding)} bold"),
        (shown(": "), "text"),
        (shown("; ".join(items[:MOST_NAMED]) + more), "muted"),
    )


def _decided(row: Row, ruling: Ruling) -> Line:
    """Who decided, or has to, and the weightiest reason."""
    severity = SEVERITY_NAMES.get(ruling.severity_id, "Unknown")
    if row.closed_by_machine:
        sign, who = guard_label("closed"), ""
    elif row.decided_by:
        sign, who = "", f"decided by {row.decided_by}"
    else:
        sign, who = "", "a person decides" if ruling.human else "rules decided"
    outcome = f", {_OUTCOMES[ruling.outcome]} {severity}"
    reason = f": {ruling.reasons[0]}" if ruling.reasons else ""
    return (
        *(((shown(sign), f"{guard_style('closed')} bold"),) if sign else ()),
        (shown(who), "strong"),
        (shown(outcome), "text"),
        (shown(reason), "muted"),
    )
