"""One alert opened: its pane's heading, card, verdict, evidence, waterfall and trail."""

from datetime import UTC, datetime

from backend.api import SEVERITY_NAMES, Alert, Detail, Row, Ruling, Verdict
from console.view_models.queue import TIMES, title_of
from widgets.data import (
    ActionItem,
    EvidenceItem,
    FactItem,
    VerdictCard,
    WaterfallBar,
    WaterfallData,
)
from widgets.figures import age, usd
from widgets.glyphs import (
    severity_label,
    severity_style,
    state_style,
    state_word,
    verdict_label,
    verdict_style,
)
from widgets.safe import Run, Shown, shown

Line = tuple[Run, ...]
SEPARATOR: Run = (Shown(" · "), "faint")
LATER = "later"
"""The playbook judged it while no model answered; a model is to follow."""
OWED = "will be analysed when a model is back"
"""Of an alert that the playbook judged while models were down."""


def clock_words(wall_ms: int) -> str:
    """A moment as hours, minutes and seconds UTC; times no calendar holds are —."""
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).strftime("%H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return "—"


def heading(row: Row) -> Line:
    """The pane's title line: how severe, and what."""
    return (
        (shown(severity_label(row.head.severity_id)), f"{severity_style(row.head.severity_id)} bold"),
        (Shown("  "), ""),
        (title_of(row), "strong bold"),
    )


def verdict_line(row: Row) -> tuple[Line, Line]:
    """The verdict that stands, always in sight; at the right the state and what it cost."""
    left: list[Run] = []
    if row.verdict:
        left.append((shown(verdict_label(row.verdict)), f"{verdict_style(row.verdict)} bold"))
        if row.closed_by_machine:
            left.append((Shown("  closed by machine · u reopens"), "text"))
        elif row.decided_by:
            left.append((shown(f"  by {row.decided_by}"), "text"))
        else:
            left.append((shown(f"  {row.confidence:.2f}"), "strong"))
    else:
        left.append((Shown("no verdict yet"), "muted"))
    for flag, words, style in (
        (row.partial, "partial", "warn"),
        (row.degraded, LATER if row.owed else "fallback", "warn"),
        (row.injection, "! instructs the model", "error bold"),
        *_ruled(row),
    ):
        if flag:
            left += [SEPARATOR, (shown(words), style)]
    right: list[Run] = [(shown(state_word(row.state)), state_style(row.state))]
    if row.cost_usd > 0:
        right += [SEPARATOR, (shown(usd(row.cost_usd)), "cost")]
    return tuple(left), tuple(right)


def _ruled(row: Row) -> tuple[tuple[bool, str, str], ...]:
    """What code made of the machine's verdict, where that is worth a word in sight."""
    ruling = row.ruling
    if ruling is None:
        return ()
    return (
        (row.severity_id != row.head.severity_id, f"now {severity_name(row.severity_id)}", "warn"),
        (bool(ruling.disagreement), f"rules say {ruling.disagreement}: you decide", "warn"),
        (ruling.sampled, "sample: a person looks", "muted"),
    )


def _endpoint(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if port and ":" in ip else f"{ip}:{port}" if port else ip


def card_lines(row: Row, alert: Alert | None, now_ms: int) -> tuple[Line, ...]:
    """What the alert itself says, in three lines at most: who and where, what ran, which rule."""
    head = row.head
    where: list[Run] = []
    if head.src_ip:
        where.append((shown(_endpoint(head.src_ip, head.src_port)), "strong"))
    if head.dst_ip:
        where += [
            (Shown(" → " if where else "→ "), "faint"),
            (shown(_endpoint(head.dst_ip, head.dst_port)), "strong"),
        ]
    for value in (head.hostname, head.user):
        if value:
            where += [*([SEPARATOR] if where else []), (shown(value), "text")]
    lines: list[Line] = [tuple(where)] if where else []
    ran = _ran(alert)
    if ran:
        lines.append(ran)
    rule = head.rule_name or head.rule_uid
    last: list[Run] = [(shown(head.product or head.format), "muted")]
    if rule and shown(rule) != title_of(row):
        last += [SEPARATOR, (shown(rule), "muted")]
    if alert is not None and alert.attacks:
        techniques = " ".join(a.technique or a.tactic for a in alert.attacks[:4])
        last += [SEPARATOR, (shown(techniques), "accent")]
    last += [
        SEPARATOR,
        (shown(f"{clock_words(head.time_ms)}, {age((now_ms - row.received_ms) / 1000)} ago"), "muted"),
    ]
    lines.append(tuple(last))
    return tuple(lines)


def shared_lines(row: Row, detail: Detail | None) -> tuple[Line, ...]:
    """What an alert stands for, and whether its like was seen before: a line each, where there is any."""
    lines: list[Line] = []
    fold = detail.fold if detail is not None else None
    if row.count > 1:
        runs: list[Run] = [(shown(f"{TIMES}{row.count:,}"), "accent bold")]
        same = fold.same if fold is not None else row.lane in ("critical", "high")
        runs.append((Shown(" the same again" if same else " alike"), "text"))
        last = clock_words(row.last_ms)
        runs.append((shown(f", {clock_words(row.received_ms)} to {last}"), "muted"))
        if fold is not None:
            for took, one, many in (
                (fold.sources, "source", "sources"),
                (fold.destinations, "destination", "destinations"),
                (fold.users, "user", "users"),
            ):
                if took.count:
                    runs += [SEPARATOR, (shown(f"{took.count:,} {one if took.count == 1 else many}"), "text")]
        lines.append(tuple(runs))
    if row.promoted:
        lines.append(((Shown("▲ "), "warn"), (shown(row.promoted), "warn")))
    seen = detail.seen if detail is not None else None
    if seen is not None:
        said: list[Run] = [(shown(f"seen before {seen.seen:,}{TIMES}"), "text")]
        if seen.verdict:
            said += [SEPARATOR, (shown(f"mostly {seen.verdict}"), verdict_style(seen.verdict))]
        if seen.human:
            said += [SEPARATOR, (shown(f"{seen.human_actor} said {seen.human}"), verdict_style(seen.human))]
        lines.append(tuple(said))
    return tuple(lines)


def member_lines(detail: Detail) -> list[Line]:
    """The newest of those that an alert stands for: when, from whom, to whom."""
    fold = detail.fold
    if fold is None or not fold.members:
        return []
    left = fold.count - 1 - len(fold.members)
    lines: list[Line] = [((Shown("FOLDED, NEWEST FIRST"), "muted bold"),)]
    for one in fold.members:
        ends = " → ".join(end for end in (one.source, one.destination) if end)
        user = f"  {one.user}" if one.user else ""
        lines.append(((shown(clock_words(one.received_ms)), "muted"), (shown(f"  {ends}{user}"), "text")))
    if left > 0:
        lines.append(((shown(f"and {left:,} more, all in the journal"), "muted"),))
    return [*lines, ()]


def _ran(alert: Alert | None) -> Line:
    """The process or the file, whichever is known."""
    if alert is None:
        return ()
    process = alert.process
    if process.cmd_line or process.name:
        parent: Line = (
            ((shown(process.parent_name), "muted"), (Shown(" > "), "faint")) if process.parent_name else ()
        )
        return (*parent, (shown(process.cmd_line or process.name), "text"))
    path = alert.file.path or alert.file.name
    if path:
        return ((Shown("file "), "muted"), (shown(path), "text"))
    return ()


def verdict_card(
    verdict: Verdict,
    *,
    known: frozenset[str] | None = None,
    model: str = "",
    after_ms: float | None = None,
    row: Row | None = None,
) -> VerdictCard:
    """A verdict as the stream pane draws it.

    `known` are the evidence ids that exist: a fact that cites another, or none, counts as not cited. While
    it is None the evidence is not loaded and citations are taken as they stand.
    """
    facts = tuple(
        FactItem(
            shown(fact.text),
            tuple(shown(cited) for cited in fact.evidence),
            bool(fact.evidence) and (known is None or all(cited in known for cited in fact.evidence)),
        )
        for fact in verdict.facts
    )
    return VerdictCard(
        verdict=shown(verdict.verdict),
        confidence=verdict.confidence,
        severity_id=verdict.severity_id,
        summary=shown(verdict.summary),
        facts=facts,
        actions=tuple(
            ActionItem(shown(a.action), shown(a.target), a.needs_approval) for a in verdict.actions
        ),
        model=shown(model),
        after_ms=after_ms,
        cited=sum(1 for fact in facts if fact.grounded),
        cited_total=len(facts),
        degraded=row.degraded if row is not None else False,
        partial=row.partial if row is not None else False,
        injection=row.injection if row is not None else False,
    )


def evidence_items(detail: Detail) -> tuple[EvidenceItem, ...]:
    """The numbered findings."""
    return tuple(
        EvidenceItem(
            id=shown(item.id),
            kind=shown(item.finding.kind.replace("_", " ")),
            text=shown(item.finding.text),
            cache=item.finding.cache,
            age_s=item.finding.age_s,
            weight=item.finding.weight,
            hard=item.finding.hard,
            field=shown(item.finding.field),
        )
        for item in detail.evidence
    )


STAGE_BUDGETS_MS = {"ingest": 10.0, "route": 5.0, "enrich": 100.0, "analyse": 2000.0, "act": 50.0}
"""Work budgets of the stages, from DESIGN (p99); the snapshot's own take their place where there are any."""

_WAITS = {"route": "route_wait", "enrich": "enrich_wait", "analyse": "queue", "act": "act_wait"}


def waterfall(detail: Detail, budgets_ms: dict[str, float] | None = None) -> WaterfallData | None:
    """Where this alert's time went, stage by stage, waiting apart from work; None while nothing is known."""
    latency = detail.latency_ms
    budgets = {**STAGE_BUDGETS_MS, **(budgets_ms or {})}
    bars: list[WaterfallBar] = []
    marks: list[tuple[float, Shown]] = []
    at = 0.0
    for stage, budget in budgets.items():
        if stage not in latency and _WAITS.get(stage, "") not in latency:
            continue
        wait = max(0.0, latency.get(_WAITS.get(stage, ""), latency.get(f"{stage}_wait", 0.0)))
        work = max(0.0, latency.get(stage, 0.0))
        bars.append(WaterfallBar(shown(stage), at, wait, work, budget))
        if stage == "analyse" and latency.get("first_token"):
            marks.append((at + wait + latency["first_token"], Shown("first token")))
        at += wait + work
    if not bars:
        return None
    total = max(at, latency.get("total", 0.0))
    row = detail.row
    sla = float(row.deadline_ms - row.received_ms) if row.deadline_ms else None
    return WaterfallData(tuple(bars), total, sla, tuple(marks))


def trail_lines(detail: Detail) -> tuple[Line, ...]:
    """What was tried and who did what: failed attempts of models, then the audit trail."""
    lines: list[Line] = member_lines(detail)
    analysis = detail.analysis
    if analysis is not None:
        lines.append(((Shown("ATTEMPTS"), "muted bold"),))
        lines += [
            ((Shown("✗ "), "error"), (shown(attempt.model), "text"), (shown(f"  {attempt.error}"), "muted"))
            for attempt in analysis.attempts
        ]
        name = f"{analysis.provider}:{analysis.model}" if analysis.model else analysis.provider
        use = analysis.usage
        tokens = f"  {use.input_tokens} in, {use.output_tokens} out, {use.cache_read_tokens} from cache"
        lines.append(
            (
                (Shown("✓ "), "ok"),
                (shown(name), "text"),
                (shown(f"  {analysis.kind}"), "muted"),
                (shown(tokens if use.output_tokens else ""), "muted"),
                (shown(f"  {usd(analysis.cost_usd)}"), "cost"),
            )
        )
        guard = analysis.guardrails
        signals = [
            *guard.signals,
            *(f"withheld: {words}" for words in guard.withheld),
            *(f"not in the evidence: {word}" for word in guard.ungrounded),
            *(f"not in what it cites: {word}" for word in guard.miscited),
        ]
        if not guard.output_valid:
            signals.append("the answer did not keep to its form")
        if signals:
            lines += [(), ((Shown("CHECKS"), "muted bold"),)]
            lines += [((Shown("! "), "warn"), (shown(signal), "text")) for signal in signals[:12]]
        if analysis.ruling is not None:
            lines += [(), ((Shown("RULING"), "muted bold"),), *_ruling_lines(analysis.ruling)]
        lines.append(())
    lines.append(((Shown("TRAIL"), "muted bold"),))
    for entry in detail.trail:
        note: Line = ((shown(f"  “{entry.note}”"), "text"),) if entry.note else ()
        lines.append(
            (
                (shown(clock_words(entry.wall_ms)), "muted"),
                (shown(f"  {entry.actor}"), "accent"),
                (shown(f"  {entry.what}"), "text"),
                *note,
            )
        )
    if not detail.trail:
        lines.append(((Shown("no one has touched it yet"), "muted"),))
    return tuple(lines)


def _ruling_lines(ruling: Ruling) -> list[Line]:
    """What code let the verdict do, who looks next, and why."""
    said = {"raise": "raised", "keep": "kept", "lower": "lowered", "close": "closed by machine"}
    words = f"{said[ruling.outcome]} at {severity_name(ruling.severity_id)}, verdict {ruling.verdict}"
    who = "; a person decides" if ruling.human else ""
    lines: list[Line] = [((shown(words + who), "text"),)]
    lines += [((Shown("  · "), "muted"), (shown(reason), "muted")) for reason in ruling.reasons[:8]]
    return lines


def severity_name(severity_id: int) -> str:
    """The OCSF caption of a severity."""
    return SEVERITY_NAMES.get(severity_id, "Unknown")
