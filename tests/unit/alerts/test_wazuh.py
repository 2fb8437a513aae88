"""Wazuh 3/4, field by field; and Suricata alerts that come through Wazuh."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from backend.alerts.wazuh import Wazuh
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import EVE, NOW_MS, alert_of, forbidden, head_of, line, one, texts_in

ALERT: dict[str, object] = {
    "timestamp": "2025-12-31T23:59:58.123+0100",
    "rule": {
        "level": 10,
        "description": "sshd: brute force",
        "id": "5763",
        "firedtimes": 3,
        "frequency": 8,
        "mail": False,
        "groups": ["syslog", "sshd"],
        "mitre": {"id": ["T1110"], "tactic": ["Credential Access"], "technique": ["Brute Force"]},
        "pci_dss": ["11.4"],
    },
    "agent": {"id": "004", "name": "web-1", "ip": "10.4.2.17"},
    "manager": {"name": "wazuh-1"},
    "cluster": {"name": "c", "node": "node-1"},
    "id": "1767221998.4711",
    "full_log": "Dec 31 23:59:58 web-1 sshd[7]: Failed password for ann from 203.0.113.9 port 51698",
    "predecoder": {"program_name": "sshd", "hostname": "web-1"},
    "decoder": {"name": "sshd"},
    "data": {"srcip": "203.0.113.9", "srcport": "51698", "dstip": "10.4.2.17:22", "srcuser": "ann"},
    "location": "/var/log/auth.log",
}


def wazuh(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(ALERT) | changes


def with_rule(**changes: object) -> dict[str, Any]:
    document = wazuh()
    document["rule"] |= changes
    return document


def wrapping(eve: Object, **changes: object) -> dict[str, Any]:
    """A Suricata record as Wazuh wraps it: `data` has all numbers as strings, long ones with decimals."""
    data = copy.deepcopy(eve)

    def strings(here: dict[str, Any]) -> None:
        for key, value in here.items():
            if isinstance(value, dict):
                strings(value)
            elif isinstance(value, int):
                here[key] = f"{value}.000000" if value > 2**31 else str(value)

    strings(data)
    rule = {"level": 3, "description": "Suricata: Alert - X", "id": "86601", "groups": ["ids", "suricata"]}
    return wazuh(rule=rule, full_log=json.dumps(eve), data=data) | changes


def test_head() -> None:
    head = head_of(wazuh())
    assert head == Head(
        uid=head.uid,
        format="wazuh",
        time_ms=1767221998123,
        severity_id=3,
        title=SafeText("sshd: brute force"),
        severity_native=SafeText("10"),
        rule_uid=SafeText("5763"),
        rule_name=SafeText("sshd: brute force"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=22,
        hostname=SafeText("web-1"),
        user=SafeText("ann"),
        product=SafeText("Wazuh"),
    )


def test_the_typed_and_the_tolerant_path_agree() -> None:
    for document in (wazuh(), wazuh(data={}), with_rule(id=5763)):
        fast = Wazuh().typed(line(document), NOW_MS)
        assert isinstance(fast, Head)
        assert Wazuh().read(document, line(document), NOW_MS) == fast


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        *((0, 1), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (11, 3), (12, 4), (14, 4), (15, 5), (16, 5)),
        *((17, 0), (-1, 0), (None, 0), ("10", 3), ("high", 0), ([3, 12], 4), ({}, 0), (True, 0)),
    ],
)
def test_levels(level: object, severity: int) -> None:
    assert head_of(with_rule(level=level)).severity_id == severity


def test_a_level_that_comes_twice_counts_as_the_higher() -> None:
    raw = line(with_rule(level=13)).replace(b'"level": 13', b'"level": 13, "level": 2')
    assert head_of(raw).severity_id == 4


@pytest.mark.parametrize(
    ("mitre", "attacks"),
    [
        (
            {"id": ["T1114", "T1499"], "tactic": ["Collection", "Impact"]},
            [("T1114", "TA0009"), ("T1499", "TA0040")],
        ),
        (
            {"id": ["T1078"], "tactic": ["Defense Evasion", "Persistence", "Initial Access"]},
            [("T1078", ""), ("", "TA0005"), ("", "TA0003"), ("", "TA0001")],
        ),
        (
            {"id": ["T1110.001", "T1021"], "tactic": "Lateral Movement"},
            [("T1110.001", "TA0008"), ("T1021", "TA0008")],
        ),
        ({"id": None, "tactic": [7]}, []),
        ("text", []),
    ],
)
def test_attack_lists_of_any_length(mitre: object, attacks: list[tuple[str, str]]) -> None:
    found = alert_of(with_rule(mitre=mitre)).attacks
    assert found == tuple(Attack(SafeText(technique), SafeText(tactic)) for technique, tactic in attacks)


def test_an_address_with_its_port_in_one_field() -> None:
    head = head_of(wazuh(data={"srcip": "192.0.2.1", "dstip": "192.0.2.2:80", "id": "1:2221028:1"}))
    assert (head.src_ip, head.dst_ip, head.dst_port) == ("192.0.2.1", "192.0.2.2", 80)


@pytest.mark.parametrize("data", [None, {}, [], "text", {"srcip": None, "srcport": []}, {"srcip": "-"}])
def test_data_that_is_not_there(data: object) -> None:
    head = head_of(wazuh(data=data))
    assert (head.src_ip, head.dst_ip, head.user) == ("", "", "")
    document = wazuh()
    del document["data"]
    assert head_of(document).title == "sshd: brute force"


def test_the_managers_own_agent_stands_for_what_it_was_sent() -> None:
    agent = {"id": "000", "name": "wazuh-1"}
    assert head_of(wazuh(agent=agent, predecoder={"hostname": "mail"})).hostname == "mail"
    assert head_of(wazuh(agent=agent, predecoder={})).hostname == "wazuh-1"
    assert head_of(wazuh(agent={"id": "004"}, predecoder={})).hostname == "wazuh-1"
    assert alert_of(wazuh(agent={"id": "004", "name": "a", "ip": "any"})).device_ip == ""


def test_many_lines_are_one_value() -> None:
    alert = alert_of(wazuh(previous_output="one\ntwo\x1b[2J", full_log="a\nb"))
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["previous_output"].value == "one␤two␛[2J"
    assert facts["previous_output"].attacker and facts["full_log"].attacker
    assert alert.description == "a␤b"


def test_templates_that_were_never_filled_in() -> None:
    template = {"timestamp": "{timestamp}", "@timestamp": "{timestamp}", "id": "1580123327.49031"}
    heads = [head_of(wazuh(**template, location=place)) for place in ("a", "b", "c")]
    assert len({head.uid for head in heads}) == 3
    assert {(head.time_ms, head.time_quality) for head in heads} == {(NOW_MS, "received")}
    placed = head_of(wazuh(**template | {"@timestamp": "2026-01-01T00:00:00Z"}))
    assert (placed.time_ms, placed.time_quality) == (NOW_MS, "exact")


def test_the_uid_is_the_same_from_file_and_index() -> None:
    added = {
        "@timestamp": "2026-01-01T00:00:00Z",
        "GeoLocation": {"country_name": "X"},
        "input": {"type": "log"},
    }
    assert head_of(wazuh(**added)).uid == head_of(wazuh()).uid
    hit = {"hits": {"hits": [{"_index": "wazuh-alerts-4.x", "_source": wazuh(**added)}]}}
    (item,) = Parser().parse(line(hit), NOW_MS)
    assert item == one(wazuh(**added))
    # Each manager numbers for itself, and one second holds many alerts.
    others = [
        *(wazuh(id="1767221998.4712"), wazuh(manager={"name": "w2"}), wazuh(cluster={"node": "n2"})),
        *(with_rule(firedtimes=4), with_rule(id="1"), wazuh(full_log="x"), wazuh(agent={"id": "5"})),
    ]
    assert len({head_of(document).uid for document in [wazuh(), *others]}) == 8


def test_an_archived_event_is_no_alert() -> None:
    document = wazuh()
    del document["rule"]
    assert one(document) == ParsedEvent("wazuh", "archived event sshd")


def test_file_integrity() -> None:
    syscheck = {
        "path": "/etc/x.conf",
        "event": "modified",
        "md5_after": "a" * 32,
        "sha1_after": "b" * 40,
        "sha256_after": "c" * 64,
        "uname_after": "ann",
    }
    document = wazuh(syscheck=syscheck)
    alert = alert_of(document)
    assert (alert.file.path, alert.file.name, alert.file.md5, alert.file.sha256) == (
        "/etc/x.conf",
        "x.conf",
        "a" * 32,
        "c" * 64,
    )
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {("File Path", "/etc/x.conf"), ("Hash", "b" * 40), ("IP Address", "203.0.113.9")}
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["syscheck.path"].attacker and not facts["syscheck.event"].attacker


def test_windows_and_audit() -> None:
    eventdata = {
        "image": "C:\\Windows\\System32\\cmd.exe",
        "commandLine": "cmd.exe /c whoami",
        "parentImage": "C:\\a\\node.exe",
        "processId": "3412",
        "targetUserName": "ann",
        "ipAddress": "203.0.113.9",
        "hashes": f"SHA1={'A' * 40},MD5={'B' * 32},SHA256={'C' * 64},IMPHASH={'D' * 32}",
        "targetFilename": "C:\\temp\\x.dll",
    }
    document = wazuh(data={"win": {"system": {"eventID": "1"}, "eventdata": eventdata}})
    alert = alert_of(document)
    assert (alert.process.name, alert.process.pid, alert.process.cmd_line, alert.process.parent_name) == (
        "C:\\Windows\\System32\\cmd.exe",
        3412,
        "cmd.exe /c whoami",
        "C:\\a\\node.exe",
    )
    assert (alert.src.ip, alert.user_name, alert.file.name, alert.file.sha256) == (
        "203.0.113.9",
        "ann",
        "x.dll",
        "C" * 64,
    )
    assert alert.file.md5 == "B" * 32
    audit = {
        "exe": "/usr/bin/id",
        "pid": "7",
        "execve": {"a0": "id", "a1": "-u"},
        "file": {"name": "/bin/id"},
    }
    alert = alert_of(wazuh(data={"audit": audit}))
    assert (alert.process.name, alert.process.cmd_line, alert.file.path) == (
        "/usr/bin/id",
        "id -u",
        "/bin/id",
    )


def test_guardduty_through_wazuh() -> None:
    action = {"portProbeAction": {"portProbeDetails": {"remoteIpDetails": {"ipAddressV4": "203.0.113.7"}}}}
    head = head_of(wazuh(data={"aws": {"service": {"action": action}}}))
    assert head.src_ip == "203.0.113.7"


def test_vulnerabilities_are_wazuhs_own_words() -> None:
    alert = alert_of(wazuh(data={"vulnerability": {"cve": "CVE-2025-1", "severity": "High"}, "x": "y"}))
    facts = {str(fact.name): fact for fact in alert.facts}
    assert not facts["data.vulnerability.cve"].attacker and facts["data.x"].attacker


def test_facts_and_the_rest() -> None:
    alert = alert_of(wazuh())
    assert (alert.vendor, alert.product, alert.category) == ("Wazuh", "Wazuh", "syslog")
    assert (alert.device_hostname, alert.device_ip) == ("web-1", "10.4.2.17")
    facts = {str(fact.name): str(fact.value) for fact in alert.facts}
    assert facts["rule.frequency"] == "8" and facts["location"] == "/var/log/auth.log"
    assert "rule.level" not in facts and "rule.pci_dss" not in facts


# --- Suricata inside Wazuh --------------------------------------------------------------------------------


def native(**changes: object) -> dict[str, Any]:
    document = copy.deepcopy(EVE)
    document["http"] = {"hostname": "evil.example", "url": "/a?b=<script>", "http_user_agent": "curl/8"}
    return document | {"tx_id": 20} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data": None},
        {"full_log": None},
        {"full_log": json.dumps(EVE)[:200]},
        {"full_log": "12/31/2025-23:59:58 [**] [1:2403388:7] …"},
        {"full_log": '{"event_type":"flow"}'},
    ],
)
def test_a_wrapped_alert_is_the_same_event_as_its_native_twin(changes: dict[str, object]) -> None:
    wrapped, twin = head_of(wrapping(native(), **changes)), head_of(native())
    assert wrapped.format == "wazuh" and twin.format == "suricata_eve"
    assert wrapped.uid == twin.uid
    ends = ("src_ip", "src_port", "dst_ip", "dst_port", "hostname")
    assert [getattr(wrapped, name) for name in ends] == [getattr(twin, name) for name in ends]
    assert (wrapped.title, wrapped.rule_uid) == ("Suricata: Alert - X", "86601")


def test_other_alerts_of_one_flow_are_other_events() -> None:
    other = native(tx_id=21)
    assert len({head_of(wrapping(document)).uid for document in (native(), other)}) == 2
    assert head_of(wrapping(other, full_log=None)).uid == head_of(other).uid


def test_a_wrapped_alert_is_never_less_urgent_than_its_twin() -> None:
    head = head_of(wrapping(native()))
    assert (head.severity_id, head.severity_native) == (4, "3")
    document = wrapping(native())
    document["rule"]["level"] = 15
    assert head_of(document).severity_id == 5


def test_a_wrapped_alert_has_the_details_of_both() -> None:
    alert = alert_of(wrapping(native()))
    twin = alert_of(native())
    assert set(twin.observables) <= set(alert.observables)
    assert (alert.category, alert.action, alert.dst.hostname) == ("Misc Attack", "allowed", "evil.example")
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["http.url"].value == "/a?b=<script>" and facts["http.url"].attacker
    assert facts["alert.signature"].value == "ET MALWARE Beacon"
    assert facts["alert.severity"].value == "1"
    assert "full_log" not in facts and not any(name.startswith("data.") for name in facts)
    assert facts["location"].value == "/var/log/auth.log"


@pytest.mark.parametrize("kind", ["flow", "dns", None, ["alert"], 7])
def test_other_suricata_records_in_wazuh_stay_wazuhs(kind: object) -> None:
    inside = native(event_type=kind)
    head = head_of(wrapping(inside))
    assert head.severity_id == (4 if kind == ["alert"] else 1)
    assert alert_of(wrapping(inside)).head.format == "wazuh"


@given(mutated(ALERT, wrapping(native())))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    head = Wazuh().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Wazuh().alert(raw, head)))
