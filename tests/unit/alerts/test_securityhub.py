"""Security Hub findings in ASFF: bare, in EventBridge, several in one event."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from backend.alerts import unwrap as unwrapping
from backend.alerts.fields import Object
from backend.alerts.model import Attack, DeadLetter, Endpoint, Head, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.securityhub import SecurityHub
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import FINDING as OCSF
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

ASFF: dict[str, object] = {
    "SchemaVersion": "2018-10-08",
    "Id": "arn:aws:securityhub:eu-central-1:111122223333:finding/0001",
    "ProductArn": "arn:aws:securityhub:eu-central-1::product/acme/sensor",
    "ProductName": "Sensor",
    "CompanyName": "Acme",
    "Region": "eu-central-1",
    "GeneratorId": "acme-rule-7",
    "AwsAccountId": "111122223333",
    "Types": ["TTPs/Initial Access/UnauthorizedAccess", "Software and Configuration Checks"],
    "CreatedAt": "2025-12-30T00:00:00Z",
    "UpdatedAt": "2025-12-31T00:00:00.250Z",
    "Severity": {"Label": "HIGH", "Normalized": 70, "Product": 8},
    "Title": "Odd login",
    "Description": "Somebody logged in oddly.",
    "ProductFields": {
        "aws/securityhub/ProductName": "Other",
        "acme/mitre": "T1078.004",
        "acme/ip": "203.0.113.7",
    },
    "Network": {
        "Direction": "IN",
        "SourceIpV4": "203.0.113.9",
        "SourcePort": 51698,
        "DestinationIpV4": "10.0.0.5",
        "DestinationPort": 22,
    },
    "Process": {"Name": "sshd", "Pid": 12, "Path": "/usr/sbin/sshd"},
    "Resources": [
        {
            "Type": "AwsIamAccessKey",
            "Id": "arn:aws:iam::111122223333:user/ann",
            "Details": {"AwsIamAccessKey": {"UserName": "ann"}},
        },
        {"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc"},
    ],
    "Workflow": {"Status": "NEW"},
    "RecordState": "ACTIVE",
}


def asff(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in (copy.deepcopy(ASFF) | changes).items() if value is not None}


def event(*findings: object, **changes: object) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "time": "2025-12-29T00:00:00Z",
        "detail": {"actionName": "triage", "findings": list(findings)},
    } | changes


@pytest.mark.parametrize("document", [ASFF, event(ASFF)])
def test_head(document: dict[str, object]) -> None:
    assert head_of(document) == Head(
        uid="arn:aws:securityhub:eu-central-1:111122223333:finding/0001",
        format="securityhub",
        time_ms=1767139200250,
        severity_id=4,
        title=SafeText("Odd login"),
        severity_native=SafeText("HIGH"),
        rule_uid=SafeText("acme-rule-7"),
        rule_name=SafeText("Odd login"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.0.0.5"),
        dst_port=22,
        hostname=SafeText("i-0abc"),
        user=SafeText("ann"),
        product=SafeText("Sensor"),
    )


@pytest.mark.parametrize("document", [ASFF, event(ASFF)])
def test_whole_alert(document: dict[str, object]) -> None:
    alert = alert_of(document)
    assert (alert.vendor, alert.product, alert.status) == ("Acme", "Sensor", "NEW")
    assert (alert.description, alert.process.name, alert.process.pid) == (
        "Somebody logged in oddly.",
        "sshd",
        12,
    )
    assert alert.attacks == (Attack(SafeText("T1078.004"), SafeText("TA0001")),)
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert {("IP Address", "203.0.113.7"), ("Resource UID", "arn:aws:iam::111122223333:user/ann")} <= seen
    named = {str(fact.name): fact for fact in alert.facts}
    assert named["ProductFields.acme/mitre"].attacker and not named["AwsAccountId"].attacker
    assert "Title" not in named


@pytest.mark.parametrize(
    ("rating", "level", "native"),
    [
        ({"Label": "INFORMATIONAL", "Normalized": 10}, 1, "INFORMATIONAL"),
        ({"Label": "LOW", "Normalized": 90}, 2, "LOW"),
        ({"Label": "CRITICAL"}, 5, "CRITICAL"),
        ({"Product": 0, "Normalized": 1}, 2, "1"),
        *(
            ({"Normalized": number}, level, str(number))
            for number, level in ((0, 1), (39, 2), (40, 3), (69, 3))
        ),
        *(
            ({"Normalized": number}, level, str(number))
            for number, level in ((70, 4), (89, 4), (90, 5), (100, 5))
        ),
        ({"Normalized": 101}, 0, "101"),
        ({"Label": "SEVERE-ISH"}, 0, "SEVERE-ISH"),
        ({"Product": 7}, 0, "7"),
        ({}, 0, ""),
        (None, 0, ""),
        ({"Label": None, "Normalized": "70"}, 4, "70"),
    ],
)
def test_severity(rating: object, level: int, native: str) -> None:
    head = head_of(asff(Severity=rating))
    assert (head.severity_id, head.severity_native) == (level, native)


def test_a_passed_check_is_only_information() -> None:
    assert head_of(asff(Compliance={"Status": "PASSED"})).severity_id == 1
    assert head_of(asff(Compliance={"Status": "FAILED"})).severity_id == 4


@pytest.mark.parametrize(
    ("changes", "suppressed"),
    [
        ({}, False),
        ({"RecordState": "ARCHIVED"}, True),
        ({"Workflow": {"Status": "RESOLVED"}}, True),
        ({"Workflow": {"Status": "SUPPRESSED"}}, True),
        ({"Workflow": {"Status": "NOTIFIED"}}, False),
        ({"Workflow": None}, False),
        ({"Workflow": None, "WorkflowState": "RESOLVED"}, True),
        ({"Sample": True}, True),
        ({"Title": "[SAMPLE] Odd login"}, True),
    ],
)
def test_what_must_not_page(changes: dict[str, object], suppressed: bool) -> None:
    assert head_of(asff(**changes)).suppressed is suppressed


def test_an_id_that_is_no_arn_is_unique_within_its_product_only() -> None:
    first, other = asff(Id="1"), asff(Id="1", ProductArn="arn:aws:securityhub:::product/other/x")
    assert head_of(first).uid == head_of(event(first)).uid != head_of(other).uid
    assert head_of(asff(Id=None)).uid != head_of(asff(Id=None, Title="x")).uid


@pytest.mark.parametrize(
    ("action", "src", "dst"),
    [
        (
            {
                "ActionType": "AWS_API_CALL",
                "AwsApiCallAction": {"Api": "Decrypt", "RemoteIpDetails": {"IpAddressV4": "203.0.113.9"}},
                "DnsRequestAction": {},
                "NetworkConnectionAction": {"LocalPortDetails": {}, "RemotePortDetails": {}},
            },
            Endpoint(SafeText("203.0.113.9")),
            Endpoint(),
        ),
        (
            {
                "ActionType": "NETWORK_CONNECTION",
                "NetworkConnectionAction": {
                    "ConnectionDirection": "OUTBOUND",
                    "RemoteIpDetails": {"IpAddressV4": "203.0.113.9"},
                    "RemotePortDetails": {"Port": 443},
                },
            },
            Endpoint(),
            Endpoint(SafeText("203.0.113.9"), 443),
        ),
    ],
)
def test_action_stands_in_for_network(action: object, src: Endpoint, dst: Endpoint) -> None:
    alert = alert_of(asff(Network=None, Action=action))
    assert (alert.src, alert.dst) == (src, dst)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("arn:aws:s3:::bucket-1", "bucket-1"),
        ("AWS::::Account:111122223333", "111122223333"),
        ("arn:aws:ecr:eu-central-1:1:repository/app/sha256:" + "a" * 64, "app"),
        (None, ""),
    ],
)
def test_the_resource_names_the_device(identity: object, name: str) -> None:
    assert head_of(asff(Resources=[{"Type": "Other", "Id": identity}])).hostname == name


def test_several_findings_in_one_event_become_several_records() -> None:
    findings = [asff(Id=f"arn:{number}", Title=f"T{number}") for number in range(100)]
    data = line(event(*findings, Extra="\u001b[2J"))
    items = Parser().parse(data, NOW_MS)
    assert [item.sub for item in items] == list(range(100))
    for number, item in enumerate(items):
        assert isinstance(item, ParsedAlert)
        assert (item.head.uid, item.head.title) == (f"arn:{number}", f"T{number}")
        envelope = json.loads(item.raw)
        assert envelope == event(findings[number], Extra="\u001b[2J")
        # From its own bytes alone the same again, and the whole alert.
        (again,) = Parser().parse(item.raw, NOW_MS)
        assert isinstance(again, ParsedAlert) and again.head == item.head
        assert Parser().build_alert(item.raw, item.head).description == "Somebody logged in oddly."


def test_one_finding_keeps_its_bytes() -> None:
    data = json.dumps(event(ASFF), indent=3).encode()
    (item,) = Parser().parse(data, NOW_MS)
    assert isinstance(item, ParsedAlert) and item.raw == data


def test_a_finding_in_ocsf_is_read_as_ocsf() -> None:
    items = Parser().parse(line(event(ASFF, OCSF)), NOW_MS)
    assert [item.head.format for item in items if isinstance(item, ParsedAlert)] == ["securityhub", "ocsf"]
    assert head_of(event(OCSF)).format == "ocsf"


def test_findings_that_are_none_are_dead_letters_beside_the_others() -> None:
    alert, dead, empty = Parser().parse(line(event(ASFF, "text", {})), NOW_MS)
    assert isinstance(alert, ParsedAlert)
    assert isinstance(dead, DeadLetter) and isinstance(empty, DeadLetter)
    assert dead.reason == "securityhub event whose finding is not an object"
    assert empty.reason == "securityhub record without a finding's Id or Title"


def test_copies_of_an_envelope_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwrapping, "_FAN_OUT_BYTES", 1000)
    reason = reason_of(event(ASFF, ASFF, padding="x" * 1000))
    assert reason == "securityhub event with 2 findings that could not be taken apart"


def test_get_findings() -> None:
    items = Parser().parse(line({"Findings": [ASFF, asff(Id="arn:2")]}), NOW_MS)
    assert [item.head.uid for item in items if isinstance(item, ParsedAlert)] == [ASFF["Id"], "arn:2"]


def test_insight_results_are_no_alerts() -> None:
    kind = "Security Hub Insight Results"
    detail = {"insightName": "x", "insightResults": [{"a": 1}]}
    assert one(event() | {"detail-type": kind, "detail": detail}) == ParsedEvent("securityhub", kind)
    assert one(event()) == ParsedEvent("securityhub", "Security Hub Findings - Imported")


def test_times_and_products_have_stand_ins() -> None:
    head = head_of(asff(UpdatedAt=None, ProductName=None, CompanyName=None))
    assert (head.time_ms, head.product) == (1767052800000, "Other")
    assert head_of(event(asff(UpdatedAt=None, CreatedAt=None))).time_ms == 1766966400000
    spaced = head_of(asff(UpdatedAt="2025-12-31 00:00:00.000000000"))
    assert (spaced.time_ms, spaced.time_quality) == (1767139200000, "no_zone")


@given(mutated(ASFF, event(ASFF), event(ASFF, ASFF)))
def test_nothing_raises(document: Object) -> None:
    raw = json.dumps(document).encode()
    Parser().parse(raw, NOW_MS)
    head = SecurityHub().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(SecurityHub().alert(raw, head)))
