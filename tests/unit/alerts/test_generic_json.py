"""JSON of no known format: fields found by their usual names, or where a mapping says they are."""

import msgspec
import pytest

from backend.alerts.generic_keys import GenericMapping, mapping_for
from backend.alerts.model import Attack, ParsedAlert
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.reading import NOW_MS, alert_of, head_of, line


def test_flat_alert() -> None:
    alert = alert_of(
        {
            "time": "2022-01-24T03:57:39Z",
            "title": "Web server 400 error code.",
            "rule_id": "W-Acc-400",
            "vendor": "Acme",
            "host": "intranet",
            "ip": "10.143.2.4",
            "severity": "Low",
            "rule_level": 5,
        }
    )
    head = alert.head
    assert (head.format, head.title, head.rule_uid) == (
        "generic_json",
        "Web server 400 error code.",
        "W-Acc-400",
    )
    assert (head.severity_id, head.severity_native, head.time_ms) == (2, "Low", 1642996659000)
    assert (head.hostname, head.src_ip, head.product, alert.vendor) == ("intranet", "", "Acme", "Acme")
    assert (alert.device_hostname, alert.device_ip) == ("intranet", "10.143.2.4")


@pytest.mark.parametrize(
    "document",
    [
        {"src_ip": "203.0.113.9", "src_port": 5, "dst_ip": "10.0.0.1", "dst_port": "443", "username": "ann"},
        {"srcIp": "203.0.113.9", "srcPort": "5", "dstIp": "10.0.0.1", "dstPort": 443, "userName": "ann"},
        {
            "source": {"ip": "203.0.113.9", "port": 5},
            "destination": {"ip": "10.0.0.1", "port": 443},
            "user": {"name": "ann"},
        },
        {
            "source.ip": "203.0.113.9",
            "source.port": 5,
            "dest_ip": "10.0.0.1",
            "dest_port": 443,
            "user.name": "ann",
        },
        {"alert": {"SourceIP": "203.0.113.9:5", "TargetIP": "10.0.0.1:443"}, "User": "ann"},
        {
            "data": {
                "client": {"ip": ["203.0.113.9"], "port": [5]},
                "server": {"ip": "10.0.0.1", "port": 443},
            },
            "suser": "ann",
        },
    ],
)
def test_spellings_of_addresses(document: dict[str, object]) -> None:
    head = head_of(document)
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("203.0.113.9", 5, "10.0.0.1", 443)
    assert head.user == "ann"


@pytest.mark.parametrize(
    "key", ["time", "timestamp", "@timestamp", "createdAt", "created", "event_time", "detection_timestamp"]
)
@pytest.mark.parametrize("value", [1767139200000, "1767139200000", 1767139200, "2025-12-31T00:00:00Z"])
def test_times(key: str, value: object) -> None:
    assert head_of({key: value, "title": "x"}).time_ms == 1767139200000


def test_a_time_that_is_none_is_passed_over_for_one_that_is() -> None:
    head = head_of({"time": "soon", "created_at": "2025-12-31T00:00:00Z"})
    assert (head.time_ms, head.time_quality) == (1767139200000, "exact")
    assert head_of({"time": "soon"}).time_quality == "received"


@pytest.mark.parametrize(
    ("document", "level", "native"),
    [
        ({"severity": "CRITICAL "}, 5, "CRITICAL "),
        ({"Severity": "High"}, 4, "High"),
        ({"alert": {"severity": "medium"}}, 3, "medium"),
        ({"level": "warning"}, 3, "warning"),
        ({"priority": "low"}, 2, "low"),
        ({"risk_level": "info"}, 1, "info"),
        ({"severity_id": 5}, 5, "5"),
        ({"severity_id": 10}, 0, "10"),
        ({"severity": 10}, 0, "10"),
        ({"severity": -1}, 0, "-1"),
        ({"severity": None}, 0, ""),
        ({"severity": ["low", "high"]}, 4, '["low","high"]'),
        ({"severity": "sev-unheard-of"}, 0, "sev-unheard-of"),
        ({"severity": 3, "priority": "high"}, 4, "high"),
        ({"classification": "Malware", "cloudVerdict": "black"}, 0, "Malware / black"),
        ({"content": {"licenses": [{"severity": "high"}]}}, 0, ""),
    ],
)
def test_unknown_severities_are_never_low(document: dict[str, object], level: int, native: str) -> None:
    head = head_of(document)
    assert (head.severity_id, head.severity_native) == (level, native)


def test_a_severity_that_comes_twice_counts_as_the_higher() -> None:
    raw = b'{"title": "x", "severity": "high", "severity": "low"}'
    assert head_of(raw).severity_id == 4
    assert alert_of(raw).parse_errors == ("duplicate key 'severity'",)


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ({"title": "A", "message": "B"}, "A"),
        ({"message": "B", "description": "C"}, "B"),
        ({"rule": {"name": "R"}, "action": "x"}, "R"),
        ({"rule": "R text"}, "R text"),
        ({"signature": "S"}, "S"),
        ({"event": "org.delete", "content": {"name": "no"}}, "org.delete"),
        ({"title": 7, "name": "N"}, "N"),
        ({"a": 1}, "JSON record without a title"),
        ({}, "JSON record without a title"),
    ],
)
def test_titles(document: dict[str, object], title: str) -> None:
    assert head_of(document).title == title


def test_uid_is_the_vendors_or_of_the_bytes() -> None:
    assert head_of({"alert_id": "62a3b514-50f2", "id": "other-000"}).uid == "62a3b514-50f2"
    for document in ({"id": 42}, {"id": "<id>"}, {"id": None}, {"id": "null"}, {"id": True}):
        assert len(head_of(document).uid) == 32
        assert head_of(document).uid == head_of(document).uid
    assert head_of({"id": 42, "a": 1}).uid != head_of({"id": 42, "a": 2}).uid
    assert head_of(b'{"id": 42, "a": 1}').uid == head_of(b'{ "a":1,\n"id":42}').uid
    assert len(head_of(b'{"a": "\\ud800", "id": 99999999999999999999999}').uid) == 32


@pytest.mark.parametrize(
    ("document", "suppressed"),
    [
        ({"status": "Resolved"}, True),
        ({"state": "closed"}, True),
        ({"archived": True}, True),
        ({"resolved": False}, False),
        ({"resolved": "false"}, False),
        ({"status": "SUCCESS"}, False),
    ],
)
def test_what_the_vendor_is_done_with(document: dict[str, object], suppressed: bool) -> None:
    assert head_of(document).suppressed is suppressed


def test_whole_alert() -> None:
    md5, sha1, sha256 = "a1" * 16, "b2" * 20, "c3" * 32
    alert = alert_of(
        {
            "title": "Malware",
            "severity": "high",
            "device_name": "DESKTOP-1",
            "device_internal_ip": "192.168.31.23",
            "process_name": "c:\\evil.exe",
            "process_cmdline": "evil.exe \x1b[2J",
            "process_pid": 10664,
            "process_md5": md5,
            "parent_name": "explorer.exe",
            "fileHash": sha256,
            "blocked_sha1": sha1,
            "filePath": "\\Device\\x",
            "attack_tactic": "TA0002",
            "mitreTechniques": ["TA0002-T1204", "TA0002-T1204"],
            "url": "http://evil.example/x",
            "sender": "ceo@evil.example",
            "mitigationStatus": "blocked",
            "nested": {"peers": [{"addr": "198.51.100.7"}]},
        }
    )
    assert (alert.device_hostname, alert.device_ip) == ("DESKTOP-1", "192.168.31.23")
    assert (alert.process.name, alert.process.pid, alert.process.parent_name) == (
        "c:\\evil.exe",
        10664,
        "explorer.exe",
    )
    assert alert.process.cmd_line == "evil.exe ␛[2J"
    assert (alert.file.path, alert.file.sha256, alert.file.md5) == ("\\Device\\x", sha256, md5)
    assert alert.attacks == (Attack(SafeText("T1204"), SafeText("TA0002")),)
    assert alert.action == "blocked"
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {
        *(("Hash", md5), ("Hash", sha256), ("Hash", sha1), ("URL", "http://evil.example/x")),
        *(("IP Address", "198.51.100.7"), ("IP Address", "192.168.31.23"), ("Hostname", "DESKTOP-1")),
    }
    facts = {str(fact.name): fact.attacker for fact in alert.facts}
    assert facts["url"] and facts["sender"]
    assert "title" not in facts and "severity" not in facts


def test_a_mapping_says_where_fields_are() -> None:
    mapping = GenericMapping(
        title="a.headline",
        time="when.at",
        severity="prio",
        severity_map={"P1": "Critical", "4": "low"},
        rule_uid="a.code",
        src_ip="net.from",
        hostname="box",
        cmd_line="ran",
    )
    parser = Parser(mapping=mapping)
    document = {
        "title": "not this",
        "a": {"headline": "This", "code": 17},
        "when": {"at": "1767139200"},
        "prio": "p1 ",
        "severity": "low",
        "net.from": "203.0.113.9",
        "box": "b-1",
        "ran": "sh -c x",
    }
    (item,) = parser.parse(line(document), NOW_MS)
    assert isinstance(item, ParsedAlert)
    head = item.head
    assert (head.title, head.rule_uid, head.severity_id, head.severity_native) == ("This", "17", 5, "p1 ")
    assert (head.time_ms, head.src_ip, head.hostname) == (1767139200000, "203.0.113.9", "b-1")
    assert parser.build_alert(item.raw, head).process.cmd_line == "sh -c x"
    assert head_of({"prio": 4}, parser).severity_id == 2
    assert head_of({"prio": "P9"}, parser).severity_id == 0


def test_a_mapping_is_checked() -> None:
    with pytest.raises(ValueError, match="'Sever'; use one of"):
        GenericMapping(severity_map={"1": "Sever"})
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"titel": "x"}, GenericMapping)


def test_a_mapping_is_chosen_by_source() -> None:
    own, common = GenericMapping(title="a"), GenericMapping(title="b")
    assert mapping_for({"kafka://x": own, "*": common}, "kafka://x") is own
    assert mapping_for({"kafka://x": own, "*": common}, "other") is common
    assert mapping_for({"kafka://x": own}, "other") is None


def test_a_document_of_a_million_keys_is_read_in_part() -> None:
    document: dict[str, object] = {"title": "Big", **{f"k{number}": "v" for number in range(100_000)}}
    alert = alert_of(document)
    assert alert.head.title == "Big"
    assert len(alert.facts) <= 200
