"""The verdict card: what the machine says, how sure it is, what it rests on and what it asks for."""

from widgets.data import ActionItem, FactItem, VerdictCard
from widgets.figures import bar, millis, usd
from widgets.glyphs import severity_label, severity_style, verdict_label, verdict_style
from widgets.inline import scan
from widgets.measure import cut_runs, runs_width
from widgets.safe import Run, Shown, shown
from widgets.wrap import wrap_runs

_ACTION_STATE = {
    "approved": ("approved", "ok"),
    "denied": ("denied", "muted"),
    "done": ("done", "ok"),
    "failed": ("failed", "error"),
}


def _head(card: VerdictCard) -> list[list[Run]]:
    """The first line's parts, most important first: the last ones give way on a narrow pane."""
    style = verdict_style(card.verdict)
    full, rest = bar(card.confidence, 8)
    parts: list[list[Run]] = [
        [(shown(verdict_label(card.verdict)), f"{style} bold")],
        [(shown(f"{card.confidence:.2f} "), "strong"), (Shown(full), style), (Shown(rest), "rule")],
    ]
    if card.severity_id is not None:
        parts.append([(shown(severity_label(card.severity_id)), severity_style(card.severity_id))])
    if card.cited_total:
        whole = card.cited >= card.cited_total
        parts.append([(shown(f"{card.cited} of {card.cited_total} cited"), "muted" if whole else "warn")])
    if card.cost_usd is not None:
        parts.append([(shown(usd(card.cost_usd)), "muted")])
    if card.after_ms is not None:
        parts.append([(shown(millis(card.after_ms)), "muted")])
    return parts


def _head_line(card: VerdictCard, room: int) -> list[Run]:
    line: list[Run] = []
    for part in _head(card):
        gap: list[Run] = [(Shown("   "), "")] if line else []
        if line and runs_width(line) + 3 + runs_width(part) > room:
            break
        line += gap + part
    return cut_runs(line, room)


def _warnings(card: VerdictCard) -> list[Run]:
    parts: list[Run] = []
    for set_, text, style in (
        (card.injection, "the alert tries to instruct the model", "error"),
        (card.degraded, "answered by a lower rung than planned", "warn"),
        (card.partial, "stream broke, what had arrived was used", "warn"),
    ):
        if set_:
            parts += [(Shown(" · " if parts else "! "), style), (Shown(text), style)]
    return parts


def _fact(fact: FactItem, room: int) -> list[list[Run]]:
    cited = "".join(f" [{name}]" for name in fact.evidence)
    runs = [
        *scan(fact.text, "" if fact.grounded else "ungrounded strike"),
        (shown(cited), "citation"),
    ]
    if not fact.grounded:
        runs.append((Shown("  not borne out"), "ungrounded"))
    return wrap_runs(runs, room, [(Shown("• "), "muted")], [(Shown("  "), "")])


def _action(action: ActionItem, room: int) -> list[list[Run]]:
    word, style = _ACTION_STATE.get(action.state, ("needs approval", "warn"))
    runs: list[Run] = [(shown(action.action.replace("_", " ")), "strong"), (Shown(" "), "")]
    runs.append((action.target, ""))
    if action.state != "proposed" or action.needs_approval:
        runs += [(Shown("   "), ""), (Shown(word), style)]
    return wrap_runs(runs, room, [(Shown("→ "), "accent")], [(Shown("  "), "")])


def card_lines(card: VerdictCard, width: int) -> list[list[Run]]:
    """The card as lines of at most `width` cells, each with the verdict's colour as a bar at its left."""
    edge: list[Run] = [(Shown("▌ "), verdict_style(card.verdict))]
    room = max(8, width - 3)
    body: list[list[Run]] = [_head_line(card, room)]
    if card.summary:
        body += wrap_runs(scan(card.summary, "strong"), room)
    for fact in card.facts:
        body += _fact(fact, room)
    for action in card.actions:
        body += _action(action, room)
    warnings = _warnings(card)
    if warnings:
        body += wrap_runs(warnings, room)
    return [edge + line for line in body]
