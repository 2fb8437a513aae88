"""Evidence in a list: numbered as analyses cite it, the alert itself first, what came late at the end."""

from collections.abc import Sequence

from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe
from backend.enrichment.base import Evidence, Finding
from backend.enrichment.budget import Answer, Gathered


def number(alert: Alert, findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    """Findings as numbered evidence; E1 is always the alert itself."""
    everything = (Finding("alert", _in_a_line(alert)), *findings)
    return tuple(Evidence(f"E{n}", finding) for n, finding in enumerate(everything, start=1))


def joined(
    evidence: tuple[Evidence, ...], gathered: Gathered
) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    """The evidence with what came late, and who still had not answered."""
    missing = list(gathered.missing)
    late: list[Finding] = []
    for task in gathered.late:
        if task.done() and not task.cancelled():
            answer: Answer = task.result()
            if not answer.error:
                late.extend(answer.findings)
                missing.remove(answer.name)
    extra = tuple(Evidence(f"E{len(evidence) + n}", finding) for n, finding in enumerate(late, start=1))
    return evidence + extra, tuple(missing)


def _in_a_line(alert: Alert) -> SafeText:
    head = alert.head
    parts = [head.title or head.rule_name or "alert without a title"]
    ends = [_end(head.src_ip, head.src_port), _end(head.dst_ip, head.dst_port)]
    if all(ends):
        parts.append(" → ".join(ends))
    elif any(ends):
        parts.append(f"from {ends[0]}" if ends[0] else f"to {ends[1]}")
    for name, value in (
        ("host", head.hostname),
        ("user", head.user),
        ("process", alert.process.cmd_line or alert.process.name),
        ("file", alert.file.path or alert.file.name),
        ("product", head.product),
        ("action taken", alert.action),
    ):
        if value:
            parts.append(f"{name} {value}")
    return safe("; ".join(parts), 600)


def _end(ip: str, port: int) -> str:
    if not ip:
        return ""
    return f"{ip}:{port}" if port else ip
