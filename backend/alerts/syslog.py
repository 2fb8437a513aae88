"""Syslog lines of RFC 5424 and RFC 3164 whose message is no format of its own.

Most of them are telemetry and counted. An alert is what a device calls one (`firewall_fields`), and what its
sender ranks as critical or worse, or, in the facilities for security and audit, as a warning or worse.
"""

import re

from backend.alerts.base import Outcome
from backend.alerts.decode import to_text
from backend.alerts.fields import TITLE_CHARS, text
from backend.alerts.firewall_fields import Device, read_device
from backend.alerts.model import Alert, DeadLetter, Head, ParsedEvent, Severity
from backend.alerts.plain import binary_reason, event_kind
from backend.alerts.syslog_header import Header, looks_like_syslog, parse_header
from backend.alerts.text import SafeText
from backend.alerts.text_line import Line, from_pri, line_alert, line_head

# Files of FortiGate and SonicWall lines have no header: their own fields stand first.
_BARE = re.compile(r"(?:id=\S{1,64}\s+sn=[0-9A-Z]|date=\d{4}-\d\d-\d\d time=\d\d:\d\d:\d\d )", re.ASCII)
_SECURITY_FACILITIES = frozenset({4, 10, 13, 14})  # RFC 5424, table 1: auth, authpriv, log audit, log alert
_CRITICAL, _WARNING = 2, 4
_MESSAGES = ("message", "description", "logdesc", "reason", "subject")


class Syslog:
    """FORMATS, section 4: syslog headers, FortiGate and SonicWall fields."""

    name = "syslog"

    def recognises_text(self, line: str) -> bool:
        """A PRI, a syslog date, or a firewall's own first fields."""
        return looks_like_syslog(line) or _BARE.match(line) is not None

    def head(self, raw: bytes, received_ms: int) -> Outcome:
        """See `Format.head`."""
        if reason := binary_reason(raw):
            return DeadLetter(reason, raw)
        header = parse_header(to_text(raw)[0])
        device = read_device(header)
        if not _is_alert(device, header):
            return ParsedEvent(self.name, event_kind(header.program or device.kind))
        return line_head(_line(device, header), received_ms)

    def alert(self, raw: bytes, head: Head) -> Alert:
        """See `Format.alert`."""
        decoded, notes = to_text(raw)
        header = parse_header(decoded)
        return line_alert(_line(read_device(header), header, notes), raw, head)


def _is_alert(device: Device, header: Header) -> bool:
    if device.is_alert or device.ranked:
        return device.is_alert
    limit = _WARNING if header.facility in _SECURITY_FACILITIES else _CRITICAL
    return 0 <= header.severity <= limit


def _line(device: Device, header: Header, notes: tuple[str, ...] = ()) -> Line:
    message = device.message or text(device.found.named(*_MESSAGES), TITLE_CHARS)
    severity_id, native = device.severity_id, device.severity_native
    if device.threat and not severity_id and not native:
        # Who names an attack and does not rate it does not mean "info", whatever its lines are sent with.
        severity_id, native = from_pri(header)
        severity_id = severity_id if severity_id >= Severity.MEDIUM else 0
    return Line(
        format="syslog",
        header=header,
        body="\x1f".join((header.program, header.message_id, *header.data.values(), header.body)),
        fields=device.fields,
        found=device.found,
        vendor=device.vendor,
        product=device.product,
        rule_uid=device.rule_uid,
        rule_name=device.threat,
        title=device.threat
        or message
        or text(header.body.strip(), TITLE_CHARS)
        or text(header.program)
        or SafeText("Syslog line without a message"),
        severity_id=severity_id,
        severity_native=native,
        times=device.times,
        hostname=device.found.named("devicename", "hostname"),
        notes=notes,
    )
