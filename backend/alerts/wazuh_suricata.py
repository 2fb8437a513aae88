"""Suricata alerts that reach us through Wazuh: told to be the same event as in Suricata's own stream.

Wazuh's rules 86600 and following wrap each record of eve.json: `full_log` is its line, `data` repeats it with
all numbers as strings and long ones as decimals (`"428216512322129.000000"`). Without a common uid an analyst
who reads both streams would see every such alert twice.
"""

import re

import msgspec

from backend.alerts.decode import Unreadable, decode_object
from backend.alerts.fields import LONG_CHARS, Object, mapping, text
from backend.alerts.model import Alert, Fact, Head
from backend.alerts.suricata_eve import SuricataEve
from backend.alerts.text import safe

_EVE = SuricataEve()
_NUMBERS = frozenset({"flow_id", "src_port", "dest_port", "tx_id", "gid", "signature_id", "rev", "severity"})
_WHOLE = re.compile(r"(-?\d{1,20})(?:\.0*)?", re.ASCII)


def wrapped(obj: Object) -> tuple[Object, bytes] | None:
    """The Suricata alert in a Wazuh alert, as Suricata wrote it; None where there is none."""
    line = obj.get("full_log")
    if isinstance(line, str) and line.lstrip()[:1] == "{":
        raw = line.encode("utf-8", "surrogatepass")
        try:
            inner, _ = decode_object(raw)
        except Unreadable:  # Wazuh cuts long ones off; `data` is whole
            inner = {}
        if _is_alert(inner):
            return inner, raw
    data = mapping(obj.get("data"))
    if not _is_alert(data):
        return None
    repaired = _repaired(data)
    repaired["alert"] = _repaired(mapping(data.get("alert")))
    # Some decoders rename the source only.
    repaired.setdefault("src_ip", data.get("srcip"))
    repaired.setdefault("dest_ip", data.get("dstip"))
    try:
        return repaired, msgspec.json.encode(repaired)
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return None  # integers beyond 64 bits, lone surrogates


def wrapped_head(obj: Object, head: Head, received_ms: int) -> Head | None:
    """Wazuh's head with the uid and the addresses of the Suricata alert inside; None where there is none.

    Rule and title stay Wazuh's. Of the two severities the higher one stands: whichever stream is read first,
    the event must not come out less urgent. Wazuh gives all of them level 3.
    """
    inside = wrapped(obj)
    inner = _EVE.read(*inside, received_ms) if inside is not None else None
    if not isinstance(inner, Head):
        return None
    return msgspec.structs.replace(
        head,
        uid=inner.uid,
        severity_id=max(head.severity_id, inner.severity_id),
        src_ip=inner.src_ip or head.src_ip,
        src_port=inner.src_port or head.src_port,
        dst_ip=inner.dst_ip or head.dst_ip,
        dst_port=inner.dst_port or head.dst_port,
        hostname=inner.hostname or head.hostname,
    )


def wrapped_alert(obj: Object, head: Head) -> Alert | None:
    """The whole Suricata alert inside, under Wazuh's head; None where there is none."""
    inside = wrapped(obj)
    if inside is None:
        return None
    made = _EVE.build(*inside, head, ())
    # Under its own head these would be title, rule and severity.
    rule = mapping(inside[0].get("alert"))
    said = tuple(
        Fact(safe(f"alert.{key}"), text(rule[key], LONG_CHARS))
        for key in ("signature", "signature_id", "severity")
        if rule.get(key) is not None
    )
    return msgspec.structs.replace(made, facts=(*said, *made.facts))


def _is_alert(obj: Object) -> bool:
    return (
        text(obj.get("event_type"), 40) == "alert"
        and bool(mapping(obj.get("alert")))
        and _EVE.recognises(obj)
    )


def _repaired(obj: Object) -> Object:
    """Strings back to the whole numbers they were, where Suricata writes numbers."""
    made = dict(obj)
    for key in _NUMBERS & made.keys():
        value = made[key]
        if isinstance(value, str) and (number := _WHOLE.fullmatch(value.strip())):
            made[key] = int(number[1])
    return made
