"""Alerts in the Elastic Common Schema: Kibana's, and events that say they are alerts."""

import copy
from typing import Any

import pytest
from hypothesis import given

from backend.alerts.ecs import Ecs
from backend.alerts.fields import Object
from backend.alerts.model import Attack, Head, ParsedAlert, ParsedEvent
from backend.alerts.recognise import Parser
from backend.alerts.text import SafeText
from tests.unit.alerts.mutating import mutated
from tests.unit.alerts.reading import NOW_MS, alert_of, forbidden, head_of, line, one, texts_in

THREAT = [
    {
        "framework": "MITRE ATT&CK",
        "tactic": {"id": "TA0002", "name": "Execution"},
        "technique": [
            {"id": "T1059", "subtechnique": [{"id": "T1059.001"}, {"id": "T1059.003"}]},
            {"id": "T1204", "subtechnique": []},
        ],
    },
    {"framework": "MITRE ATT&CK", "tactic": {"id": "TA0005"}, "technique": []},
]
# As the index holds it: Kibana's own fields are dotted keys, the event's are objects.
KIBANA: dict[str, object] = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "kibana.alert.original_time": "2025-12-31T22:59:58.629Z",
    "kibana.alert.rule.name": "Encoded PowerShell",
    "kibana.alert.rule.uuid": "3f1a-uuid",
    "kibana.alert.rule.rule_id": "static-rule-id",
    "kibana.alert.rule.threat": THREAT,
    "kibana.alert.rule.parameters": {"query": "process where true"},
    "kibana.alert.severity": "high",
    "kibana.alert.risk_score": 47,
    "kibana.alert.uuid": "0a1b2c3d4e5f",
    "kibana.alert.reason": "process event by ann on ws-1 created high alert Encoded PowerShell.",
    "kibana.alert.workflow_status": "open",
    "event": {"kind": "signal", "category": ["process"], "action": "start", "outcome": "success"},
    "host": {"name": "ws-1", "ip": ["10.4.2.17", "fe80::1"]},
    "user": {"name": "ann", "email": "ann@corp.example"},
    "source": {"ip": "203.0.113.9", "port": 51698},
    "destination": {"ip": ["10.4.2.17"], "port": 443, "domain": "srv.example"},
    "process": {
        "name": "powershell.exe",
        "pid": 4711,
        "command_line": "powershell -enc AAAA",
        "parent": {"name": "winword.exe"},
        "hash": {"sha256": "a" * 64},
    },
    "dns": {"question": {"name": "c2.example"}},
}
# A sensor's alert through a shipper, without a rule of Kibana's.
SENSOR: dict[str, object] = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "event": {"kind": "alert", "module": "endpoint", "id": "e-0001", "severity": 73},
    "message": "Malware was found",
    "rule": {"id": "r-1", "name": "Malware"},
    "file": {"name": "x.exe", "path": "C:\\x.exe", "hash": {"md5": "b" * 32}},
    "observer": {"vendor": "Acme", "product": "Sensor"},
}


def kibana(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(KIBANA) | {name.replace("__", "."): value for name, value in changes.items()}


def nested(document: Object) -> Object:
    """Dotted keys as objects in objects."""
    made: Object = {}
    for path, value in document.items():
        here = made
        *parents, key = path.split(".")
        for parent in parents:
            inner = here.setdefault(parent, {})
            assert isinstance(inner, dict)
            here = inner
        here[key] = value
    return made


def dotted(document: Object) -> Object:
    """Objects in objects as dotted keys."""
    made: Object = {}
    for key, value in document.items():
        if isinstance(value, dict):
            made |= {f"{key}.{inner}": found for inner, found in dotted(value).items()}
        else:
            made[key] = value
    return made


def test_head() -> None:
    assert head_of(kibana()) == Head(
        uid="0a1b2c3d4e5f",
        format="ecs",
        time_ms=1767221998629,
        severity_id=4,
        title=SafeText("Encoded PowerShell"),
        severity_native=SafeText("high"),
        rule_uid=SafeText("static-rule-id"),
        rule_name=SafeText("Encoded PowerShell"),
        src_ip=SafeText("203.0.113.9"),
        src_port=51698,
        dst_ip=SafeText("10.4.2.17"),
        dst_port=443,
        hostname=SafeText("ws-1"),
        user=SafeText("ann"),
        product=SafeText("Elastic Security"),
    )


@pytest.mark.parametrize("base", [KIBANA, SENSOR])
def test_dotted_and_nested_keys_say_the_same(base: dict[str, object]) -> None:
    spellings = [base, nested(base), dotted(base)]
    heads = [head_of(document) for document in spellings]
    if base is SENSOR:
        assert heads[0] == heads[1] == heads[2]
    alerts = [alert_of(document) for document in spellings]
    for alert in alerts[1:]:
        for name in ("process", "file", "attacks", "observables", "src", "dst", "device_ip", "user_name"):
            assert getattr(alert, name) == getattr(alerts[0], name), name
    assert heads[0].title == heads[1].title == heads[2].title
    assert heads[0].uid == heads[1].uid == heads[2].uid


def test_before_version_8_it_was_called_signal() -> None:
    document = {
        "@timestamp": "2026-01-01T00:00:00Z",
        "signal": {
            "rule": {"name": "Old", "id": "i-1", "rule_id": "s-1", "severity": "critical", "threat": THREAT},
            "status": "closed",
            "original_time": "2025-12-31T22:59:58Z",
        },
    }
    head = head_of(document)
    assert (head.title, head.rule_uid, head.severity_id, head.suppressed) == ("Old", "s-1", 5, True)
    assert head.time_ms == 1767221998000
    assert len(alert_of(document).attacks) == 4


@pytest.mark.parametrize(
    ("changes", "severity", "native"),
    [
        ({"kibana.alert.severity": "Critical"}, 5, "Critical"),
        ({"kibana.alert.severity": "odd"}, 0, "odd"),
        ({"kibana.alert.severity": None}, 3, "47"),
        ({"kibana.alert.severity": None, "kibana.alert.risk_score": 99.0}, 5, "99.0"),
        ({"kibana.alert.severity": None, "kibana.alert.risk_score": "21"}, 2, "21"),
        ({"kibana.alert.severity": None, "kibana.alert.risk_score": 73}, 4, "73"),
        ({"kibana.alert.severity": None, "kibana.alert.risk_score": 101}, 0, "101"),
        ({"kibana.alert.severity": None, "kibana.alert.risk_score": None}, 0, ""),
    ],
)
def test_severity(changes: dict[str, object], severity: int, native: str) -> None:
    head = head_of(copy.deepcopy(KIBANA) | changes)
    assert (head.severity_id, head.severity_native) == (severity, native)


@pytest.mark.parametrize(("value", "severity"), [(73, 0), ("high", 4), ("73", 0), (None, 0), ([1], 0)])
def test_event_severity_has_no_scale_as_a_number(value: object, severity: int) -> None:
    document = copy.deepcopy(SENSOR) | {"event": {"kind": "alert", "severity": value}}
    assert head_of(document).severity_id == severity


@pytest.mark.parametrize("kind", ["alert", "signal", "ALERT", ["alert"]])
def test_kinds_that_are_alerts(kind: object) -> None:
    assert head_of(SENSOR | {"event": {"kind": kind}}).format == "ecs"


@pytest.mark.parametrize("kind", ["event", "metric", "state", "pipeline_error"])
def test_other_kinds_are_counted(kind: str) -> None:
    document = {"@timestamp": "2026-01-01T00:00:00Z", "event": {"kind": kind, "dataset": "system.auth"}}
    assert one(document) == ParsedEvent("ecs", f"{kind} system.auth")


def test_what_is_not_ecs() -> None:
    assert not Ecs().recognises({"event": {"kind": "alert"}})
    assert not Ecs().recognises({"@timestamp": "x", "event": {"kind": "odd"}})
    assert not Ecs().recognises({"@timestamp": "x", "event": "alert"})


@pytest.mark.parametrize(
    ("changes", "done"),
    [
        ({}, False),
        ({"kibana.alert.workflow_status": "closed"}, True),
        ({"kibana.alert.workflow_status": "acknowledged"}, False),
        ({"kibana.alert.building_block_type": "default"}, True),
    ],
)
def test_closed_alerts_and_building_blocks_do_not_page(changes: dict[str, object], done: bool) -> None:
    assert head_of(copy.deepcopy(KIBANA) | changes).suppressed is done


def test_times() -> None:
    assert head_of(kibana(kibana__alert__original_time=None)).time_ms == NOW_MS
    head = head_of(SENSOR | {"@timestamp": "{timestamp}"})
    assert (head.time_ms, head.time_quality) == (NOW_MS, "received")


def test_the_uid_without_kibanas() -> None:
    others: list[dict[str, object]] = [
        {"rule": {"id": "r-2"}},
        {"@timestamp": "2026-01-01T00:00:01Z"},
        {"event": {"kind": "alert", "id": "e-2"}},
    ]
    assert len({head_of(SENSOR | other).uid for other in [{}, *others]}) == 4
    assert head_of(SENSOR | {"tags": ["added on the way"]}).uid == head_of(SENSOR).uid
    bare = {"@timestamp": "2026-01-01T00:00:00Z", "event": {"kind": "alert"}}
    assert head_of(bare).uid != head_of(bare | {"message": "x"}).uid


def test_titles() -> None:
    bare: dict[str, object] = {"@timestamp": "2026-01-01T00:00:00Z", "event": {"kind": "alert"}}
    assert head_of(bare).title == "ECS alert without a rule or message"
    assert head_of(bare | {"message": "m"}).title == "m"
    assert head_of(bare | {"message": "m", "rule.name": "r"}).title == "r"


def test_whole_alert() -> None:
    alert = alert_of(kibana(kibana__alert__suppression__docs_count=6))
    assert (alert.vendor, alert.product, alert.category, alert.status) == (
        "Elastic",
        "Elastic Security",
        "process",
        "open",
    )
    assert (alert.device_ip, alert.dst.hostname, alert.count, alert.action) == (
        "10.4.2.17",
        "srv.example",
        7,
        "success",
    )
    process = alert.process
    assert (process.name, process.pid, process.cmd_line, process.parent_name) == (
        "powershell.exe",
        4711,
        "powershell -enc AAAA",
        "winword.exe",
    )
    assert [(one.technique, one.tactic) for one in alert.attacks] == [
        ("T1059.001", "TA0002"),
        ("T1059.003", "TA0002"),
        ("T1204", "TA0002"),
        ("", "TA0005"),
    ]
    seen = {(one.type, str(one.value)) for one in alert.observables}
    assert seen >= {
        ("IP Address", "203.0.113.9"),
        ("Hostname", "ws-1"),
        ("Hostname", "c2.example"),
        ("Hostname", "srv.example"),
        ("User Name", "ann"),
        ("Hash", "a" * 64),
        ("Email Address", "ann@corp.example"),
    }
    facts = {str(fact.name): fact for fact in alert.facts}
    assert facts["process.command_line"].attacker and facts["kibana.alert.reason"].attacker
    assert not facts["kibana.alert.rule.uuid"].attacker and not facts["event.action"].attacker
    assert not any(name.startswith("kibana.alert.rule.parameters") for name in facts)


def test_a_sensors_own_alert() -> None:
    alert = alert_of(SENSOR)
    assert (alert.vendor, alert.product, alert.description) == ("Acme", "Sensor", "Malware was found")
    assert (alert.file.path, alert.file.md5) == ("C:\\x.exe", "b" * 32)
    assert alert_of(
        SENSOR | {"threat": {"technique": {"id": ["T1204"]}, "tactic": {"id": "TA0002"}}}
    ).attacks == (Attack(SafeText("T1204"), SafeText("TA0002")),)


def test_search_hits_are_taken_apart() -> None:
    hits = {"hits": {"total": 2, "hits": [{"_source": kibana()}, {"_source": SENSOR}]}}
    items = Parser().parse(line(hits), NOW_MS)
    assert [item.sub for item in items] == [0, 1]
    assert [item.head.format for item in items if isinstance(item, ParsedAlert)] == ["ecs", "ecs"]


@given(mutated(KIBANA, SENSOR, nested(KIBANA)))
def test_nothing_raises(document: Object) -> None:
    raw = line(document)
    assert Parser().parse(raw, NOW_MS)
    head = Ecs().head(raw, NOW_MS)
    if isinstance(head, Head):
        assert all(forbidden(text) == [] for text in texts_in(Ecs().alert(raw, head)))
