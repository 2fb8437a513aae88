"""Follow-up questions answered from what is on screen: by keyword, with citations, honest about limits."""

import re
from collections.abc import Callable, Sequence

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.model import Analysis
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.narrative import cite, quoted, steps
from backend.analysis.playbook.reading import Picture, read
from backend.analysis.playbook.score import Score, weigh
from backend.analysis.playbook.tables import FAMILIES
from backend.clock import iso
from backend.enrichment.base import Evidence

LIMIT = "The playbook answers from the evidence on screen; for open questions configure a model."


class _Case:
    """Everything an answer may draw on."""

    def __init__(self, alert: Alert, evidence: Sequence[Evidence], analysis: Analysis | None) -> None:
        self.alert = alert
        self.evidence = evidence
        self.picture: Picture = read(alert)
        self.score: Score = weigh(self.picture, evidence)
        self.verdict = analysis.verdict if analysis is not None else judge(alert, evidence)[0]
        self.by = f"{analysis.provider}:{analysis.model}".rstrip(":") if analysis is not None else "playbook"
        self.own = cite((self.score.alert_id,))

    def about(self, *values: str, kinds: Sequence[str] = ()) -> list[str]:
        """Evidence lines of these kinds or naming one of these values."""
        wanted = [value.lower() for value in values if value]
        return [
            f"- {quoted(one.finding.text, 300)} {cite((one.id,))}"
            for one in self.evidence
            if one.finding.kind != "alert"
            and (one.finding.kind in kinds or any(value in one.finding.text.lower() for value in wanted))
        ]


def answer(alert: Alert, evidence: Sequence[Evidence], analysis: Analysis | None, question: str) -> str:
    """Markdown that answers `question`, or says what it can't tell. Deterministic; raises nothing.

    `analysis` is the one being asked about; without one the playbook's own verdict stands in.
    """
    case = _Case(alert, evidence, analysis)
    asked = f" {' '.join(safe(question, 2_000).lower().split())} "
    for pattern, tell in _INTENTS:
        if pattern.search(asked):
            return tell(case)
    named = _named(case, asked)
    if named:
        return "\n".join([*named, "", LIMIT])
    known = ", ".join(sorted({one.finding.kind.replace("_", " ") for one in evidence})) or "the alert alone"
    return (
        f"I can't answer that. {LIMIT} On screen is: {known}. You can ask why, how sure, what to do, what to "
        "check, whether it was seen before, or about the technique, the host, the user or an address."
    )


def _named(case: _Case, asked: str) -> list[str]:
    """Evidence on whatever value of the alert the question mentions."""
    values = [case.picture.host, case.picture.user, case.picture.src, case.picture.dst]
    values += [case.alert.process.name, case.alert.file.name, case.alert.file.sha256]
    values += [one.value for one in case.alert.observables[:50]]
    hit = [value for value in dict.fromkeys(values) if len(value) > 2 and value.lower() in asked]
    if not hit:
        return []
    lines = case.about(*hit)
    shown = ", ".join(quoted(value, 80) for value in hit[:3])
    return [f"On {shown}, which the alert names {case.own}:", *(lines or ["- No evidence speaks of it."])]


def _why(case: _Case) -> str:
    lines = [f"**{case.verdict.verdict}** ({case.verdict.confidence:.2f}, by {case.by}) because:"]
    lines += [f"- {quoted(fact.text, 240)} {cite(fact.evidence)}" for fact in case.verdict.facts]
    lines.append("By the playbook's own weighing:")
    lines += [
        f"- {'for' if one.points > 0 else 'against'} ({one.points:+d}): {quoted(one.text, 200)} "
        f"{cite(one.evidence)}"
        for one in case.score.reasons
        if one.points
    ][:6]
    return "\n".join(lines)


def _confidence(case: _Case) -> str:
    pro = [one for one in case.score.reasons if one.points > 0]
    contra = [one for one in case.score.reasons if one.points < 0]
    sources = {one.evidence for one in pro}
    text = f"Confidence is {case.verdict.confidence:.2f} for {case.verdict.verdict} (by {case.by}). "
    text += (
        f"The sum of the playbook's reasons is {case.score.total}: {len(pro)} for, {len(contra)} against, "
    )
    text += f"from {len(sources)} different {'piece' if len(sources) == 1 else 'pieces'} of evidence"
    text += f" {cite(sorted({one for ids in sources for one in ids}))}. "
    return text + "It would change with: " + _missing(case)


def _missing(case: _Case) -> str:
    have = {one.finding.kind for one in case.evidence}
    words = {
        "threat_intel": "what threat intelligence says of the addresses and files",
        "asset": "what the machine is and who owns it",
        "history": "how earlier ones were decided",
        "user": "who the user is",
    }
    lacking = [text for kind, text in words.items() if kind not in have]
    return ("; ".join(lacking) if lacking else "the answers to the checks below, first of all this one: ") + (
        "." if lacking else steps(case.picture)[0]
    )


def _todo(case: _Case) -> str:
    lines = []
    if case.verdict.actions:
        lines.append("Recommended:")
        lines += [
            f"- {one.action.replace('_', ' ')}: {quoted(one.target, 120)}"
            + (" (needs approval)" if one.needs_approval else "")
            for one in case.verdict.actions
        ]
    else:
        lines.append(f"No action is recommended for {case.verdict.verdict}.")
    return "\n".join([*lines, "Before that, check:", *_numbered(case)]) + f"\n\nFrom the alert {case.own}."


def _next(case: _Case) -> str:
    label = FAMILIES[case.picture.family].label
    return "\n".join([f"For {label} {case.own}:", *_numbered(case)])


def _numbered(case: _Case) -> list[str]:
    return [f"{n}. {step}" for n, step in enumerate(steps(case.picture), 1)]


def _history(case: _Case) -> str:
    lines = case.about(kinds=("history", "related"))
    if lines:
        return "\n".join(["What is on record:", *lines])
    return f"Nothing on screen says whether this was seen before. {LIMIT}"


def _technique(case: _Case) -> str:
    shown = case.picture.techniques or ((case.picture.main,) if case.picture.main else ())
    if not shown:
        family = FAMILIES[case.picture.family]
        return f"The alert names no technique {case.own}. By its words it is {family.label}: {family.risk}"
    source = "The alert names" if case.picture.techniques else "The alert names none; its words point to"
    return "\n".join(
        [f"{source} {case.own}:", *(f"- {one.name} ({one.id}): {one.text}" for one in shown[:5])]
    )


def _user(case: _Case) -> str:
    user = case.picture.user
    if not user:
        return f"The alert names no user {case.own}."
    lines = case.about(user, kinds=("user",))
    return "\n".join([f"The user is {quoted(user)} {case.own}.", *(lines or [_silent("the user")])])


def _host(case: _Case) -> str:
    host = case.picture.host or case.picture.src
    if not host:
        return f"The alert names no host {case.own}."
    lines = case.about(host, kinds=("asset",))
    return "\n".join([f"The host is {quoted(host)} {case.own}.", *(lines or [_silent("the host")])])


def _address(case: _Case) -> str:
    src, dst = case.picture.src, case.picture.dst
    if not src and not dst:
        return f"The alert names no address {case.own}."
    lines = case.about(src, dst, kinds=("geoip", "threat_intel"))
    ends = " to ".join(quoted(end) for end in (src, dst) if end)
    return "\n".join([f"The addresses are {ends} {case.own}.", *(lines or [_silent("them")])])


def _silent(what: str) -> str:
    return f"No further evidence on screen speaks of {what}."


def _timeline(case: _Case) -> str:
    head = case.alert.head
    note = "" if head.time_quality == "exact" else f" (time quality: {head.time_quality.replace('_', ' ')})"
    lines = [f"- {iso(head.time_ms)}{note}: {quoted(head.title)} {case.own}"]
    if case.alert.count > 1:
        lines.append(f"- It stands for {case.alert.count} events {case.own}")
    lines += case.about(kinds=("history", "related"))
    return "\n".join(["In order, as far as the evidence goes:", *lines])


def _false_positive(case: _Case) -> str:
    against = [one for one in case.score.reasons if one.points < 0]
    lines = [f"The verdict in force is {case.verdict.verdict} ({case.verdict.confidence:.2f})."]
    if against:
        lines.append("What speaks for harmless:")
        lines += [f"- ({one.points:+d}) {quoted(one.text, 240)} {cite(one.evidence)}" for one in against[:4]]
    else:
        lines.append(f"Nothing on record speaks for harmless {case.own}.")
    if case.score.hard:
        lines.append(f"A hard signal stands against closing it {cite(case.score.hard)}.")
    innocent = FAMILIES[case.picture.family].innocent
    lines.append(f"When it is harmless, it usually is this: {innocent}.")
    lines.append(f"The check that settles it: {steps(case.picture)[0]}")
    return "\n".join(lines)


# The first that matches answers, so the more particular stand first.
_INTENTS: tuple[tuple[re.Pattern[str], Callable[[_Case], str]], ...] = (
    (re.compile(r"false positive|\bfp\b|harmless|benign|innocent|legit"), _false_positive),
    (re.compile(r"confiden|how sure|certain\b|how likely|probab"), _confidence),
    (re.compile(r"before\b|related|history|seen|similar|earlier|how often|again\b"), _history),
    (re.compile(r"technique|mitre|att&ck|attack pattern|\bt1\d{3}|tactic"), _technique),
    (re.compile(r"what (should|can|do) (i|we) do|recommend|respond|contain|remediat|\baction"), _todo),
    (re.compile(r"next|check|investigat|look at|verify|steps"), _next),
    (re.compile(r"timeline|\bwhen\b|what time|sequence|in order"), _timeline),
    (re.compile(r"\bwhy\b|reason|explain|how come|justif|evidence"), _why),
    (re.compile(r"\buser\b|\bwho\b|account|person"), _user),
    (re.compile(r"\bhost\b|machine|asset|server|owner|endpoint|device"), _host),
    (re.compile(r"\bips?\b|address|where|country|asn|source|destination|geo"), _address),
)
