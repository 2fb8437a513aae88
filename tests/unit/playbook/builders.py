"""Alerts and evidence in few words, for the playbook's tests."""

from collections.abc import Sequence

from backend.alerts.model import Alert, Attack, Endpoint, File, Head, Observable, Process
from backend.alerts.text import safe
from backend.enrichment.base import Evidence, EvidenceKind, Finding

SEVERITIES = {"unknown": 0, "info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5, "fatal": 6}


def alert(
    severity: str,
    title: str,
    *,
    fmt: str = "generic_json",
    rule: str = "",
    category: str = "",
    host: str = "",
    user: str = "",
    src: str = "",
    dst: str = "",
    process: str = "",
    parent: str = "",
    cmd: str = "",
    file: str = "",
    attacks: Sequence[str] = (),
    action: str = "",
    suppressed: bool = False,
    observables: Sequence[tuple[str, str]] = (),
    description: str = "",
    count: int = 1,
) -> Alert:
    """An alert; `attacks` are `technique` or `technique/tactic`."""
    head = Head(
        uid="uid-1",
        format=fmt,
        time_ms=1_767_225_600_000,
        severity_id=SEVERITIES[severity],
        title=safe(title),
        rule_uid=safe("rule-1"),
        rule_name=safe(rule),
        src_ip=safe(src),
        dst_ip=safe(dst),
        hostname=safe(host),
        user=safe(user),
        product=safe("Product"),
        suppressed=suppressed,
    )
    return Alert(
        head=head,
        raw=b"{}",
        product=safe("Product"),
        category=safe(category),
        description=safe(description),
        src=Endpoint(ip=safe(src)),
        dst=Endpoint(ip=safe(dst)),
        process=Process(name=safe(process), cmd_line=safe(cmd), parent_name=safe(parent)),
        file=File(path=safe(file)),
        attacks=tuple(
            Attack(technique=safe(one.partition("/")[0]), tactic=safe(one.partition("/")[2]))
            for one in attacks
        ),
        observables=tuple(Observable(kind, safe(value)) for kind, value in observables),
        action=safe(action),
        count=count,
    )


def evidence(*findings: Finding) -> tuple[Evidence, ...]:
    """The alert as E1, then the findings."""
    first = Finding("alert", safe("the alert itself"))
    return tuple(Evidence(f"E{n}", one) for n, one in enumerate((first, *findings), 1))


def finding(kind: EvidenceKind, text: str, weight: int = 0, *tags: str, hard: bool = False) -> Finding:
    """One finding."""
    return Finding(kind, safe(text), weight, hard, tags)


SCANNER = finding("asset", "scan-01 is in the asset list as scanner", -2, "asset:authorised_scanner")
HUMAN_FALSE = finding(
    "history",
    "This rule fired 14 times; analysts closed 12 of 14 as False Positive",
    -3,
    "history:human",
    "history:false_positive",
)
HUMAN_TRUE = finding(
    "history", "Analysts closed 1 of 1 as True Positive", 1, "history:human", "history:true_positive"
)
MACHINE = finding("history", "This rule fired 40 times, the machine mostly said Benign", 0, "history:seen")
FIRST = finding("history", "First time this rule is seen on web-01", 1, "history:first_seen")
KNOWN_BAD = finding("threat_intel", "The address is in 7 feeds", 3, "ti:known_bad", hard=True)
CROWN = finding("asset", "db-01 holds payments, criticality crown jewel", 2, "asset:crown_jewel", hard=True)
BURST = finding("history", "This rule fired 31 times in the last 10 min", 0, "history:burst")
GEO = finding("geoip", "The address is in Sweden", 0, "geo:SE")
