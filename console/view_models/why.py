"""Why an alert stands where it stands, in words."""

from collections.abc import Mapping

from backend.api import Row
from console.view_models.detail import Line, clock_words, severity_name
from widgets.figures import countdown, countdown_style
from widgets.glyphs import lane_style, severity_style, state_word
from widgets.safe import shown

_LANE_RULES = {
    "critical": "Critical and Fatal: each at once, before all else",
    "high": "High: earliest deadline first, after critical",
    "medium": "Medium and Unknown: after critical and high",
    "low": "Low, Informational, or resolved by its vendor",
    "raw": "lines that no product called an alert: best effort",
}

_STATES = {
    "queued": "waits for its turn",
    "enriching": "context is being gathered",
    "analysing": "a model is writing",
    "triaged": "has a verdict; waits for a person",
    "claimed": "a person has taken it on",
    "closed": "decided and closed",
}


def _field(name: str, value: str, style: str, words: str = "") -> Line:
    return ((shown(f"{name:<10}"), "muted"), (shown(f"{value:<13} "), style), (shown(words), "muted"))


def why_lines(
    row: Row, place: int, of: int, *, now_ms: int, sla_s: Mapping[str, float], order: str
) -> tuple[Line, ...]:
    """The order explained: `place` is the row's, from 1, among `of`."""
    head = row.head
    native = f"the product said “{head.severity_native}”" if head.severity_native else ""
    newest = order == "newest"
    rule = "newest first; o puts what is due first" if newest else "lane by lane, in each what is due first"
    lines: list[Line] = [
        _field("place", f"{place} of {of}" if place else "not shown", "strong bold", rule),
        _field(
            "severity", severity_name(head.severity_id), f"{severity_style(head.severity_id)} bold", native
        ),
        _field("lane", row.lane, f"{lane_style(row.lane)} bold", _LANE_RULES.get(row.lane, "")),
        _deadline(row, now_ms, sla_s),
        _field("state", state_word(row.state), "text", _STATES.get(row.state, "")),
    ]
    if head.suppressed:
        lines.append(_field("vendor", "resolved", "text", "by its own product, so it does not page"))
    if head.time_quality != "exact":
        lines.append(_field("time", "not exact", "warn", head.time_quality.replace("_", " ")))
    return tuple(lines)


def _deadline(row: Row, now_ms: int, sla_s: Mapping[str, float]) -> Line:
    if not row.deadline_ms:
        return _field("deadline", "none", "text", "this lane has none")
    due = f"verdict due by {clock_words(row.deadline_ms)}"
    if row.verdict_ms:
        met = row.sla_met is not False
        return _field("deadline", "met" if met else "missed", "sla-ok" if met else "sla-breached", due)
    left = (row.deadline_ms - now_ms) / 1000
    style = countdown_style(left, sla_s.get(row.lane, 0.0))
    return _field(
        "deadline", f"{countdown(abs(left))} {'left' if left >= 0 else 'over'}", f"{style} bold", due
    )
