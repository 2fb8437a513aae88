"""OCSF findings, field by field, with the traps of the formats document."""

import copy
from typing import Any

import pytest

from backend.alerts.model import Attack, Head, ParsedEvent
from backend.alerts.ocsf import Ocsf
from backend.alerts.text import SafeText
from tests.unit.alerts.reading import FINDING, NOW_MS, alert_of, head_of, line, one


def finding(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(FINDING) | changes


def test_head() -> None:
    assert head_of(
        finding(device={"hostname": "ws-1", "ip": "10.0.0.5"}, actor={"user": {"name": "ann"}})
    ) == Head(
        uid="f-0001-aaaa",
        format="ocsf",
        time_ms=1767139200000,
        severity_id=4,
        title=SafeText("Odd login"),
        time_quality="exact",
        severity_native=SafeText("High"),
        rule_uid=SafeText("R-7"),
        rule_name=SafeText("Odd login"),
        hostname=SafeText("ws-1"),
        user=SafeText("ann"),
        product=SafeText("Sensor"),
    )


def test_the_typed_and_the_tolerant_path_agree() -> None:
    document = finding(
        evidences=[{"src_endpoint": {"ip": "203.0.113.9", "port": 9}, "dst_endpoint": {"ip": "10.0.0.1"}}],
        device={"name": "ws-1"},
        user={"name": "bob"},
        resources=[{"uid": "r-1", "name": "r"}],
        status="New",
        status_id=1,
    )
    document["finding_info"]["uid"] = "<finding_uid>"
    fast = Ocsf().typed(line(document), NOW_MS)
    assert isinstance(fast, Head)
    assert (fast.src_ip, fast.src_port, fast.user, fast.hostname) == ("203.0.113.9", 9, "bob", "ws-1")
    assert Ocsf().read(document, line(document), NOW_MS) == fast


@pytest.mark.parametrize("class_uid", range(2001, 2008))
def test_findings_are_alerts(class_uid: int) -> None:
    assert head_of(finding(class_uid=class_uid)).format == "ocsf"
    assert head_of(finding(class_uid=str(class_uid))).format == "ocsf"


@pytest.mark.parametrize("class_uid", [4001, 2000, 2008, 1001])
def test_other_classes_are_events(class_uid: int) -> None:
    assert one(finding(class_uid=class_uid)) == ParsedEvent("ocsf", f"class {class_uid}")
    assert one(finding(class_uid=[class_uid])) == ParsedEvent("ocsf", f"class {class_uid}")


@pytest.mark.parametrize(
    ("severity_id", "word", "level", "native"),
    [
        *((0, "Unknown", 0, "Unknown"), (1, "Informational", 1, "Informational"), (6, "Fatal", 6, "Fatal")),
        *((99, "Weird", 0, "Weird"), (10, "", 0, "10"), (-1, "", 0, "-1"), ("5", "Critical", 5, "Critical")),
        *(
            (None, "CRITICAL ", 5, "CRITICAL "),
            (None, None, 0, ""),
            ([2, 4], None, 4, "[2,4]"),
            ("x", "", 0, "-1"),
        ),
    ],
)
def test_severity_as_it_stands(severity_id: object, word: object, level: int, native: str) -> None:
    head = head_of(finding(severity_id=severity_id, severity=word))
    assert (head.severity_id, head.severity_native) == (level, native)


def test_a_severity_that_comes_twice_counts_as_the_higher() -> None:
    raw = line(finding()).replace(b'"severity_id": 4', b'"severity_id": 5, "severity_id": 1')
    assert head_of(raw).severity_id == 5
    assert "duplicate key 'severity_id'" in alert_of(raw).parse_errors


@pytest.mark.parametrize(("code", "level"), [("PASS", 1), ("pass", 1), ("FAIL", 4), ("MANUAL", 4), (None, 4)])
def test_a_passed_check_is_only_information(code: object, level: int) -> None:
    assert head_of(finding(status_code=code)).severity_id == level


def test_time_in_seconds_is_not_1970() -> None:
    assert head_of(finding(time=1739539623)).time_ms == 1739539623000
    no_time = head_of(finding(time=None, time_dt="2025-02-14T14:27:03.913874"))
    assert (no_time.time_ms, no_time.time_quality) == (1739543223913, "no_zone")
    assert head_of(finding(time=None)).time_quality == "received"


@pytest.mark.parametrize("uid", ["<finding_uid>", "", None, "null", "{uid}"])
def test_a_placeholder_is_no_uid(uid: object) -> None:
    first, second = finding(), finding()
    first["finding_info"] |= {"uid": uid}
    second["finding_info"] |= {"uid": uid, "title": "Another"}
    assert head_of(first).uid == head_of(first).uid
    assert len(head_of(first).uid) == 32
    assert head_of(first).uid != head_of(second).uid


@pytest.mark.parametrize(
    ("changes", "suppressed"),
    [
        ({"status": "New", "status_id": 1}, False),
        ({"status_id": 3}, True),
        ({"status_id": 4}, True),
        ({"status": "Suppressed"}, True),
        ({"status": "resolved "}, True),
        ({"status": "Archived"}, True),
        ({"status": ["Resolved"]}, True),
        ({"status_id": "2"}, False),
    ],
)
def test_what_the_vendor_is_done_with(changes: dict[str, object], suppressed: bool) -> None:
    assert head_of(finding(**changes)).suppressed is suppressed


def test_class_2001_keeps_its_finding_elsewhere() -> None:
    document = finding(class_uid=2001, finding={"uid": "old-000001", "title": "Old style"})
    del document["finding_info"]
    head = head_of(document)
    assert (head.uid, head.title) == ("old-000001", "Old style")


def test_whole_alert() -> None:
    alert = alert_of(
        finding(
            count=3,
            status="New",
            device={"hostname": "ws-1", "ip": "10.0.0.5"},
            attacks=[
                {
                    "technique": {"uid": "T1059"},
                    "sub_technique": {"uid": "T1059.001"},
                    "tactic": {"uid": "TA0002"},
                }
            ],
            observables=[{"type_id": 8, "value": "ab" * 16}, {"type_id": 99, "type": "Odd", "value": "x"}],
            evidences=[
                {
                    "process": {
                        "name": "powershell.exe",
                        "pid": "77",
                        "cmd_line": "powershell -enc \x1b",
                        "parent_process": {"name": "winword.exe"},
                        "file": {"path": "C:\\p.exe", "hashes": [{"algorithm_id": 3, "value": "cd" * 32}]},
                    },
                }
            ],
        )
    )
    assert (alert.vendor, alert.product, alert.description) == ("Acme", "Sensor", "A login that is odd")
    assert (alert.device_hostname, alert.device_ip, alert.status, alert.count) == (
        "ws-1",
        "10.0.0.5",
        "New",
        3,
    )
    assert (alert.process.name, alert.process.pid, alert.process.parent_name) == (
        "powershell.exe",
        77,
        "winword.exe",
    )
    assert alert.process.cmd_line == "powershell -enc ␛"
    assert (alert.file.path, alert.file.sha256) == ("C:\\p.exe", "cd" * 32)
    assert alert.attacks == (Attack(SafeText("T1059.001"), SafeText("TA0002")),)
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {("Hash", "ab" * 16), ("Odd", "x"), ("Hash", "cd" * 32), ("Hostname", "ws-1")}
    facts = {str(fact.name): fact.attacker for fact in alert.facts}
    assert facts["evidences[0].process.cmd_line"] is True
    assert facts["metadata.event_code"] is False


def test_everything_null_or_of_another_type() -> None:
    document: dict[str, object] = {key: [] for key in FINDING}
    document |= {"class_uid": 2004.0, "category_uid": "2", "device": "x", "evidences": {}, "resources": "r"}
    head = head_of(document)
    assert head.title == "OCSF finding of class 2004"
    assert alert_of(document).head == head
