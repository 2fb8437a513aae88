"""The queue of a shift at a fixed time: every lane, every state, every kind of verdict."""

from backend.alerts.model import Head
from backend.alerts.text import SafeText
from backend.analysis.model import Ruling
from backend.api import MACHINE, Row, RowState
from backend.lanes import LANE_SLA_S, lane_for

NOW_MS = 1_767_355_391_000
"""2026-01-02T12:03:11Z."""


def safe(text: str) -> SafeText:
    """Text of these scenes, known to be safe."""
    return SafeText(text)


def row(
    number: int,
    title: str = "SSH brute force",
    severity: int = 3,
    *,
    src: str = "",
    dst: str = "",
    host: str = "",
    user: str = "",
    state: RowState = "queued",
    age_s: float = 20.0,
    verdict: str = "",
    confidence: float = 0.0,
    after_s: float = 2.1,
    cost: float = 0.0,
    **more: object,
) -> Row:
    """One row, received `age_s` before NOW."""
    lane = lane_for(severity)
    sla_s = LANE_SLA_S[lane]
    received = NOW_MS - int(age_s * 1000)
    deadline = received + int(sla_s * 1000) if sla_s else 0
    verdict_ms = received + int(after_s * 1000) if verdict else 0
    fields: dict[str, object] = {
        "id": number,
        "head": Head(
            uid=f"uid-{number}",
            format="suricata_eve",
            time_ms=received - 400,
            severity_id=severity,
            title=safe(title),
            rule_uid=safe(f"rule-{title[:8].lower()}"),
            rule_name=safe(title),
            src_ip=safe(src),
            src_port=49822 if src else 0,
            dst_ip=safe(dst),
            dst_port=443 if dst else 0,
            hostname=safe(host),
            user=safe(user),
            product=safe("Suricata"),
            severity_native=safe("1"),
        ),
        "lane": lane,
        "state": "triaged" if verdict and state == "queued" else state,
        "received_ms": received,
        "deadline_ms": deadline,
        "verdict": verdict,
        "confidence": confidence,
        "verdict_ms": verdict_ms,
        "analysed_by": "anthropic:claude-sonnet" if verdict else "",
        "cost_usd": cost,
        "sla_met": (verdict_ms <= deadline if deadline else None) if verdict else None,
    }
    return Row(**{**fields, **more})  # type: ignore[arg-type]  # a scene may set any field of a row


GUARDED = Ruling("keep", "True Positive", 3, True, (safe("the alert's text instructs a model"),))
CLOSED = Ruling("close", "Benign", 2, False, (safe("2 facts borne out, seen 214 times, always harmless"),))
ROWS: tuple[Row, ...] = (
    row(
        1,
        "Cobalt Strike beacon to known team server",
        5,
        src="10.4.2.17",
        dst="203.0.113.9",
        host="fin-lap-17",
        user="m.keller",
        age_s=19,
        state="analysing",
        verdict="True Positive",
        confidence=0.94,
        after_s=1.3,
        cost=0.021,
    ),
    row(
        2, "New admin from unknown ASN", 5, user="alice@example.com", host="okta", age_s=8, state="enriching"
    ),
    row(
        3, "LSASS memory read by rundll32", 4, host="ws-114", user="CORP\\jdoe", age_s=110, state="analysing"
    ),
    row(
        4,
        "Impossible travel: Lisbon, then Osaka in 40 minutes",
        4,
        src="198.51.100.23",
        user="bob@example.com",
        age_s=58,
        has_note=True,
    ),
    row(
        5, "DNS tunnelling to young domain", 4, src="10.8.0.31", dst="192.0.2.53", host="build-03", age_s=330
    ),
    row(
        6,
        "SSH brute force",
        3,
        src="198.51.100.7",
        dst="10.0.4.12",
        host="bastion-2",
        age_s=41,
        verdict="Suspicious",
        confidence=0.71,
        after_s=9.4,
        cost=0.0031,
    ),
    row(
        7,
        "Service account signed in interactively",
        3,
        user="svc-backup",
        host="dc-01",
        age_s=95,
        verdict="Insufficient Data",
        confidence=0.4,
        after_s=12.0,
        cost=0.0028,
        degraded=True,
    ),
    row(
        8,
        "Web shell pattern in upload",
        3,
        src="203.0.113.77",
        dst="10.0.9.4",
        host="www-4",
        age_s=140,
        verdict="True Positive",
        confidence=0.88,
        after_s=7.7,
        cost=0.0044,
        injection=True,
        struck=2,
        withheld=1,
        ruling=GUARDED,
    ),
    row(
        9,
        "Rare parent for powershell.exe",
        3,
        host="ws-221",
        user="CORP\\mlind",
        age_s=210,
        verdict="Benign",
        confidence=0.83,
        after_s=6.2,
        cost=0.0025,
    ),
    row(
        10,
        "Outbound SMB blocked",
        3,
        src="10.2.7.9",
        dst="198.51.100.200",
        age_s=1020,
        state="claimed",
        verdict="False Positive",
        confidence=0.9,
        after_s=940,
        cost=0.0022,
        decided_by="",
    ),
    row(
        11,
        "TLS certificate mismatch",
        2,
        state="closed",
        decided_by=MACHINE,
        ruling=CLOSED,
        src="10.4.9.80",
        dst="192.0.2.10",
        host="ws-019",
        age_s=300,
        verdict="Benign",
        confidence=0.97,
        after_s=30,
        cost=0.0002,
    ),
    row(
        12,
        "Port scan from vulnerability scanner",
        2,
        src="10.0.0.5",
        dst="10.0.4.0",
        host="scan-01",
        age_s=460,
    ),
    row(13, "USB mass storage attached", 1, host="ws-070", user="CORP\\tnovak", age_s=900),
)
