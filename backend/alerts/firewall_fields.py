"""What devices write behind a syslog header: whose line it is, what it says, and whether it is an alert.

A log line is an alert where the product says so: a firewall names an attack or ranks the line as a warning or
worse, a sensor rates a risk. Everything else is telemetry, ranked by its sender at best.
"""

import csv
import re

import msgspec

from backend.alerts import severity
from backend.alerts.fields import TITLE_CHARS, Object, integer, is_placeholder, text
from backend.alerts.generic_keys import Lookup
from backend.alerts.key_values import MAX_CHARS, quoted_pairs
from backend.alerts.model import NOTHING
from backend.alerts.syslog_header import Header
from backend.alerts.text import SafeText, safe
from backend.alerts.text_line import from_syslog_level

_SPELLINGS = {
    **{"srcv6": "srcip", "dstv6": "dstip", "remip": "remoteip", "devname": "devicename", "msg": "message"},
    **{"act": "action", "service": "destport", "attackname": "signature", "useraddress": "remoteip"},
}
_THREATS = ("attack", "virus", "signature", "threatname", "malware", "malwarename", "protectionname")
_RISK_WORDS = frozenset({"critical", "very high", "high", "severe", "major", "medium", "moderate"})
"""Words that rate a risk. Those of log levels (error, warning) say how a program fares, not what it found."""
_CISCO = re.compile(r"%([A-Z][A-Z0-9_]{1,31})(?:-[A-Z0-9_]{1,32}){0,2}?-([0-7])-([A-Z0-9_]{1,48})\b")
# Intrusion events, threat detection and spoofing (Cisco ASA and FTD system log messages).
_CISCO_ATTACKS = re.compile(r"4000\d\d|7331\d\d|43000[145]|1060(?:16|17|21|22)|SIGNATURE")
_PALO_ALTO = re.compile(
    r"\d{0,3},[^,]{0,40},[^,]{0,40},"
    r"(THREAT|TRAFFIC|CONFIG|SYSTEM|HIP-?MATCH|USERID|DECRYPTION|GLOBALPROTECT|AUTHENTICATION|CORRELATION),"
)
# Palo Alto Networks, "Threat Log Fields": the columns of the comma-separated form.
_PALO_ALTO_COLUMNS = {
    **{2: "serial", 4: "subtype", 6: "generated", 7: "src", 8: "dst", 11: "rule", 12: "srcuser", 14: "app"},
    **{24: "srcport", 25: "dstport", 29: "proto", 30: "action", 31: "misc", 32: "threatid", 33: "category"},
    **{34: "severity", 35: "direction"},
}
_UNTAGGED = re.compile(
    r"[A-Z]{2,8}_[A-Za-z_]{2,24}(?= )"
)  # Cisco ISE: "CISE_Failed_Attempts 0001939187 4 0 …"
_ZONE = re.compile(r"[+-]\d\d:?\d\d", re.ASCII)
_EPOCH = re.compile(r"\d{10,19}", re.ASCII)


class Device(msgspec.Struct, frozen=True):
    """What the body of a line says."""

    fields: Object
    found: Lookup
    vendor: SafeText = NOTHING
    product: SafeText = NOTHING
    rule_uid: SafeText = NOTHING
    threat: SafeText = NOTHING
    """The attack, virus or signature it names."""
    message: SafeText = NOTHING
    """What it says, where that is neither a field of its own nor all of the body."""
    kind: str = ""
    """What such lines are counted as, where no program is named."""
    severity_id: int = 0
    severity_native: SafeText = NOTHING
    is_alert: bool = False
    ranked: bool = False
    """The product ranks its lines itself: the sender's PRI says nothing beside that."""
    times: tuple[object, ...] = ()


def read_device(header: Header) -> Device:
    """What the fields of a line, or their lack, tell."""
    if palo_alto := _PALO_ALTO.match(header.body):
        return _palo_alto(header.body, palo_alto.group(1))
    fields: Object = {**header.data, **quoted_pairs(header.body)}
    found = Lookup(fields, spellings=_SPELLINGS)
    if "logid" in fields and not fields.keys().isdisjoint(("devid", "devname", "vd")):
        return _fortigate(fields, found)
    if fields.keys() >= {"sn", "fw", "pri", "m"}:
        return _sonicwall(fields, found)
    if fields.keys() >= {"loguid", "origin", "product"}:
        return _check_point(fields, found)
    if cisco := _CISCO.search(f"{header.program[:120]}: {header.body[:1000]}", 0, 320):
        return _cisco(fields, found, cisco)
    threat = _threat(found)
    rating = found.named("severity", "sev", "threatseverity", "risk", "alertseverity")
    word = str(text(rating, 40)).strip().lower().replace("-", " ").replace("_", " ")
    rated = severity.from_word(word) if word in _RISK_WORDS or threat else 0
    return Device(
        fields=fields,
        found=found,
        product=text(fields.get("product")) or text(header.program, 64),
        rule_uid=text(header.message_id or header.program, 64),
        threat=threat,
        severity_id=rated,
        severity_native=severity.native(rating) if rated else NOTHING,
        kind=tag.group() if (tag := _UNTAGGED.match(header.body)) else "",
        is_alert=bool(rated or threat),
        times=_times(fields, header),
    )


def _fortigate(fields: Object, found: Lookup) -> Device:
    """`severity` rates the attack, `level` the line (an intrusion of severity "info" has level "alert")."""
    threat = _threat(found)
    rating = fields.get("severity") if severity.from_word(fields.get("severity")) else fields.get("level")
    rated = severity.from_word(rating)
    return Device(
        fields=fields,
        found=found,
        vendor=SafeText("Fortinet"),
        product=SafeText("FortiGate"),
        kind="FortiGate",
        rule_uid=text(fields.get("attackid")) or text(fields.get("logid")),
        threat=threat,
        severity_id=rated,
        severity_native=severity.native(rating),
        is_alert=bool(threat) or (rated >= 3 and fields.get("type") != "traffic"),
        ranked=True,
        times=_times(fields, None),
    )


def _sonicwall(fields: Object, found: Lookup) -> Device:
    """`pri` is a level on syslog's scale, where 0 and 1 are the most severe."""
    rated = from_syslog_level(integer(fields.get("pri"), -1))
    return Device(
        fields=fields,
        found=found,
        vendor=SafeText("SonicWall"),
        product=SafeText("SonicOS"),
        kind="SonicOS",
        rule_uid=text(fields.get("m")),
        severity_id=rated,
        severity_native=severity.native(fields.get("pri")),
        is_alert=rated >= 3,
        ranked=True,
        times=_times(fields, None),
    )


def _check_point(fields: Object, found: Lookup) -> Device:
    """`severity` runs from 0, informational, to 4, critical; in logs of traffic it is missing or 0."""
    threat = _threat(found)
    level = integer(fields.get("severity"), -1)
    rated = level + 1 if 0 <= level <= 4 else severity.from_word(fields.get("severity"))
    return Device(
        fields=fields,
        found=found,
        vendor=SafeText("Check Point"),
        product=text(fields.get("product")),
        rule_uid=text(found.named("protectionid", "malwareruleid", "ruleuid")),
        threat=threat,
        severity_id=rated,
        severity_native=severity.native(fields.get("severity")),
        is_alert=bool(threat) or rated >= 3,
        kind="CheckPoint",
        ranked=True,
    )


def _cisco(fields: Object, found: Lookup, mnemonic: re.Match[str]) -> Device:
    """`%FACILITY-LEVEL-MNEMONIC`: the level is on syslog's scale, and the device's own."""
    level = int(mnemonic.group(2))
    attack = _CISCO_ATTACKS.fullmatch(mnemonic.group(3)) is not None or mnemonic.group(1) == "IPS"
    return Device(
        fields=fields,
        found=found,
        vendor=SafeText("Cisco"),
        product=safe(mnemonic.group(1)),
        rule_uid=safe(mnemonic.group()),
        message=text(mnemonic.string[mnemonic.end() :].lstrip(": "), TITLE_CHARS),
        kind=mnemonic.group(),
        severity_id=from_syslog_level(level),
        severity_native=safe(str(level)),
        is_alert=level <= 2 or attack,
        ranked=True,
    )


def _palo_alto(body: str, kind: str) -> Device:
    """Comma-separated. THREAT lines are alerts, but for the filtering of URLs that is only informational."""
    if kind != "THREAT":
        return Device(fields={}, found=Lookup({}), kind=kind, ranked=True)
    try:
        cells = next(csv.reader([body[:MAX_CHARS].replace("\r", " ").replace("\n", " ").replace("\0", " ")]))
    except csv.Error:  # a field beyond the reader's limit
        cells = body[:MAX_CHARS].split(",")
    fields: Object = {
        name: cells[place]
        for place, name in _PALO_ALTO_COLUMNS.items()
        if place < len(cells) and cells[place]
    }
    rated = severity.from_word(fields.get("severity"))
    found = Lookup(fields, spellings={"srcuser": "username"})
    return Device(
        fields=fields,
        found=found,
        vendor=SafeText("Palo Alto Networks"),
        product=SafeText("PAN-OS"),
        kind=kind,
        rule_uid=text(fields.get("threatid")),
        threat=text(fields.get("threatid")),
        severity_id=rated,
        severity_native=severity.native(fields.get("severity")),
        is_alert=rated != 1,
        ranked=True,
        times=(fields.get("generated"),),
    )


def _threat(found: Lookup) -> SafeText:
    named = text(found.named(*_THREATS))
    return NOTHING if is_placeholder(named) or named.lower() in {"no", "clean", "false"} else named


def _times(fields: Object, header: Header | None) -> tuple[object, ...]:
    """The device's own clock: an epoch, or a date and a time in two fields with the zone in a third."""
    event = fields.get("eventtime")
    own: list[object] = [event] if isinstance(event, str) and _EPOCH.fullmatch(event) else []
    date, time, zone = fields.get("date"), fields.get("time"), fields.get("tz")
    if isinstance(date, str) and isinstance(time, str):
        zoned = zone if isinstance(zone, str) and _ZONE.fullmatch(zone) else ""
        own.append(f"{date} {time}{zoned}")
    elif time and (header is None or not header.time):
        own.append(time)
    return tuple(own)
