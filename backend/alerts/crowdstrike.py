"""CrowdStrike Falcon: the event stream, with detections among audit records, and FDR telemetry.

An event's kind stands in `metadata.eventType`, bare (`EppDetectionSummaryEvent`) or with `Event_` in front.
FDR records are what sensors saw; none of them is an alert.
"""

import re

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, hash_kind, is_under, pair_attacks, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    file_path,
    integer,
    is_placeholder,
    listed,
    mapping,
    stable_uid,
    text,
    whole,
)
from backend.alerts.model import (
    NOTHING,
    Alert,
    Attack,
    DeadLetter,
    Endpoint,
    File,
    Head,
    Observable,
    ParsedEvent,
    Process,
    Severity,
)
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText
from backend.alerts.times import first_time

# Kinds that are alerts though their name does not say "Detection": Falcon Insight incidents, indicators the
# customer has set, misuse of identities, cloud findings, mentions found by Falcon Recon.
_ALERTS = frozenset(
    {"incidentsummaryevent", "customeriocevent", "identityprotectionevent", "cspmioastreamingevent"}
    | {"reconnotificationsummaryevent"}
)
_OLD_DETECTION = "detectionsummaryevent"
_KIND = re.compile(r"[A-Za-z0-9_]{1,60}", re.ASCII)
_SENSOR_KEYS = ("aid", "cid", "aip")
_VENDOR = SafeText("CrowdStrike")
_PRODUCT = SafeText("Falcon")
_HIDDEN = (
    *("event.Name", "event.DetectName", "event.Description", "event.DetectDescription", "event.Severity"),
    *("event.SeverityName", "event.UserName", "event.CommandLine", "event.CompositeId", "event.DetectId"),
    *("metadata.eventType", "metadata.version"),
)
# What the detected side chose; the rest of an event is Falcon's own statement.
_ATTACKER_PATHS = tuple(
    f"event.{name}"
    for name in (
        *("FileName", "FilePath", "CommandLine", "ParentCommandLine", "GrandParentCommandLine"),
        *("ParentImageFileName", "GrandParentImageFilename", "DocumentsAccessed", "ExecutablesWritten"),
        *("ScanResults", "NetworkAccesses", "DnsRequests", "AssociatedFile", "IOCValue", "UserName"),
        *("QuarantineFiles", "FilesWritten", "FilesAccessed"),
    )
)


class _Metadata(msgspec.Struct, gc=False):
    eventType: str


class _Light(msgspec.Struct, gc=False):
    event_simpleName: str | None = None
    metadata: _Metadata | None = None
    event: msgspec.Raw = msgspec.Raw(b"")


_decoder = msgspec.json.Decoder(_Light)


class CrowdStrike(JsonFormat):
    """FORMATS, section 4: CrowdStrike."""

    name = "crowdstrike"

    def recognises(self, obj: Object) -> bool:
        """An event with its metadata, or a sensor's record."""
        if "event" in obj and text(mapping(obj.get("metadata")).get("eventType")):
            return True
        return bool(text(obj.get("event_simpleName"))) or all(key in obj for key in _SENSOR_KEYS)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """The fast path of telemetry and audit records, which come by the thousand; not of detections."""
        try:
            found = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if found.metadata is not None:
            kind = _kind(found.metadata.eventType)
            return (
                ParsedEvent(self.name, kind) if kind and bytes(found.event) and not _is_alert(kind) else None
            )
        kind = _kind(found.event_simpleName)
        return ParsedEvent(self.name, f"FDR {kind}") if kind else None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        kind = _kind(mapping(obj.get("metadata")).get("eventType"))
        if not kind:
            for source in (obj, mapping(obj.get("event"))):
                for key in ("event_simpleName", "fdr_event_type", "event_simplename"):
                    if name := _kind(source.get(key)):
                        return ParsedEvent(self.name, f"FDR {name}")
            if any(key in obj for key in _SENSOR_KEYS):
                return ParsedEvent(self.name, "FDR record")
            return DeadLetter("crowdstrike record without an event type", raw)
        if not _is_alert(kind):
            return ParsedEvent(self.name, kind)
        if not mapping(obj.get("event")):
            return DeadLetter(f"crowdstrike {kind} whose 'event' is missing or not an object", raw)
        return _head(obj, kind, raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        event = mapping(obj.get("event"))
        process = Process(
            name=text(event.get("FileName"), LONG_CHARS),
            pid=whole(event.get("ProcessId")),
            cmd_line=text(event.get("CommandLine"), LONG_CHARS),
            parent_name=text(event.get("ParentImageFileName"), LONG_CHARS),
        )
        file = File(
            process.name,
            file_path(event.get("FilePath"), process.name),
            _digest(event.get("SHA256String")),
            _digest(event.get("MD5String")),
        )
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=_PRODUCT,
            description=text(event.get("Description"), LONG_CHARS)
            or text(event.get("DetectDescription"), LONG_CHARS),
            category=text(event.get("Objective")) or text(event.get("Tactic")),
            src=Endpoint(head.src_ip),
            device_hostname=head.hostname,
            device_ip=text(event.get("LocalIP")),
            user_name=head.user,
            process=process,
            file=file,
            attacks=_attacks(event),
            observables=_observables(event, head, file),
            facts=facts(obj, _HIDDEN, lambda path: is_under(path, _ATTACKER_PATHS)),
            status=text(event.get("Status")),
            action=text(event.get("PatternDispositionDescription")),
            parse_errors=notes,
        )


def _kind(value: object) -> str:
    """An event type without `Event_` in front; empty where it is no name."""
    name = text(value, 80).removeprefix("Event_")
    return name if _KIND.fullmatch(name) else ""


def _is_alert(kind: str) -> bool:
    return "detection" in kind.lower() or kind.lower() in _ALERTS


def _head(obj: Object, kind: str, raw: bytes, received_ms: int) -> Head:
    event, metadata = mapping(obj.get("event")), mapping(obj.get("metadata"))
    times = (metadata.get("eventCreationTime"), event.get("ProcessStartTime"), event.get("UTCTimestamp"))
    time_ms, quality = first_time(times, received_ms)
    name = text(event.get("Name"), TITLE_CHARS) or text(event.get("DetectName"), TITLE_CHARS)
    rating = event.get("SeverityName")
    return Head(
        uid=_uid(event, metadata, kind, raw),
        format="crowdstrike",
        time_ms=time_ms,
        severity_id=severity.highest(rating, severity.from_word) or _from_number(event.get("Severity"), kind),
        title=name or text(event.get("Description"), TITLE_CHARS) or SafeText(f"CrowdStrike {kind}"),
        time_quality=quality,
        severity_native=severity.native(rating) or severity.native(event.get("Severity")),
        rule_uid=text(event.get("PatternId")) or name,
        rule_name=name,
        src_ip=text(event.get("RemoteIP")) or text(event.get("SourceEndpointIpAddress")),
        # Some detections name no host; the network card is then all there is to know it by.
        hostname=text(event.get("Hostname"))
        or text(event.get("ComputerName"))
        or text(event.get("MACAddress")),
        user=text(event.get("UserName")) or text(event.get("SourceAccountName")),
        product=_PRODUCT,
    )


def _from_number(value: object, kind: str) -> int:
    """0 to 100 in steps of twenty; the old DetectionSummaryEvent counts from 1 to 5 instead."""
    number = integer(value, -1)
    if kind.lower() == _OLD_DETECTION and 1 <= number <= 5:
        return number
    if not 0 <= number <= 100:
        return int(Severity.UNKNOWN)
    return min(number // 20 + 1, int(Severity.CRITICAL))


def _uid(event: Object, metadata: Object, kind: str, raw: bytes) -> str:
    """One detection has several events (one for each process), told apart by their place in the stream."""
    given = text(event.get("CompositeId")) or text(event.get("DetectId")) or text(event.get("IncidentID"))
    if is_placeholder(given):
        return content_uid({"event": event, "metadata": metadata}, raw)
    return stable_uid(
        *(metadata.get(key) for key in ("customerIDString", "offset", "eventCreationTime")),
        kind,
        given,
        *(event.get(key) for key in ("Name", "DetectName", "SeverityName", "ProcessId", "PatternId")),
    )


def _attacks(event: Object) -> tuple[Attack, ...]:
    """Names in the event itself, ids in the newer `MitreAttack` list."""
    found: list[Attack] = []
    for item in listed(event.get("MitreAttack"))[:32]:
        mapped = mapping(item)
        tactics = [text(mapped.get("TacticID"))] if text(mapped.get("TacticID")).startswith("TA") else []
        found += pair_attacks(
            techniques_in(mapped.get("TechniqueID")), [*tactics] or tactics_named(mapped.get("Tactic"))
        )
    if found:
        return tuple(dict.fromkeys(found))
    techniques = techniques_in(event.get("TechniqueId")) or techniques_in(event.get("Technique"))
    return pair_attacks(techniques, tactics_named(event.get("Tactic")))


def _digest(value: object) -> SafeText:
    """A digest; Falcon writes zeros where it has made none."""
    return text(value) if hash_kind(value) and set(str(value)) != {"0"} else NOTHING


def _observables(event: Object, head: Head, file: File) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", [head.src_ip, event.get("LocalIP")])
    seen.add("Hostname", event.get("Hostname") or event.get("ComputerName"))
    seen.add("MAC Address", event.get("MACAddress"))
    seen.add("User Name", head.user)
    seen.add("File Name", file.name, 512)
    seen.add("File Path", file.path, 1024)
    for key in ("SHA256String", "SHA1String", "MD5String"):
        seen.add("Hash", _digest(event.get(key)))
    for access in listed(event.get("NetworkAccesses"))[:50]:
        seen.add("IP Address", mapping(access).get("RemoteAddress"))
    for request in listed(event.get("DnsRequests"))[:50]:
        seen.add_host(mapping(request).get("DomainName"))
    return seen.all()
