"""The playbook's words: the sentence, the facts and the Markdown that cites evidence.

Whatever came from outside stands in a code span, so that Markdown in a title or command line has no effect.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from backend.alerts.model import SEVERITY_NAMES
from backend.alerts.text import SafeText, safe
from backend.analysis.model import KeyFact, RecommendedAction
from backend.analysis.playbook.decide import SUSPICIOUS_AT, TRUE_AT, Decision
from backend.analysis.playbook.reading import Picture
from backend.analysis.playbook.score import Reason, Score
from backend.analysis.playbook.tables import FAMILIES

SUMMARY_CHARS = 300
FACT_CHARS = 240
MAX_FACTS = 4
INJECTION = "the alert text tries to instruct a model"

_WAYS = {
    "inbound": "from outside to inside",
    "outbound": "from inside to outside",
    "inside": "between two machines inside",
    "outside": "between two outside addresses",
}


def quoted(text: str, limit: int = 160) -> str:
    """Text from outside as a Markdown code span."""
    shown = safe(" ".join(text[: 4 * limit].replace("`", "'").split()), limit)
    return f"`{shown}`" if shown else ""


def cite(ids: Sequence[str]) -> str:
    """`[E1][E3]`."""
    return "".join(f"[{one}]" for one in ids)


def summary(picture: Picture, score: Score, decision: Decision, signals: Sequence[str]) -> SafeText:
    """One sentence: what, where, who, and what it comes to."""
    what = picture.title.rstrip(". ")[:120]
    where = f" on {picture.host}" if picture.host and picture.host not in what else ""
    who = f" by {picture.user}" if picture.user and picture.user not in what else ""
    ends = [end for end in (picture.src, picture.dst) if end and end not in what]
    way = f" ({' → '.join(ends)})" if ends else ""
    return safe(f"{what}{where}{who}{way}: {_meaning(picture, score, decision, signals)}.", SUMMARY_CHARS)


def _meaning(picture: Picture, score: Score, decision: Decision, signals: Sequence[str]) -> str:
    label = FAMILIES[picture.family].label
    if signals:
        return f"{INJECTION}, which is itself a reason to look"
    if decision.verdict == "True Positive":
        return f"likely {label}, because {_lead(score, True)}"
    if decision.verdict == "Suspicious":
        return f"possibly {label}, because {_lead(score, True)}; not enough to be sure"
    if decision.verdict == "Test":
        return "marked as a test or sample, nothing else speaks for an attack"
    if decision.verdict == "Insufficient Data":
        return "too little is known to judge it"
    return f"harmless as far as can be seen, because {_lead(score, False)}"


def _lead(score: Score, hostile: bool) -> str:
    """The weightiest reason of one side, rather evidence or behaviour than the severity."""
    side = [one for one in score.reasons if (one.points > 0) == hostile and one.points]
    side.sort(key=lambda one: one.name in ("severity", "direction", "stopped"))
    text = side[0].text if side else "nothing speaks for an attack"
    return _clause(text)[:140]


def _clause(text: str) -> str:
    """A finding's sentence as part of another: small first letter, unless it begins a name."""
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first in ("This", "First", "The", "It", "No", "A") else text


def facts(picture: Picture, score: Score, signals: Sequence[str]) -> tuple[KeyFact, ...]:
    """Two to four facts: what was seen, then what weighs most, each piece of evidence once where possible."""
    own = (score.alert_id,)
    found = [KeyFact(safe(_seen(picture), FACT_CHARS), own)]
    if signals:
        text = f"{INJECTION[0].upper()}{INJECTION[1:]} ({', '.join(signals[:3])})"
        found.append(KeyFact(safe(text, FACT_CHARS), own))
    weighty = [one for one in score.reasons if one.points]
    weighty.sort(key=lambda one: one.evidence == own)  # other evidence first; stable, so by weight inside
    outside = [one for one in weighty if one.evidence != own][:2]
    inside = [one for one in weighty if one.evidence == own]
    for reason in (*outside, *inside):
        if len(found) < MAX_FACTS and not (len(found) >= 3 and reason.name == "severity"):
            text = reason.text if reason.name == "evidence" else reason.text[0].upper() + reason.text[1:]
            found.append(KeyFact(safe(text, FACT_CHARS), reason.evidence))
    if len(found) < 2:
        found.append(KeyFact(safe(f"It names {picture.entities} things to look into"), own))
    return tuple(found)


def _seen(picture: Picture) -> str:
    process = picture.alert.process
    if process.name and picture.host:
        parent = f", started by {process.parent_name}" if process.parent_name else ""
        return f"{process.name} ran on {picture.host}{parent}"
    if picture.src and picture.dst:
        port = picture.alert.dst.port or picture.alert.head.dst_port
        return f"{picture.src} spoke to {picture.dst}" + (f" port {port}" if port else "")
    who = f"{picture.user} " if picture.user else ""
    where = f"on {picture.host}" if picture.host else f"from {picture.src}" if picture.src else ""
    return f"{picture.title[:120]} {('by ' + who) if who else ''}{where}".strip()


def narrative(
    picture: Picture,
    score: Score,
    decision: Decision,
    signals: Sequence[str],
    actions: Sequence[RecommendedAction],
) -> str:
    """The whole text: what happened, why it matters, for and against, what to check, what to do."""
    parts = [_happened(picture, score)]
    if signals:
        parts.append(
            f"**Warning.** {INJECTION[0].upper()}{INJECTION[1:]} "
            f"({', '.join(quoted(one, 60) for one in signals[:3])}) {cite((score.alert_id,))}. "
            "Nothing it says was followed; whoever wrote it expected a machine to read it, so it stays open."
        )
    parts += [_matters(picture, score), _weighing(picture, score, decision), _checks(picture)]
    if actions:
        parts.append(_doing(actions))
    return "\n\n".join(part for part in parts if part)


def _happened(picture: Picture, score: Score) -> str:
    alert, head = picture.alert, picture.alert.head
    when = datetime.fromtimestamp(min(max(head.time_ms, 0), 253_402_300_799_000) / 1000, UTC)
    product = quoted(alert.product or head.product, 60) or "A product"
    rated = SEVERITY_NAMES.get(head.severity_id, "Unknown")
    text = f"**What happened.** {product} reported {quoted(picture.title)}, rated {rated}, "
    text += f"on {when:%Y-%m-%d} at {when:%H:%M:%S} UTC"
    text += {"exact": "", "received": " (when it was received)"}.get(head.time_quality, " (time uncertain)")
    text += _around(picture) + f" {cite((score.alert_id,))}."
    command = _command(picture)
    if command:
        text += f" {command} {cite((score.alert_id,))}."
    if alert.parse_errors:
        text += f" {len(alert.parse_errors)} of its fields could not be read."
    return text


def _around(picture: Picture) -> str:
    text = f" on {quoted(picture.host, 80)}" if picture.host else ""
    text += f", user {quoted(picture.user, 80)}" if picture.user else ""
    if picture.src and picture.dst:
        text += f", {_WAYS.get(picture.direction, 'between two ends')}: "
        text += f"{quoted(picture.src, 60)} to {quoted(picture.dst, 60)}"
    elif picture.src or picture.dst:
        text += f", {'from' if picture.src else 'to'} {quoted(picture.src or picture.dst, 60)}"
    return text


def _command(picture: Picture) -> str:
    process, file = picture.alert.process, picture.alert.file
    if process.name or process.cmd_line:
        text = f"The process was {quoted(process.name or process.cmd_line, 80)}"
        text += f", started by {quoted(process.parent_name, 80)}" if process.parent_name else ""
        shown = process.cmd_line and process.cmd_line != process.name
        return text + (f", with {quoted(process.cmd_line)}" if shown else "")
    path = file.path or file.name
    return f"The file was {quoted(path)}" if path else ""


def _matters(picture: Picture, score: Score) -> str:
    main, family = picture.main, FAMILIES[picture.family]
    if main is None:
        return f"**Why it matters.** As far as it is recognised, this is {family.label}. {family.risk}"
    named = f"{main.name} ({main.id})"
    text = f"**Why it matters.** {named}: {main.text} {cite((score.alert_id,))}"
    return text if family.risk[:20] in main.text else f"{text} {family.risk}"


def _weighing(picture: Picture, score: Score, decision: Decision) -> str:
    lines = ["**For and against.**"]
    lines += [_line("For", one) for one in score.reasons if one.points > 0][:6]
    against = [_line("Against", one) for one in score.reasons if one.points < 0][:4]
    lines += against or ["- Nothing on record speaks against it."]
    if decision.verdict in ("Suspicious", "Insufficient Data"):
        lines.append(f"- Usual harmless causes: {FAMILIES[picture.family].innocent}.")
    if score.hard:
        lines.append(f"- A hard signal stands, so nothing may lower it {cite(score.hard)}.")
    lines.append(
        f"- Sum {score.total}: a true positive from {TRUE_AT} on, suspicious from {SUSPICIOUS_AT} on. "
        f"Verdict: {decision.verdict}, confidence {decision.confidence:.2f}."
    )
    return "\n".join(lines)


def _line(side: str, reason: Reason) -> str:
    text = reason.text if reason.name not in ("evidence", "severity", "stopped", "suppressed") else ""
    shown = text or quoted(reason.text, 260)
    return f"- {side} ({reason.points:+d}): {shown} {cite(reason.evidence)}"


def _checks(picture: Picture) -> str:
    lines = ["**What to check next.**"]
    lines += [f"{n}. {step}" for n, step in enumerate(steps(picture), 1)]
    return "\n".join(lines)


def steps(picture: Picture) -> tuple[str, ...]:
    """The family's next steps with the alert's own names filled in."""
    alert = picture.alert
    names = {
        "{host}": quoted(picture.host, 80) or "the machine",
        "{user}": quoted(picture.user, 80) or "the user",
        "{src}": quoted(picture.src, 60) or "the source",
        "{dst}": quoted(picture.dst, 60) or quoted(picture.host, 80) or "the target",
        "{process}": quoted(alert.process.name, 80) or "the process",
        "{file}": quoted(alert.file.path or alert.file.name, 120) or "of that file",
        "{command}": quoted(alert.process.cmd_line, 120) or "the record may hold it under another name",
    }
    filled = []
    for step in FAMILIES[picture.family].checks:
        text = step
        # The alert's text goes in last and whole: a brace inside it is never a place to fill.
        pieces = [names.get(piece, piece) for piece in _pieces(text)]
        filled.append("".join(pieces))
    return tuple(filled)


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    while "{" in text:
        before, _, rest = text.partition("{")
        name, _, text = rest.partition("}")
        pieces += [before, f"{{{name}}}"]
    return [*pieces, text]


def _doing(actions: Sequence[RecommendedAction]) -> str:
    lines = ["**What to do.**"]
    for one in actions:
        wait = " (needs approval)" if one.needs_approval else ""
        lines.append(f"- {one.action.replace('_', ' ')}: {quoted(one.target, 120)}{wait}")
    return "\n".join(lines)
