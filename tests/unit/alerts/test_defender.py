"""Defender for Endpoint alerts, and the tables that Defender XDR streams."""

import copy
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.defender import Defender
from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

SHA256 = "b" * 64
NOTHING = dict.fromkeys(
    ("sha1", "sha256", "fileName", "filePath", "processId", "ipAddress", "url", "accountName")
)
ALERT: dict[str, object] = {
    "id": "da637472900382838869_1364969609",
    "incidentId": 7,
    "severity": "Low",
    "status": "New",
    "detectionSource": "WindowsDefenderAtp",
    "detectorId": "17e10bbc-0000",
    "category": "Execution",
    "title": "Odd process",
    "description": "A process is odd.",
    "alertCreationTime": "2025-12-31T00:01:00.7220239Z",
    "firstEventTime": "2025-12-31T00:00:00.9562661Z",
    "machineId": "111e6dd8c833c8a0",
    "computerDnsName": "ws-1.corp.example",
    "mitreTechniques": ["T1064", "T1085"],
    "relatedUser": {"userName": "ann", "domainName": "CORP"},
    "evidence": [
        NOTHING | {"entityType": "User", "accountName": "ann", "userPrincipalName": "ann@corp.example"},
        NOTHING
        | {
            "entityType": "Process",
            "fileName": "rundll32.exe",
            "filePath": "C:\\Windows",
            "processId": 3276,
            "processCommandLine": "rundll32.exe x.dll,Run",
            "parentProcessFileName": "cmd.exe",
            "detectionStatus": "Detected",
        },
        NOTHING | {"entityType": "File", "fileName": "x.dll", "filePath": "c:\\temp", "sha256": SHA256},
        NOTHING | {"entityType": "Ip", "ipAddress": "203.0.113.9"},
        NOTHING | {"entityType": "Url", "url": "https://bad.example/"},
    ],
}
INFO: dict[str, object] = {
    "category": "AdvancedHunting-AlertInfo",
    "operationName": "Publish",
    "properties": {
        "AlertId": "da-1",
        "AttackTechniques": '["System Binary Proxy Execution (T1218)","Rundll32 (T1218.011)"]',
        "Category": "DefenseEvasion",
        "DetectionSource": "EDR",
        "ServiceSource": "Microsoft Defender for Endpoint",
        "Severity": "High",
        "Timestamp": "2025-12-31 00:00:00.058183200",
        "Title": "Odd load",
    },
    "time": "2025-12-31 00:07:42.781656600",
}


def alert(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(ALERT) | changes


def test_endpoint_head() -> None:
    assert head_of(ALERT) == Head(
        uid="da637472900382838869_1364969609",
        format="defender",
        time_ms=1767139200956,
        severity_id=2,
        title=SafeText("Odd process"),
        severity_native=SafeText("Low"),
        rule_uid=SafeText("17e10bbc-0000"),
        rule_name=SafeText("Odd process"),
        src_ip=SafeText("203.0.113.9"),
        hostname=SafeText("ws-1.corp.example"),
        user=SafeText("ann@corp.example"),
        product=SafeText("Microsoft Defender for Endpoint"),
    )


def test_whole_endpoint_alert() -> None:
    made = alert_of(ALERT)
    assert (made.process.name, made.process.pid, made.process.parent_name) == (
        "rundll32.exe",
        3276,
        "cmd.exe",
    )
    assert made.process.cmd_line == "rundll32.exe x.dll,Run"
    assert (made.file.path, made.file.sha256) == ("c:\\temp\\x.dll", SHA256)
    assert made.attacks == (
        Attack(SafeText("T1064"), SafeText("TA0002")),
        Attack(SafeText("T1085"), SafeText("TA0002")),
    )
    assert (made.vendor, made.status, made.action) == ("Microsoft", "New", "Detected")
    seen = {(one.type, str(one.value)) for one in made.observables}
    assert {("URL", "https://bad.example/"), ("Hash", SHA256), ("IP Address", "203.0.113.9")} <= seen
    facts = {str(fact.name): fact.attacker for fact in made.facts}
    assert facts["evidence[1].processCommandLine"] and not facts["incidentId"]


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"evidence": [], "relatedUser": {"userName": "ann", "domainName": "CORP"}}, "CORP\\ann"),
        ({"evidence": [], "relatedUser": None}, ""),
        ({"evidence": None, "relatedUser": {"userName": "ann"}}, "ann"),
    ],
)
def test_the_user_may_be_missing(changes: dict[str, object], user: str) -> None:
    assert head_of(alert(**changes)).user == user


@pytest.mark.parametrize(
    ("word", "level"),
    [("Informational", 1), ("Low", 2), ("Medium", 3), ("High", 4), ("UnSpecified", 0), (None, 0), (4, 0)],
)
def test_severity(word: object, level: int) -> None:
    assert head_of(alert(severity=word)).severity_id == level


def test_resolved_alerts_do_not_page() -> None:
    assert head_of(alert(status="Resolved")).suppressed
    assert not head_of(alert(status="InProgress")).suppressed


def test_stream() -> None:
    assert head_of(INFO) == Head(
        uid="da-1",
        format="defender",
        time_ms=1767139200058,
        severity_id=4,
        title=SafeText("Odd load"),
        time_quality="no_zone",
        severity_native=SafeText("High"),
        rule_uid=SafeText("EDR"),
        rule_name=SafeText("Odd load"),
        product=SafeText("Microsoft Defender for Endpoint"),
    )
    assert alert_of(INFO).attacks == (
        Attack(SafeText("T1218"), SafeText("TA0005")),
        Attack(SafeText("T1218.011"), SafeText("TA0005")),
    )


@pytest.mark.parametrize("table", ["AlertEvidence", "DeviceProcessEvents", "IdentityLogonEvents"])
def test_other_tables_are_events(table: str) -> None:
    document = INFO | {"category": f"AdvancedHunting-{table}"}
    assert one(document) == ParsedEvent("defender", f"AdvancedHunting-{table}")


def test_a_batch_of_the_stream() -> None:
    items = Parser().parse(
        line({"records": [INFO, INFO | {"category": "AdvancedHunting-DeviceInfo"}]}), NOW_MS
    )
    assert [type(item).__name__ for item in items] == ["ParsedAlert", "ParsedEvent"]


def test_reasons() -> None:
    assert (
        reason_of({"a": 1}, Parser(fixed_format="defender"))
        == "defender record without an alert's id or title"
    )


@given(mutated(ALERT, INFO))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    Parser().parse(raw, NOW_MS)
    head = Defender().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Defender().alert(raw, head)))
