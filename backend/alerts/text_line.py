"""Alerts out of lines of text that hold named fields: what CEF, LEEF and firewall logs have in common."""

import re

import msgspec

from backend.alerts import severity
from backend.alerts.details import MAX_OBSERVABLES
from backend.alerts.fields import SHORT_CHARS, TITLE_CHARS, Object, endpoint, integer, is_ip, stable_uid, text
from backend.alerts.generic_json import alert_from
from backend.alerts.generic_keys import Lookup, canonical
from backend.alerts.model import NOTHING, Alert, Endpoint, Head, Observable, Severity, TimeQuality
from backend.alerts.syslog_header import PRI_NAMES, Header
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time

# FORMATS, section 3. CEF and LEEF share the bands; 0 to 3, 4 to 6, 7 and 8, 9 and 10.
_BANDS = (2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5)
_PRI_SEVERITY = (5, 5, 5, 4, 3, 2, 1, 1)
_DONE_WORDS = frozenset({"resolved", "closed", "cleared", "archived", "suppressed", "dismissed"})
_SLASHED = re.compile(r"(\d{4})/(\d\d)/(\d\d)(?= )", re.ASCII)
_ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?:[:/(](\d{1,5})?)?", re.ASCII)
_LEADING_PORT = re.compile(r":(\d{1,5})(?::|$)", re.ASCII)
_NUMERIC = re.compile(r"[\d\s.,:/+TZ-]*+", re.ASCII)
# What the product itself states. All other values may hold what somebody sent, typed or named.
_SENSORS = frozenset(
    (
        *(
            "act",
            "action",
            "cat",
            "category",
            "proto",
            "app",
            "outcome",
            "devicefacility",
            "deviceexternalid",
        ),
        *("dvchost", "dvc", "deviceversion", "categorysignificance", "categorybehavior", "categoryoutcome"),
        *("categoryobject", "categorydevicegroup", "deviceseverity", "devicedirection", "devtimeformat"),
        *("devname", "devid", "logid", "type", "subtype", "level", "vd", "policyid", "sn", "fw", "severity"),
        *("eventtype", "logtype", "logsubtype", "priority", "direction", "srcintf", "dstintf", "attackid"),
    )
)


class Line(msgspec.Struct, frozen=True):
    """What one line says, taken apart but not yet normalised."""

    format: str
    header: Header
    body: str
    """All that the product itself wrote: what tells one event from another, with the time."""
    fields: Object
    found: Lookup
    vendor: SafeText
    product: SafeText
    rule_uid: SafeText
    title: SafeText
    severity_id: int
    severity_native: SafeText
    """Empty where the product says nothing; the sender's PRI then stands in."""
    times: tuple[object, ...]
    """The product's own statements of when it was, the best first."""
    hostname: object = None
    rule_name: SafeText = NOTHING
    notes: tuple[str, ...] = ()


def from_band(value: object) -> int:
    """CEF's and LEEF's severity: a number from 0 to 10, or a word; Unknown for anything else."""
    if named := severity.from_word(value):
        return named
    number = integer(value, -1)
    return _BANDS[number] if 0 <= number < len(_BANDS) else int(Severity.UNKNOWN)


def from_pri(header: Header) -> tuple[int, SafeText]:
    """The sender's own rank of a line, for lines that say nothing better, with its word."""
    if header.severity < 0:
        return 0, NOTHING
    return _PRI_SEVERITY[header.severity], SafeText(f"syslog {PRI_NAMES[header.severity]}")


def from_syslog_level(level: int) -> int:
    """A level on syslog's scale, 0 the most severe to 7, as devices write it into their own fields."""
    return _PRI_SEVERITY[level] if 0 <= level <= 7 else 0


def line_time(times: tuple[object, ...], header: Header, received_ms: int) -> tuple[int, TimeQuality, bool]:
    """When it was, how well that is known, and whether the product itself (not the header) said so."""
    for value in times:
        shown = _SLASHED.sub(r"\1-\2-\3", value[:64]) if isinstance(value, str) else value
        ms, quality = parse_time(shown, received_ms)
        if quality != "received":
            return ms, quality, True
    ms, quality = parse_time(header.time, received_ms)
    return ms, quality, False


def address(value: object) -> tuple[SafeText, int]:
    """An address and its port, however a device joins them: `ip:port:zone`, `ip/port`, `ip(port)`."""
    shown, port = endpoint(value)
    if is_ip(shown):
        return shown, port
    if found := _ADDRESS.match(shown):
        if is_ip(found.group(1)):
            return SafeText(found.group(1)), integer(found.group(2) or 0)
    elif found := _LEADING_PORT.match(shown):
        return NOTHING, integer(found.group(1))
    return (NOTHING, 0) if shown.startswith(":") else (shown, port)


def line_head(line: Line, received_ms: int) -> Head:
    """The head of an alert that a line makes."""
    found, header = line.found, line.header
    time_ms, quality, own = line_time(line.times, header, received_ms)
    severity_id, native = line.severity_id, line.severity_native
    if not severity_id and not native:
        severity_id, native = from_pri(header)
    src_ip, src_port = address(found.find("src_ip"))
    dst_ip, dst_port = address(found.find("dst_ip"))
    where = () if own else (header.time, header.host)
    return Head(
        uid=stable_uid(line.format, line.body, *where),
        format=line.format,
        time_ms=time_ms,
        severity_id=severity_id,
        title=safe(line.title, TITLE_CHARS),
        time_quality=quality,
        severity_native=native,
        rule_uid=line.rule_uid,
        rule_name=line.rule_name,
        src_ip=src_ip,
        src_port=endpoint("", found.find("src_port"))[1] or src_port,
        dst_ip=dst_ip,
        dst_port=endpoint("", found.find("dst_port"))[1] or dst_port,
        hostname=text(line.hostname) or text(header.host),
        user=text(found.find("user")),
        product=line.product or line.vendor,
        suppressed=str(text(found.find("status"))).strip().lower() in _DONE_WORDS,
    )


def line_alert(line: Line, raw: bytes, head: Head) -> Alert:
    """The whole alert of a line, and of the head made of it."""
    found = line.found
    src_host = text(found.named("shost", "sourcehostname", "srchost", "srchostname", "srcname"))
    dst_host = text(found.named("dhost", "destinationhostname", "dsthost", "dsthostname", "dstname"))
    made = alert_from(
        found, line.fields, raw, head, line.notes, attacker=lambda path: _is_attackers(line, path)
    )
    hosts = [Observable("Hostname", name) for name in (src_host, dst_host) if name and not is_ip(name)]
    return msgspec.structs.replace(
        made,
        vendor=line.vendor,
        product=line.product,
        src=Endpoint(head.src_ip, head.src_port, src_host),
        dst=Endpoint(head.dst_ip, head.dst_port, dst_host),
        observables=tuple(dict.fromkeys((*made.observables, *hosts)))[:MAX_OBSERVABLES],
    )


def _is_attackers(line: Line, path: str) -> bool:
    """A number, a time or an address carries no words; the rest does unless the product states it."""
    value = line.fields.get(path)
    if canonical(path) in _SENSORS:
        return False
    return not (
        isinstance(value, str) and (_NUMERIC.fullmatch(value[:SHORT_CHARS]) is not None or is_ip(value))
    )
