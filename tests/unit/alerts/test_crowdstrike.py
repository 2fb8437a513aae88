"""CrowdStrike's event stream and FDR telemetry."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.crowdstrike import CrowdStrike
from backend.alerts.fields import Object
from backend.alerts.model import Attack, DeadLetter, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

DETECTION: dict[str, object] = {
    "metadata": {
        "customerIDString": "c-1",
        "offset": 7,
        "eventType": "EppDetectionSummaryEvent",
        "eventCreationTime": 1767139200123,
        "version": "1.0",
    },
    "event": {
        "CompositeId": "c-1:ind:a-1:1-2-3",
        "Name": "Known Malware",
        "Description": "A process wrote a known test file.",
        "Severity": 70,
        "SeverityName": "High",
        "Tactic": "Execution",
        "Technique": "User Execution",
        "Objective": "Follow Through",
        "Hostname": "ws-1",
        "LocalIP": "10.0.0.5",
        "MACAddress": "AA-BB-CC-00-00-01",
        "UserName": "ann",
        "FileName": "x.exe",
        "FilePath": "\\Device\\HarddiskVolume1\\x.exe",
        "CommandLine": "x.exe --run",
        "ParentImageFileName": "cmd.exe",
        "ParentCommandLine": "cmd.exe",
        "ProcessId": "4711",
        "MD5String": "c" * 32,
        "SHA256String": "d" * 64,
        "SHA1String": "0" * 40,
        "PatternDispositionDescription": "Detection, standard detection.",
        "FalconHostLink": "https://falcon.example/x",
    },
}
FDR: dict[str, object] = {
    "event_simpleName": "ProcessRollup2",
    "aid": "a-1",
    "cid": "c-1",
    "aip": "203.0.113.9",
    "timestamp": "1767139200719",
    "ContextTimeStamp": "1767139200.719",
    "CommandLine": "powershell -enc …",
}


def detection(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = copy.deepcopy(DETECTION)
    made["event"] |= changes
    return made


def of_kind(kind: object, event: object = None) -> dict[str, Any]:
    return {
        "metadata": {"eventType": kind, "offset": 1},
        "event": {"UserId": "ann"} if event is None else event,
    }


def test_head() -> None:
    head = head_of(DETECTION)
    assert head == Head(
        uid=head.uid,
        format="crowdstrike",
        time_ms=1767139200123,
        severity_id=4,
        title=SafeText("Known Malware"),
        severity_native=SafeText("High"),
        rule_uid=SafeText("Known Malware"),
        rule_name=SafeText("Known Malware"),
        hostname=SafeText("ws-1"),
        user=SafeText("ann"),
        product=SafeText("Falcon"),
    )


def test_whole_alert() -> None:
    made = alert_of(DETECTION)
    assert (made.vendor, made.product, made.device_ip) == ("CrowdStrike", "Falcon", "10.0.0.5")
    assert (made.process.name, made.process.pid, made.process.cmd_line) == ("x.exe", 4711, "x.exe --run")
    assert made.process.parent_name == "cmd.exe"
    assert (made.file.path, made.file.md5, made.file.sha256) == (
        "\\Device\\HarddiskVolume1\\x.exe",
        "c" * 32,
        "d" * 64,
    )
    assert made.attacks == (Attack(tactic=SafeText("TA0002")),)
    assert made.action == "Detection, standard detection."
    assert [str(seen.value) for seen in made.observables if seen.type == "Hash"] == ["d" * 64, "c" * 32]
    facts = {str(fact.name): fact.attacker for fact in made.facts}
    assert facts["event.ParentCommandLine"] and not facts["event.FalconHostLink"]


@pytest.mark.parametrize(
    ("changes", "level", "native"),
    [
        *(
            ({"SeverityName": word, "Severity": number}, level, word)
            for word, number, level in (
                *(("Informational", 10, 1), ("Low", 20, 2), ("Medium", 50, 3), ("High", 70, 4)),
                *(("Critical", 90, 5), ("critical", 1, 5)),
            )
        ),
        *(
            ({"SeverityName": None, "Severity": number}, level, str(number))
            for number, level in (
                (0, 1),
                (19, 1),
                (20, 2),
                (39, 2),
                (40, 3),
                (60, 4),
                (79, 4),
                (80, 5),
                (100, 5),
                (101, 0),
            )
        ),
        ({"SeverityName": None, "Severity": None}, 0, ""),
        ({"SeverityName": "Odd", "Severity": None}, 0, "Odd"),
    ],
)
def test_severity(changes: dict[str, object], level: int, native: str) -> None:
    head = head_of(detection(**changes))
    assert (head.severity_id, head.severity_native) == (level, native)


@pytest.mark.parametrize(("number", "level"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (0, 1), (30, 2)])
def test_the_old_event_counts_from_one_to_five(number: int, level: int) -> None:
    event = {"DetectName": "Old", "DetectId": "ldt:1:2", "Severity": number, "ComputerName": "ws-2"}
    for kind in ("DetectionSummaryEvent", "Event_DetectionSummaryEvent"):
        head = head_of(of_kind(kind, event))
        assert (head.severity_id, head.title, head.hostname) == (level, "Old", "ws-2")
    assert head_of(of_kind("DetectionSummaryEvent", event | {"SeverityName": "Low"})).severity_id == 2


@pytest.mark.parametrize(
    ("kind", "is_alert"),
    [
        *(("EppDetectionSummaryEvent", True), ("Event_EppDetectionSummaryEvent", True)),
        *(("IdpDetectionSummaryEvent", True), ("IncidentSummaryEvent", True), ("CustomerIOCEvent", True)),
        *(
            ("AuthActivityAuditEvent", False),
            ("Event_UserActivityAuditEvent", False),
            ("FirewallMatchEvent", False),
        ),
    ],
)
def test_which_kinds_are_alerts(kind: str, is_alert: bool) -> None:
    if is_alert:
        assert head_of(of_kind(kind)).format == "crowdstrike"
    else:
        assert one(of_kind(kind)) == ParsedEvent("crowdstrike", kind.removeprefix("Event_"))


def test_the_network_card_stands_in_for_a_host() -> None:
    assert head_of(detection(Hostname=None)).hostname == "AA-BB-CC-00-00-01"


@pytest.mark.parametrize(
    ("value", "time_ms", "quality"),
    [
        (1767139200123, 1767139200123, "exact"),
        ("1767139200123", 1767139200123, "exact"),
        ("2025-12-31 00:00:00.000000000", 1767139200000, "no_zone"),
        (None, NOW_MS, "received"),
    ],
)
def test_times(value: object, time_ms: int, quality: str) -> None:
    document = detection()
    document["metadata"]["eventCreationTime"] = value
    head = head_of(document)
    assert (head.time_ms, head.time_quality) == (time_ms, quality)


def test_events_of_one_detection_are_told_apart_and_stay_the_same() -> None:
    other = detection()
    other["metadata"]["offset"] = 8
    assert head_of(DETECTION).uid == head_of(detection()).uid
    assert len({head_of(document).uid for document in (DETECTION, other, detection(SeverityName="Low"))}) == 3


def test_technique_ids_of_newer_events() -> None:
    mapped = [
        {"Tactic": "Execution", "TacticID": "TA0002", "Technique": "User Execution", "TechniqueID": "T1204"}
    ]
    assert alert_of(detection(MitreAttack=mapped)).attacks == (Attack(SafeText("T1204"), SafeText("TA0002")),)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (FDR, "FDR ProcessRollup2"),
        ({"aid": "a", "cid": "c", "aip": "1.2.3.4", "event_simplename": "DnsRequest"}, "FDR DnsRequest"),
        ({"aid": "a", "cid": "c", "aip": "1.2.3.4", "fdr_event_type": "DnsRequest"}, "FDR DnsRequest"),
        ({"aid": "a", "cid": "c", "aip": "1.2.3.4", "event": {"event_simpleName": "X"}}, "FDR X"),
        ({"aid": "a", "cid": "c", "aip": "1.2.3.4"}, "FDR record"),
        ({"aid": None, "cid": 1, "aip": []}, "FDR record"),
    ],
)
def test_telemetry_is_no_alert(document: dict[str, object], kind: str) -> None:
    assert one(document) == ParsedEvent("crowdstrike", kind)


@pytest.mark.parametrize(
    "stub", [{}, {"device_id": "x"}, {"device_id": "x", "plist_file": None}, {"metadata": {}}]
)
def test_stubs_do_not_raise(stub: dict[str, object]) -> None:
    assert head_of(stub).format == "generic_json"
    assert isinstance(CrowdStrike().head(line(stub), NOW_MS), DeadLetter)


def test_reasons() -> None:
    fixed = Parser(fixed_format="crowdstrike")
    assert reason_of({}, fixed) == "crowdstrike record without an event type"
    broken = of_kind("EppDetectionSummaryEvent", [])
    assert (
        reason_of(broken) == "crowdstrike EppDetectionSummaryEvent whose 'event' is missing or not an object"
    )


def test_both_paths_agree_on_events() -> None:
    for document in (FDR, of_kind("AuthActivityAuditEvent"), of_kind("Event_AuthActivityAuditEvent")):
        fast = CrowdStrike().typed(line(document), NOW_MS)
        assert fast is not None and fast == CrowdStrike().read(document, line(document), NOW_MS)
    assert CrowdStrike().typed(line(DETECTION), NOW_MS) is None


@given(mutated(DETECTION, FDR, of_kind("AuthActivityAuditEvent")))
def test_nothing_raises(document: Object) -> None:
    raw = json.dumps(document).encode()
    Parser().parse(raw, NOW_MS)
    head = CrowdStrike().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(CrowdStrike().alert(raw, head)))
