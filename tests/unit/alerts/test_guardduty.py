"""GuardDuty findings, bare and in EventBridge, in both spellings, with every kind of action."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.fields import Object
from backend.alerts.guardduty import GuardDuty
from backend.alerts.model import Attack, Endpoint, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, reason_of, texts_in

FINDING: dict[str, object] = {
    "schemaVersion": "2.0",
    "accountId": "111122223333",
    "region": "eu-central-1",
    "id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "type": "CredentialAccess:IAMUser/AnomalousBehavior",
    "resource": {
        "resourceType": "AccessKey",
        "accessKeyDetails": {"userName": "ann", "userType": "IAMUser"},
        "instanceDetails": {
            "instanceId": "i-0abc",
            "networkInterfaces": [{"privateIpAddress": "10.0.0.5"}],
        },
    },
    "service": {
        "count": 3,
        "archived": False,
        "eventLastSeen": "2025-12-30T00:00:00Z",
        "additionalInfo": {},
        "action": {
            "actionType": "NETWORK_CONNECTION",
            "networkConnectionAction": {
                "connectionDirection": "INBOUND",
                "blocked": False,
                "localIpDetails": {"ipAddressV4": "10.0.0.5", "ipAddressV6": "2001:db8::5"},
                "localPortDetails": {"port": 22},
                "remoteIpDetails": {"ipAddressV4": "203.0.113.9", "geoLocation": {"lat": 0, "lon": 0}},
                "remotePortDetails": {"port": 51698},
            },
        },
    },
    "severity": 8,
    "updatedAt": "2025-12-31T00:00:00.500Z",
    "title": "Odd logins of ann",
    "description": "An odd login.",
}
REMOTE = {"remoteIpDetails": {"ipAddressV4": "203.0.113.9"}}


def finding(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(FINDING) | changes


def acting(**action: object) -> dict[str, Any]:
    made = finding()
    made["service"]["action"] = action
    return made


def pascal(value: object) -> object:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal(inner) for key, inner in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def bridged(detail: object, **changes: object) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "time": "2025-12-29T00:00:00Z",
        "detail": detail,
    } | changes


@pytest.mark.parametrize("document", [FINDING, pascal(FINDING), bridged(FINDING), bridged(pascal(FINDING))])
def test_head_in_every_shape(document: dict[str, object]) -> None:
    assert head_of(document) == Head(
        uid="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        format="guardduty",
        time_ms=1767139200500,
        severity_id=4,
        title=SafeText("Odd logins of ann"),
        severity_native=SafeText("8"),
        rule_uid=SafeText("CredentialAccess:IAMUser/AnomalousBehavior"),
        rule_name=SafeText("CredentialAccess:IAMUser/AnomalousBehavior"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.0.0.5"),
        dst_port=22,
        hostname=SafeText("i-0abc"),
        user=SafeText("ann"),
        product=SafeText("GuardDuty"),
    )


@pytest.mark.parametrize("document", [FINDING, bridged(pascal(FINDING))])
def test_whole_alert(document: dict[str, object]) -> None:
    alert = alert_of(document)
    assert (alert.vendor, alert.product, alert.count, alert.action) == ("AWS", "GuardDuty", 3, "allowed")
    assert (alert.description, alert.category, alert.device_ip) == ("An odd login.", "AccessKey", "10.0.0.5")
    assert alert.attacks == (Attack(tactic=SafeText("TA0006")),)
    assert {(seen.type, str(seen.value)) for seen in alert.observables} >= {
        ("IP Address", "203.0.113.9"),
        ("IP Address", "2001:db8::5"),
        ("User Name", "ann"),
        ("Hostname", "i-0abc"),
    }
    named = {str(fact.name).lower(): fact for fact in alert.facts}
    assert not named.keys() & {"title", "severity", "updatedat", "service.count", "id"}
    assert named["region"].attacker is False
    assert named["resource.accesskeydetails.username"].attacker is True
    assert named["service.action.networkconnectionaction.remoteipdetails.ipaddressv4"].attacker is False


@pytest.mark.parametrize(
    ("value", "level"),
    [
        *(
            (0, 1),
            (1, 2),
            (2, 2),
            (3.9, 2),
            (4, 3),
            (5, 3),
            (6.9, 3),
            (7, 4),
            (8, 4),
            (8.9, 4),
            (9.0, 5),
            (10, 5),
        ),
        *((11, 0), (-1, 0), (None, 0), ("", 0), ("x", 0), ("8.5", 4), ([2, 8], 4), (True, 0), ({}, 0)),
    ],
)
def test_severity(value: object, level: int) -> None:
    assert head_of(finding(severity=value)).severity_id == level


@pytest.mark.parametrize(
    ("action", "src", "dst"),
    [
        (
            {"networkConnectionAction": {"connectionDirection": "OUTBOUND", **REMOTE}},
            Endpoint(),
            Endpoint(SafeText("203.0.113.9")),
        ),
        (
            {
                "actionType": "PORT_PROBE",
                "portProbeAction": {
                    "blocked": True,
                    "portProbeDetails": [
                        {
                            **REMOTE,
                            "localPortDetails": {"port": 80},
                            "localIpDetails": {"ipAddressV4": "10.0.0.5"},
                        },
                        {"remoteIpDetails": {"ipAddressV6": "2001:db8::66"}},
                    ],
                },
            },
            Endpoint(SafeText("203.0.113.9")),
            Endpoint(SafeText("10.0.0.5"), 80),
        ),
        ({"awsApiCallAction": {"api": "GetObject", **REMOTE}}, Endpoint(SafeText("203.0.113.9")), Endpoint()),
        ({"rdsLoginAttemptAction": REMOTE}, Endpoint(SafeText("203.0.113.9")), Endpoint()),
        (
            {"kubernetesApiCallAction": {"sourceIps": ["203.0.113.9"], "userAgent": "kubectl"}},
            Endpoint(SafeText("203.0.113.9")),
            Endpoint(),
        ),
        (
            {"dnsRequestAction": {"domain": "c2.example", "blocked": True}},
            Endpoint(),
            Endpoint(hostname=SafeText("c2.example")),
        ),
        (
            {"awsApiCallAction": {"domainDetails": {"domain": "x.amazonaws.com"}}},
            Endpoint(hostname=SafeText("x.amazonaws.com")),
            Endpoint(),
        ),
        ({"portProbeAction": {"portProbeDetails": []}}, Endpoint(), Endpoint()),
        ({}, Endpoint(), Endpoint()),
    ],
)
def test_actions(action: dict[str, object], src: Endpoint, dst: Endpoint) -> None:
    alert = alert_of(acting(**action))
    assert (alert.src, alert.dst) == (src, dst)


def test_one_alert_of_many_probes_names_every_address() -> None:
    probes = [{"remoteIpDetails": {"ipAddressV4": f"203.0.113.{n}"}} for n in range(5)]
    alert = alert_of(acting(portProbeAction={"portProbeDetails": probes}))
    assert [str(seen.value) for seen in alert.observables if seen.type == "IP Address"] == [
        f"203.0.113.{n}" for n in range(5)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "[SAMPLE] Odd logins"},
        {"service": {"additionalInfo": {"sample": True}}},
        {"service": {"additionalInfo": {"sample": "true"}}},
        {"service": {"additionalInfo": {"value": '{"threatName":"x","sample":true}', "type": "default"}}},
    ],
)
def test_samples_do_not_page_and_are_not_the_real_finding(changes: dict[str, object]) -> None:
    head = head_of(finding(**changes))
    assert head.suppressed
    assert head.uid == "0f1e2d3c4b5a69788796a5b4c3d2e1f0-sample"
    assert head_of(pascal(finding(**changes))).suppressed  # type: ignore[arg-type]  # a dict


def test_archived_findings_do_not_page() -> None:
    alert = alert_of(finding(service={"archived": True}))
    assert (alert.head.suppressed, alert.status) == (True, "archived")
    assert not head_of(finding(service={"archived": "false"})).suppressed


def test_a_later_report_of_a_finding_has_its_uid() -> None:
    later = finding(updatedAt="2025-12-31T06:00:00Z")
    later["service"]["count"] = 12
    assert head_of(later).uid == head_of(FINDING).uid
    assert alert_of(later).count == 12
    assert head_of(finding(id=None)).uid != head_of(finding(id=None, title="y")).uid


def test_times() -> None:
    assert head_of(finding(updatedAt=None)).time_ms == 1767052800000
    nothing = finding(updatedAt="soon", service={})
    assert head_of(bridged(nothing)).time_ms == 1766966400000
    assert head_of(nothing).time_quality == "received"


def test_runtime_finding_and_sequence() -> None:
    process = {"name": "nc", "pid": 7, "executablePath": "/usr/bin/nc", "lineage": [{"name": "sh"}]}
    alert = alert_of(finding(service={"runtimeDetails": {"process": process}}))
    assert (alert.process.name, alert.process.pid, alert.process.parent_name) == ("nc", 7, "sh")
    assert alert.file.path == "/usr/bin/nc"
    sequence = {
        "endpoints": [{"ip": "203.0.113.9"}],
        "actors": [{"user": {"name": "bob"}}],
        "indicators": [{"key": "ATTACK_TECHNIQUE", "values": ["T1078.004"]}],
    }
    alert = alert_of(
        finding(
            type="AttackSequence:IAM/CompromisedCredentials",
            severity=9,
            resource=None,
            service={"detection": {"sequence": sequence}},
        )
    )
    assert (alert.head.severity_id, alert.head.src_ip, alert.head.user) == (5, "203.0.113.9", "bob")
    assert alert.attacks == (Attack(SafeText("T1078.004")),)


def test_what_is_no_finding() -> None:
    scan = bridged({"scanStatus": "COMPLETED"}, **{"detail-type": "GuardDuty Malware Protection Scan Result"})
    assert one(scan) == ParsedEvent("guardduty", "GuardDuty Malware Protection Scan Result")
    assert reason_of(bridged({"a": 1})) == "guardduty event whose 'detail' is no finding: it has no type"
    fixed = Parser(fixed_format="guardduty")
    assert reason_of({"title": "x"}, fixed) == "guardduty record without a finding type"
    policy = finding(type="not a finding type")
    assert head_of(policy).format == "generic_json"


def test_findings_of_get_findings_are_taken_apart() -> None:
    answer = {"Findings": [pascal(FINDING), pascal(finding(id="f" * 32))], "NextToken": ""}
    heads = [item.head for item in Parser().parse(line(answer), NOW_MS)]  # type: ignore[union-attr]  # alerts
    assert [head.format for head in heads] == ["guardduty", "guardduty"]


@given(mutated(FINDING, bridged(pascal(FINDING)), acting(portProbeAction={"portProbeDetails": [REMOTE]})))
def test_nothing_raises(document: Object) -> None:
    raw = json.dumps(document).encode()
    Parser().parse(raw, NOW_MS)
    head = GuardDuty().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(GuardDuty().alert(raw, head)))
