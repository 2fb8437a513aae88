"""An alert as the contract's JSON object: what `triage` and every sink write."""

from backend.alerts.model import SEVERITY_NAMES, Alert
from backend.clock import iso


def alert_record(alert: Alert, received_ms: int) -> dict[str, object]:
    """The contract's "alert" object. `received_ms` is when the record came in, ms since the epoch.

    uid, time, received_time, severity, severity_id, title, rule, product and format are always there; all the
    rest only where something is known.
    """
    head = alert.head
    record: dict[str, object] = {
        "uid": head.uid,
        "time": iso(head.time_ms),
        "received_time": iso(received_ms),
        "severity": SEVERITY_NAMES.get(head.severity_id, SEVERITY_NAMES[0]),
        "severity_id": int(head.severity_id),
        "title": head.title,
        "rule": {"uid": head.rule_uid, "name": head.rule_name},
        "product": {"vendor": alert.vendor, "name": alert.product or head.product},
        "format": head.format,
    }
    if head.time_quality != "exact":
        record["time_quality"] = head.time_quality
    if head.severity_native:
        record["severity_native"] = head.severity_native
    parts: dict[str, dict[str, object]] = {
        "src_endpoint": {"ip": alert.src.ip, "port": alert.src.port, "hostname": alert.src.hostname},
        "dst_endpoint": {"ip": alert.dst.ip, "port": alert.dst.port, "hostname": alert.dst.hostname},
        "device": {"hostname": alert.device_hostname, "ip": alert.device_ip},
        "user": {"name": alert.user_name},
        "process": {
            "name": alert.process.name,
            "pid": alert.process.pid,
            "cmd_line": alert.process.cmd_line,
            "parent_name": alert.process.parent_name,
        },
        "file": {
            "name": alert.file.name,
            "path": alert.file.path,
            "sha256": alert.file.sha256,
            "md5": alert.file.md5,
        },
    }
    for name, part in parts.items():
        known = {key: value for key, value in part.items() if value}
        if known:
            record[name] = known
    if alert.attacks:
        record["attacks"] = [
            {key: value for key, value in (("technique", one.technique), ("tactic", one.tactic)) if value}
            for one in alert.attacks
        ]
    if alert.observables:
        record["observables"] = [{"type": one.type, "value": one.value} for one in alert.observables]
    if alert.status:
        record["status"] = alert.status
    if alert.count > 1:
        record["count"] = alert.count
    if alert.parse_errors:
        record["parse_errors"] = list(alert.parse_errors)
    return record
