"""Findings of Wazuh 5: ECS documents with Wazuh's rule in them."""

import copy
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from backend.alerts.wazuh import Wazuh
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, texts_in

FINDING5: dict[str, object] = {
    "@timestamp": "2026-01-01T00:00:00.500Z",
    "event": {"kind": "event", "original": "type=EXECVE msg=…", "created": "2025-12-31T00:00:00Z"},
    "source": {"ip": "203.0.113.9", "port": 51698},
    "destination": {"address": "10.4.2.17", "port": 22},
    "user": {"name": "ann"},
    "process": {"executable": "/usr/bin/id", "args": ["id", "-u"], "pid": 7, "parent": {"name": "sh"}},
    "file": {"path": "/tmp/x", "hash": {"md5": "a" * 32, "sha256": "b" * 64}},
    "wazuh": {
        "agent": {"id": "001", "name": "a-1", "host": {"hostname": "web-1", "ip": ["10.4.2.17"]}},
        "integration": {"category": "System Activity"},
        "rule": {
            "id": "net-1",
            "title": "Odd command",
            "level": "high",
            "mitre": {
                "technique": {"id": ["T1087", "T1003"]},
                "tactic": {"id": ["TA0007", "TA0006"]},
                "subtechnique": {"id": ["T1003.008"]},
            },
        },
        "threat": {"enrichments": {"indicator": {"file": {"hash": {"sha1": "c" * 40}}}}},
    },
}


def finding(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(FINDING5) | changes


def test_head_of_version_5() -> None:
    head = head_of(finding())
    assert head == Head(
        uid=head.uid,
        format="wazuh",
        time_ms=NOW_MS + 500,
        severity_id=4,
        title=SafeText("Odd command"),
        severity_native=SafeText("high"),
        rule_uid=SafeText("net-1"),
        rule_name=SafeText("Odd command"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=22,
        hostname=SafeText("web-1"),
        user=SafeText("ann"),
        product=SafeText("Wazuh"),
    )


def test_alert_of_version_5() -> None:
    alert = alert_of(finding())
    assert (alert.device_ip, alert.category) == ("10.4.2.17", "System Activity")
    assert (alert.process.name, alert.process.cmd_line, alert.process.pid) == ("/usr/bin/id", "id -u", 7)
    assert (alert.file.path, alert.file.md5, alert.file.sha256) == ("/tmp/x", "a" * 32, "b" * 64)
    assert alert.attacks == (
        Attack(SafeText("T1087"), SafeText("TA0007")),
        Attack(SafeText("T1003.008"), SafeText("TA0006")),
    )
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {("Hash", "c" * 40), ("IP Address", "10.4.2.17"), ("Hostname", "web-1")}
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["event.original"].attacker and facts["process.executable"].attacker
    assert not facts["wazuh.agent.id"].attacker and not facts["source.ip"].attacker


@pytest.mark.parametrize("event", [None, {}, {"kind": "alert"}, {"kind": "event"}, "text"])
def test_version_5_is_told_by_its_rule(event: object) -> None:
    assert head_of(finding(event=event)).format == "wazuh"


@pytest.mark.parametrize(
    ("level", "severity"),
    [("informational", 1), ("low", 2), ("medium", 3), ("critical", 5), ("odd", 0), ("", 0)],
)
def test_levels_of_version_5_are_words(level: str, severity: int) -> None:
    document = finding()
    document["wazuh"]["rule"]["level"] = level
    head = head_of(document)
    assert (head.severity_id, head.severity_native) == (severity, level)


def test_the_uid_of_version_5() -> None:
    other_rule = finding()
    other_rule["wazuh"]["rule"]["id"] = "net-2"
    without = finding(event={})
    assert len({head_of(document).uid for document in (finding(), other_rule, without)}) == 3
    assert head_of(without).uid != head_of(without | {"tags": ["x"]}).uid
    assert head_of(finding(tags=["x"])).uid == head_of(finding()).uid


@given(mutated(FINDING5))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    head = Wazuh().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Wazuh().alert(raw, head)))
