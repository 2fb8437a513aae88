"""Sentinel alerts as JSON and from a CSV export, their entities with references, and incidents."""

import copy
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head, ParsedAlert
from backend.alerts.recognise import Parser
from backend.alerts.sentinel import Sentinel
from backend.alerts.sentinel_entities import Entities
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, reason_of, texts_in

SHA256 = "a" * 64
ENTITIES: list[dict[str, Any]] = [
    {"$id": "2", "HostName": "ws-1", "DnsDomain": "corp.example", "Type": "host"},
    {"$id": "3", "Name": "ann", "UPNSuffix": "corp.example", "Host": {"$ref": "2"}, "Type": "account"},
    {"$id": "4", "Address": "203.0.113.9", "Type": "ip"},
    {
        "$id": "5",
        "ProcessId": "0x1f",
        "CommandLine": "whoami /all",
        "ImageFile": {
            "$id": "6",
            "Directory": "C:\\Windows",
            "Name": "whoami.exe",
            "FileHashes": [{"$id": "7", "Algorithm": "SHA256", "Value": SHA256, "Type": "filehash"}],
            "Type": "file",
        },
        "ParentProcess": {"$ref": "8"},
        "Type": "process",
    },
    {
        "$id": "8",
        "ProcessId": "12",
        "CommandLine": "cmd.exe",
        "ImageFile": {"$id": "9", "Name": "cmd.exe", "Type": "file"},
        "Type": "process",
    },
    {"$ref": "6"},
    {"$id": "10", "Url": "https://bad.example/x", "Type": "url"},
]
ALERT: dict[str, object] = {
    "TenantId": "t-1",
    "TimeGenerated": "2025-12-31 00:05:00.746663+00:00",
    "StartTime": "2025-12-31 00:00:00.784654+00:00",
    "DisplayName": "Odd tool",
    "AlertName": "Odd tool",
    "AlertSeverity": "Medium",
    "Description": "A tool was used oddly.",
    "ProviderName": "MDATP",
    "ProductName": "Microsoft Defender Advanced Threat Protection",
    "VendorName": "Microsoft",
    "SystemAlertId": "394a992b-0000-0000-0000-bdefbebf65bb",
    "AlertType": "WindowsDefenderAtp",
    "CompromisedEntity": "ws-1.corp.example",
    "Status": "New",
    "Tactics": "DefenseEvasion, Discovery",
    "Techniques": '["T1033"]',
    "SubTechniques": "",
    "ExtendedProperties": json.dumps({"IncidentId": "384", "Query": json.dumps({"q": "SecurityEvent"})}),
    "Entities": json.dumps(ENTITIES),
    "Type": "SecurityAlert",
}
INCIDENT: dict[str, object] = {
    "id": "/Subscriptions/S-1/Incidents/1505",
    "name": "1505",
    "type": "Microsoft.SecurityInsights/Incidents",
    "properties": {
        "title": "Odd incident",
        "description": "It is odd.",
        "severity": "High",
        "status": "Active",
        "createdTimeUtc": "2025-12-31T00:00:00.5643443Z",
        "additionalData": {
            "alertsCount": 4,
            "tactics": ["Persistence"],
            "alertProductNames": ["Azure Sentinel"],
        },
        "relatedAnalyticRuleIds": ["rule-1"],
    },
}


def alert(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(ALERT) | changes


def test_head() -> None:
    assert head_of(ALERT) == Head(
        uid="394a992b-0000-0000-0000-bdefbebf65bb",
        format="sentinel",
        time_ms=1767139200784,
        severity_id=3,
        title=SafeText("Odd tool"),
        severity_native=SafeText("Medium"),
        rule_uid=SafeText("WindowsDefenderAtp"),
        rule_name=SafeText("Odd tool"),
        src_ip=SafeText("203.0.113.9"),
        hostname=SafeText("ws-1.corp.example"),
        user=SafeText("ann@corp.example"),
        product=SafeText("Microsoft Defender Advanced Threat Protection"),
    )


def test_whole_alert() -> None:
    made = alert_of(ALERT)
    assert (made.vendor, made.description, made.status) == ("Microsoft", "A tool was used oddly.", "New")
    assert (made.process.name, made.process.pid, made.process.cmd_line, made.process.parent_name) == (
        "whoami.exe",
        31,
        "whoami /all",
        "cmd.exe",
    )
    assert (made.file.path, made.file.sha256) == ("C:\\Windows\\whoami.exe", SHA256)
    assert made.attacks == (
        Attack(SafeText("T1033")),
        Attack(tactic=SafeText("TA0005")),
        Attack(tactic=SafeText("TA0007")),
    )
    seen = {(one.type, str(one.value)) for one in made.observables}
    assert seen >= {
        ("IP Address", "203.0.113.9"),
        ("Hash", SHA256),
        ("URL", "https://bad.example/x"),
        ("User Name", "ann@corp.example"),
    }
    facts = {str(fact.name): fact for fact in made.facts}
    assert facts["ExtendedProperties.Query.q"].value == "SecurityEvent"
    assert facts["ExtendedProperties.IncidentId"].attacker
    assert facts["Entities[1].Host"].value == "ws-1"
    assert not facts["TenantId"].attacker
    assert not any("$ref" in name or "$id" in name for name in facts)
    assert made.parse_errors == ()


def test_a_csv_export_with_cells_of_many_lines_says_the_same() -> None:
    row = {name: value for name, value in ALERT.items() if name != "Type"} | {
        "Entities": json.dumps(ENTITIES, indent=2),
        "ExtendedProperties": json.dumps(json.loads(str(ALERT["ExtendedProperties"])), indent=2),
    }
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["", *row])
    writer.writerow(["45", *row.values()])
    writer.writerow(["46", *(row | {"SystemAlertId": "other", "StartTime": "2019-01-15 09:15:03"}).values()])
    parser = Parser()
    one, two = parser.parse(out.getvalue().encode(), NOW_MS)
    assert isinstance(one, ParsedAlert) and isinstance(two, ParsedAlert)
    assert one.head == head_of(ALERT)
    assert (two.head.uid, two.head.time_ms, two.head.time_quality) == ("other", 1547543703000, "no_zone")
    made, plain = parser.build_alert(one.raw, one.head), alert_of(ALERT)
    assert (made.process, made.file, made.attacks, made.observables) == (
        plain.process,
        plain.file,
        plain.attacks,
        plain.observables,
    )


@pytest.mark.parametrize(
    ("changes", "level", "native"),
    [
        *(
            ({"AlertSeverity": word}, level, word)
            for word, level in (("High", 4), ("Low", 2), ("Informational", 1))
        ),
        ({"AlertSeverity": None, "Severity": "High"}, 4, "High"),
        ({"AlertSeverity": "", "Severity": "low"}, 2, "low"),
        ({"AlertSeverity": "Unspecified"}, 0, "Unspecified"),
        ({"AlertSeverity": None}, 0, ""),
        ({"AlertSeverity": 3}, 0, "3"),
    ],
)
def test_severity(changes: dict[str, object], level: int, native: str) -> None:
    head = head_of(alert(**changes))
    assert (head.severity_id, head.severity_native) == (level, native)


@pytest.mark.parametrize(
    ("status", "suppressed"),
    [("New", False), ("InProgress", False), ("Resolved", True), ("dismissed", True), (None, False)],
)
def test_resolved_alerts_do_not_page(status: object, suppressed: bool) -> None:
    assert head_of(alert(Status=status)).suppressed is suppressed


@pytest.mark.parametrize(
    ("value", "time_ms", "quality"),
    [
        ("2025-12-31 00:00:00.746663+00:00", 1767139200746, "exact"),
        ("2025-12-31 00:00:00", 1767139200000, "no_zone"),
        ("2025-12-31T00:00:00.7220239Z", 1767139200722, "exact"),
        ("2025-12-31 00:00:00.058183200", 1767139200058, "no_zone"),
    ],
)
def test_times(value: str, time_ms: int, quality: str) -> None:
    head = head_of(alert(StartTime=None, StartTimeUtc=value))
    assert (head.time_ms, head.time_quality) == (time_ms, quality)
    assert head_of(alert(StartTime="", TimeGenerated=value)).time_ms == time_ms


def test_the_compromised_entity_may_be_a_host_or_a_user() -> None:
    assert head_of(alert(Entities="", CompromisedEntity="ws-2")).hostname == "ws-2"
    head = head_of(alert(Entities="[]", CompromisedEntity="bob@corp.example"))
    assert (head.hostname, head.user) == ("", "bob@corp.example")
    assert head_of(alert(Entities=None, CompromisedEntity="203.0.113.9")).hostname == ""


def test_techniques_wherever_they_stand() -> None:
    extra = json.dumps({"MitreTechniques": "T1047;T1497.001"})
    made = alert_of(
        alert(Tactics="Unknown", Techniques="", SubTechniques='["T1059.001"]', ExtendedProperties=extra)
    )
    assert [str(one.technique) for one in made.attacks] == ["T1059.001", "T1047", "T1497.001"]
    assert alert_of(alert(Tactics="Unknown", Techniques="")).attacks == ()


def test_entities_that_are_not_json_are_kept_as_text() -> None:
    made = alert_of(alert(Entities="[{broken"))
    assert made.parse_errors == ("Entities: not JSON, kept as text",)
    assert {str(fact.name): str(fact.value) for fact in made.facts}["Entities"] == "[{broken"


def test_references() -> None:
    looped = [
        {"$id": "1", "Host": {"$ref": "2"}, "Type": "account"},
        {"$id": "2", "Host": {"$ref": "1"}, "Type": "host"},
    ]
    entities = Entities(looped)
    assert entities.resolve({"$ref": "2"})["Type"] == "host"
    assert entities.resolve({"$ref": "9"}) == {}
    assert entities.shown()
    nested = Entities(
        json.dumps([{"$ref": "7"}, {"a": {"b": [{"$id": "7", "HostName": "h", "Type": "Host"}]}}])
    )
    assert nested.host() == "h"
    assert Entities({"not": "a list"}).shown() == []
    deep: dict[str, Any] = {"Type": "host"}
    for _ in range(500):
        deep = {"x": deep}
    assert Entities([deep]).host() == ""


def test_a_connection_has_two_ends() -> None:
    connection = {
        "$id": "1",
        "SourceAddress": {"$id": "2", "Address": "203.0.113.9", "Type": "ip"},
        "SourcePort": 51698,
        "DestinationAddress": {"$id": "3", "Address": "10.0.0.5", "Type": "ip"},
        "DestinationPort": "443",
        "Type": "network-connection",
    }
    head = head_of(alert(Entities=json.dumps([connection])))
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("203.0.113.9", 51698, "10.0.0.5", 443)


def test_incident() -> None:
    assert head_of(INCIDENT) == Head(
        uid="/subscriptions/s-1/incidents/1505",
        format="sentinel",
        time_ms=1767139200564,
        severity_id=4,
        title=SafeText("Odd incident"),
        severity_native=SafeText("High"),
        rule_uid=SafeText("rule-1"),
        rule_name=SafeText("Odd incident"),
        product=SafeText("Azure Sentinel"),
    )
    made = alert_of(INCIDENT)
    assert (made.count, made.description, made.status) == (4, "It is odd.", "Active")
    assert made.attacks == (Attack(tactic=SafeText("TA0003")),)
    assert head_of(INCIDENT | {"type": "MICROSOFT.SECURITYINSIGHTS/INCIDENTS"}).format == "sentinel"
    closed = copy.deepcopy(INCIDENT)
    closed["properties"] = {"status": "Closed"}
    assert head_of(closed).suppressed


def test_reasons() -> None:
    fixed = Parser(fixed_format="sentinel")
    assert reason_of({"a": 1}, fixed) == "sentinel record that is neither a SecurityAlert nor an incident"


@given(mutated(ALERT, ALERT | {"Entities": ENTITIES, "ExtendedProperties": {"a": {"b": "{}"}}}, INCIDENT))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    Parser().parse(raw, NOW_MS)
    head = Sentinel().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Sentinel().alert(raw, head)))


@given(mutated(*ENTITIES))
def test_no_entity_raises(entity: Object) -> None:
    document = alert(Entities=json.dumps([entity, *ENTITIES]))
    alert_of(document)
