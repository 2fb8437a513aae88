"""Suricata EVE, field by field, and what it looks like when fields are not what they should be."""

import copy
from typing import Any

import pytest

from backend.alerts.model import Attack, DeadLetter, Head, ParsedEvent
from backend.alerts.suricata_eve import SuricataEve
from backend.alerts.text import SafeText
from tests.unit.alerts.reading import EVE, NOW_MS, alert_of, head_of, line, one, reason_of


def eve(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(EVE) | changes


def with_rule(**changes: object) -> dict[str, Any]:
    document = eve()
    document["alert"] |= changes
    return document


def test_head() -> None:
    head = head_of(eve())
    assert head == Head(
        uid=head.uid,
        format="suricata_eve",
        time_ms=1767221998123,
        severity_id=4,
        title=SafeText("ET MALWARE Beacon"),
        time_quality="exact",
        severity_native=SafeText("1"),
        rule_uid=SafeText("1:2403388:7"),
        rule_name=SafeText("ET MALWARE Beacon"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=443,
        hostname=SafeText("sensor-1"),
        product=SafeText("Suricata"),
    )


def test_the_typed_and_the_tolerant_path_agree() -> None:
    fast = SuricataEve().typed(line(eve()), NOW_MS)
    assert isinstance(fast, Head)
    assert SuricataEve().read(eve(), line(eve()), NOW_MS) == fast


def test_the_fast_path_takes_what_is_well_formed() -> None:
    assert isinstance(SuricataEve().typed(line(eve()), NOW_MS), Head)
    assert isinstance(SuricataEve().typed(line(eve(event_type="flow")), NOW_MS), ParsedEvent)
    assert SuricataEve().typed(line(eve(src_port="51698")), NOW_MS) is None
    assert SuricataEve().typed(line({"event_type": "alert", "alert": {}}), NOW_MS) is None
    assert SuricataEve().typed(line({"class_uid": 2004}), NOW_MS) is None


@pytest.mark.parametrize(
    ("native", "level"),
    [
        *((1, 4), (2, 3), (3, 2), (4, 1), (255, 1), ("2", 3), ([3, 1], 4), ([], 0)),
        *((0, 0), (-1, 0), (256, 0), (None, 0), ("CRITICAL ", 0), ({}, 0), (1.0, 4), (True, 0)),
    ],
)
def test_priority_one_is_the_highest(native: object, level: int) -> None:
    head = head_of(with_rule(severity=native))
    assert head.severity_id == level


def test_without_a_severity_it_is_unknown() -> None:
    document = eve()
    del document["alert"]["severity"]
    head = head_of(document)
    assert (head.severity_id, head.severity_native) == (0, "")


@pytest.mark.parametrize(
    ("rated", "level"),
    [
        *((["Critical"], 5), (["Major"], 4), (["Minor"], 2), (["Informational"], 1), ("Major", 4)),
        *((["Minor", "Critical"], 5), (["nonsense"], 3), ([], 3), (None, 3), ([7], 3)),
    ],
)
def test_the_rule_writers_rating_refines(rated: object, level: int) -> None:
    assert head_of(with_rule(severity=2, metadata={"signature_severity": rated})).severity_id == level


def test_a_severity_that_comes_twice_counts_as_the_higher() -> None:
    raw = line(eve()).replace(b'"severity": 1', b'"severity": 1, "severity": 3')
    assert head_of(raw).severity_id == 4
    twice = line(eve())[:-1] + b', "alert": {"signature": "x", "severity": 3}}'
    head = head_of(twice)
    assert (head.severity_id, head.title) == (4, "x")
    assert "duplicate key 'alert'" in alert_of(twice).parse_errors


def test_everything_null_or_of_another_type() -> None:
    document: dict[str, object] = dict.fromkeys(EVE)
    document |= {"event_type": ["alert"], "src_ip": None, "alert": {"signature": None, "severity": "x"}}
    head = head_of(document)
    assert head.title == "Suricata alert without a signature"
    assert (head.time_ms, head.time_quality, head.severity_id) == (NOW_MS, "received", 0)
    strings = eve(src_port="51698", dest_port=["443"], flow_id="1374195536821504")
    assert (head_of(strings).src_port, head_of(strings).dst_port) == (51698, 443)
    assert head_of(strings).uid == head_of(eve()).uid


def test_icmp_and_ipv6() -> None:
    document = eve(proto="ICMPv6", src_ip="2001:db8::9", dest_ip="2001:db8::1", icmp_type=128, icmp_code=0)
    del document["src_port"], document["dest_port"]
    head = head_of(document)
    assert (head.src_ip, head.src_port, head.dst_ip, head.dst_port) == ("2001:db8::9", 0, "2001:db8::1", 0)


def test_the_uid_is_of_the_event_not_of_its_spelling() -> None:
    spaced = line(eve()).replace(b",", b" ,\t")
    assert head_of(spaced).uid == head_of(eve()).uid
    others = [eve(flow_id=1), eve(timestamp="2025-12-31T23:59:58Z"), with_rule(signature_id=1), eve(tx_id=3)]
    assert len({head_of(document).uid for document in [eve(), *others]}) == 5
    nothing = {"event_type": "alert", "src_ip": None, "alert": {"a": 1}}
    assert head_of(nothing).uid != head_of(nothing | {"x": 1}).uid


@pytest.mark.parametrize("kind", ["flow", "dns", "http", "fileinfo", "stats", "drop"])
def test_other_events_are_counted_not_alerted(kind: str) -> None:
    assert one(eve(event_type=kind)) == ParsedEvent("suricata_eve", kind)
    assert one(eve(event_type=[kind])) == ParsedEvent("suricata_eve", kind)


def test_stats_have_neither_flow_nor_address() -> None:
    assert one({"timestamp": "x", "event_type": "stats", "stats": {}}) == ParsedEvent("suricata_eve", "stats")


@pytest.mark.parametrize("rule", [None, "text", [], 7])
def test_an_alert_without_its_alert_object_is_a_dead_letter(rule: object) -> None:
    assert "'alert' is missing" in reason_of(eve(alert=rule))


def test_a_hostile_event_type_is_made_safe() -> None:
    item = one(eve(event_type="\x1b[2J" + "x" * 1000))
    assert isinstance(item, ParsedEvent)
    assert item.kind == "␛[2J" + "x" * 35 + "…"


def test_whole_alert() -> None:
    document = eve(
        app_proto="http",
        payload="R0VU",
        payload_printable="GET /\r\n\x7f",
        http={"hostname": "evil.example", "url": "/a?b=\x1b]0;x", "http_user_agent": "curl/8", "status": 200},
        tls={"sni": "cdn.example", "ja3": {"hash": "e7d705a3286e19ea42f587b344ee6865"}},
        dns={"query": [{"rrname": "c2.example", "type": "query"}]},
        files=[{"filename": "a.bin", "sha256": "ab" * 32}],
        smtp={"mail_from": "<x@evil.example>"},
    )
    document["alert"]["metadata"] = {
        "mitre_technique_id": ["T1071.001"],
        "mitre_tactic_id": ["TA0011"],
        "signature_severity": ["Major"],
    }
    alert = alert_of(document)
    assert (alert.vendor, alert.product, alert.category, alert.action) == (
        "OISF",
        "Suricata",
        "Misc Attack",
        "allowed",
    )
    assert (alert.dst.ip, alert.dst.port, alert.dst.hostname) == ("10.4.2.17", 443, "cdn.example")
    assert alert.attacks == (Attack(SafeText("T1071.001"), SafeText("TA0011")),)
    assert (alert.file.name, alert.file.sha256) == ("a.bin", "ab" * 32)
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {
        ("IP Address", "203.0.113.9"),
        ("IP Address", "10.4.2.17"),
        ("Hostname", "evil.example"),
        ("Hostname", "cdn.example"),
        ("Hostname", "c2.example"),
        ("URL", "http://evil.example/a?b=␛]0;x"),
        ("User Agent", "curl/8"),
        ("Hash", "ab" * 32),
        ("File Name", "a.bin"),
        ("Fingerprint", "e7d705a3286e19ea42f587b344ee6865"),
    }
    facts = {str(fact.name): fact for fact in alert.facts}
    for path in (
        *(
            "http.url",
            "http.http_user_agent",
            "http.hostname",
            "tls.sni",
            "payload_printable",
            "smtp.mail_from",
        ),
        *("dns.query[0].rrname", "files[0].filename"),
    ):
        assert facts[path].attacker, path
    for path in ("proto", "in_iface", "app_proto", "alert.metadata.signature_severity"):
        assert not facts[path].attacker, path
    assert facts["payload_printable"].value == "GET /␍␤␡"
    assert "payload" not in facts
    assert alert.raw == line(document)


def test_an_alert_is_built_of_whatever_bytes() -> None:
    head = head_of(eve())
    for raw in (
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"alert": 7, "http": [], "files": "x", "fileinfo": {"filename": {}}}',
    ):
        assert SuricataEve().alert(raw, head).head is head


def test_an_object_that_only_looks_like_eve() -> None:
    parser_reason = one({"event_type": "", "flow_id": 1})
    assert isinstance(parser_reason, DeadLetter)
