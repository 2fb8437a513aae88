"""The contract's alert object."""

import json

from backend.alerts.export import alert_record
from backend.clock import iso
from tests.unit.alerts.reading import EVE, FINDING, NOW_MS, alert_of

ALWAYS = {"uid", "time", "received_time", "severity", "severity_id", "title", "rule", "product", "format"}


def test_a_suricata_alert() -> None:
    alert = alert_of(EVE)
    record = alert_record(alert, NOW_MS)
    assert record == {
        "uid": alert.head.uid,
        "time": "2025-12-31T22:59:58.123Z",
        "received_time": iso(NOW_MS),
        "severity": "High",
        "severity_id": 4,
        "severity_native": "1",
        "title": "ET MALWARE Beacon",
        "rule": {"uid": "1:2403388:7", "name": "ET MALWARE Beacon"},
        "product": {"vendor": "OISF", "name": "Suricata"},
        "format": "suricata_eve",
        "src_endpoint": {"ip": "203.0.113.9", "port": 51698},
        "dst_endpoint": {"ip": "10.4.2.17", "port": 443},
        "device": {"hostname": "sensor-1"},
        "observables": [
            {"type": "IP Address", "value": "203.0.113.9"},
            {"type": "IP Address", "value": "10.4.2.17"},
        ],
    }


def test_a_finding_with_everything() -> None:
    alert = alert_of(
        FINDING
        | {
            "count": 2,
            "status": "New",
            "device": {"hostname": "ws-1", "ip": "10.0.0.5"},
            "actor": {"user": {"name": "ann"}, "process": {"name": "a.exe", "cmd_line": "a.exe -x"}},
            "file": {"path": "/x", "hashes": [{"value": "ab" * 32}]},
            "attacks": [{"technique": {"uid": "T1110"}, "tactic": {"uid": "TA0006"}}],
        }
    )
    record = alert_record(alert, NOW_MS)
    assert record["device"] == {"hostname": "ws-1", "ip": "10.0.0.5"}
    assert record["user"] == {"name": "ann"}
    assert record["process"] == {"name": "a.exe", "cmd_line": "a.exe -x"}
    assert record["file"] == {"path": "/x", "sha256": "ab" * 32}
    assert record["attacks"] == [{"technique": "T1110", "tactic": "TA0006"}]
    assert (record["count"], record["status"]) == (2, "New")
    json.dumps(record)


def test_an_empty_alert_has_what_is_always_there() -> None:
    record = alert_record(alert_of({}), NOW_MS)
    assert set(record) == ALWAYS | {"time_quality"}
    assert (record["severity"], record["severity_id"], record["time_quality"]) == ("Unknown", 0, "received")
    assert record["rule"] == {"uid": "", "name": ""}
