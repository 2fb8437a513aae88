"""Why an alert stands where it stands, in words."""

from collections.abc import Mapping

from backend.api import OrderView, Row
from console.view_models.detail import OWED, Line, clock_words, severity_name
from console.view_models.turn import WIDE, field, turn_lines
from widgets.figures import age, countdown, countdown_style
from widgets.glyphs import lane_style, severity_style, state_word

_LANE_RULES = {
    "critical": "Critical and Fatal: each at once, before all",
    "high": "High: earliest deadline first, after critical",
    "medium": "Medium and Unknown: after critical and high",
    "low": "Low, Informational, or resolved by its vendor",
    "raw": "lines that no product called an alert: best effort",
}

_STATES = {
    "queued": "waits for its turn",
    "enriching": "context is being gathered",
    "analysing": "a model is writing",
    "paused": "a critical alert took its model; queued again, what was written is kept",
    "triaged": "has a verdict; waits for a person",
    "claimed": "a person has taken it on",
    "closed": "decided and closed",
}


def why_lines(
    row: Row,
    place: tuple[int, int],
    view: OrderView | None,
    *,
    now_ms: int,
    sla_s: Mapping[str, float],
    order: str,
    fits: int = 60,
    wide: int = WIDE,
) -> tuple[Line, ...]:
    """The order explained in at most `fits` lines of `wide` cells.

    `place` is the row's, from 1, and of how many; `view` is what the scheduler says, None until it has.
    """
    head, (number, of) = row.head, place
    native = f"the product said “{head.severity_native}”" if head.severity_native else ""
    newest = order == "newest"
    rule = "newest first; o puts what is due first" if newest else "lane by lane, in each what is due first"
    in_line = view is not None and view.standing not in ("none", "works")
    lines: list[Line] = [
        *field("place", f"{number:,} of {of:,}" if number else "not shown", "strong bold", rule),
        *field(
            "severity", severity_name(head.severity_id), f"{severity_style(head.severity_id)} bold", native
        ),
        *field("lane", row.lane, f"{lane_style(row.lane)} bold", _LANE_RULES.get(row.lane, "")),
        *_deadline(row, now_ms, sla_s),
    ]
    if not in_line or row.state not in ("queued", "enriching"):
        lines += field("state", state_word(row.state), "text", _STATES.get(row.state, ""))
    lines += _marks(row)
    if view is None:
        return tuple(lines[:fits])
    turn = turn_lines(view, fits - len(lines), wide)
    gap: list[Line] = [()] if len(lines) + len(turn) < fits else []
    return (*lines, *gap, *turn)


def _marks(row: Row) -> list[Line]:
    """What else about it moves it or stands for it."""
    lines: list[Line] = []
    if row.owed:
        lines += field("verdict", "playbook", "warn", OWED)
    if row.promoted:
        lines += field("raised", "to medium", "warn", row.promoted)
    if row.count > 1:
        lines += field("fold", f"{row.count:,} alerts", "text", "its verdict goes to all of them")
    if row.head.suppressed:
        lines += field("vendor", "resolved", "text", "by its own product, so it does not page")
    if row.head.time_quality != "exact":
        lines += field("time", "not exact", "warn", row.head.time_quality.replace("_", " "))
    return lines


def _deadline(row: Row, now_ms: int, sla_s: Mapping[str, float]) -> list[Line]:
    came = f"came {age((now_ms - row.received_ms) / 1000)} ago"
    if not row.deadline_ms:
        return field("deadline", "none", "text", f"this lane has none; {came}")
    due = f"verdict due by {clock_words(row.deadline_ms)}, {came}"
    if row.verdict_ms:
        met = row.sla_met is not False
        return field("deadline", "met" if met else "missed", "sla-ok" if met else "sla-breached", due)
    left = (row.deadline_ms - now_ms) / 1000
    style = countdown_style(left, sla_s.get(row.lane, 0.0))
    return field(
        "deadline", f"{countdown(abs(left))} {'left' if left >= 0 else 'over'}", f"{style} bold", due
    )
