"""Microsoft Defender: alerts of Defender for Endpoint's API, and the streaming export of Defender XDR.

The export carries the tables of advanced hunting. Of those only AlertInfo has one row for each alert;
AlertEvidence repeats it for every entity, and all other tables are telemetry.
"""

import re

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, hash_kind, is_under, pair_attacks, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    file_path,
    is_placeholder,
    listed,
    mapping,
    opened,
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
)
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText, safe
from backend.alerts.times import first_time

_STREAM = "AdvancedHunting-"
_ALERT_TABLE = f"{_STREAM}AlertInfo"
_ATP_KEYS = ("machineId", "detectionSource", "severity", "evidence")
_DONE = frozenset({"resolved", "dismissed"})
_VENDOR = SafeText("Microsoft")
_PRODUCT = SafeText("Microsoft Defender")
_PRODUCTS = {"windowsdefenderatp": SafeText("Microsoft Defender for Endpoint")}
_MAX_EVIDENCE = 100
_TABLE = re.compile(r"[A-Za-z0-9]{1,60}", re.ASCII)
_HIDDEN = (
    *("id", "title", "description", "severity", "status", "computerDnsName", "firstEventTime"),
    *("properties.Title", "properties.Severity", "properties.AlertId", "properties.Timestamp", "category"),
)
_ATTACKER_ROOTS = ("evidence", "relatedUser", "properties.AdditionalFields")


class Defender(JsonFormat):
    """FORMATS, section 4: Defender for Endpoint and Defender XDR."""

    name = "defender"

    def recognises(self, obj: Object) -> bool:
        """An endpoint alert's keys, or a table of advanced hunting."""
        return all(key in obj for key in _ATP_KEYS) or _is_stream(obj)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """There is no fast path: what is wanted lies in a list of evidence of many kinds."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        if _is_stream(obj):
            if obj["category"] != _ALERT_TABLE:
                table = _TABLE.match(text(obj["category"])[len(_STREAM) :])
                return ParsedEvent(self.name, f"{_STREAM}{table.group() if table else ''}")
            return _stream_head(obj, raw, received_ms)
        if not text(obj.get("title")) and not text(obj.get("id")):
            return DeadLetter("defender record without an alert's id or title", raw)
        return _endpoint_head(obj, raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        inside = mapping(obj.get("properties")) if _is_stream(obj) else obj
        evidence = _Evidence(inside)
        process, file = evidence.process(), evidence.file()
        techniques = techniques_in(
            listed(inside.get("mitreTechniques")) or opened(inside.get("AttackTechniques"))
        )
        category = text(inside.get("category")) or text(inside.get("Category"))
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=head.product,
            description=text(inside.get("description"), LONG_CHARS),
            category=category,
            src=Endpoint(head.src_ip),
            device_hostname=head.hostname,
            user_name=head.user,
            process=process,
            file=file,
            attacks=_attacks(techniques, category),
            observables=_observables(head, evidence),
            facts=facts(obj, _HIDDEN, lambda path: is_under(path, _ATTACKER_ROOTS)),
            status=text(inside.get("status")),
            action=text(evidence.first("Process", "detectionStatus"))
            or text(evidence.first("File", "detectionStatus")),
            parse_errors=notes,
        )


def _is_stream(obj: Object) -> bool:
    category = obj.get("category")
    return (
        isinstance(category, str) and category.startswith(_STREAM) and isinstance(obj.get("properties"), dict)
    )


class _Evidence:
    """`evidence[]` of an endpoint alert: entities of four kinds in one shape, most keys null."""

    def __init__(self, alert: Object) -> None:
        given = [item for item in listed(alert.get("evidence"))[:_MAX_EVIDENCE] if isinstance(item, dict)]
        self.all: list[Object] = given
        self.user = mapping(alert.get("relatedUser"))

    def of(self, kind: str) -> list[Object]:
        return [found for found in self.all if text(found.get("entityType"), 40).lower() == kind.lower()]

    def first(self, kind: str, key: str) -> object:
        return next((found[key] for found in self.of(kind) if found.get(key) not in (None, "")), None)

    def user_name(self) -> SafeText:
        """The principal name of the user in evidence, else the account the alert is related to."""
        if principal := text(self.first("User", "userPrincipalName")):
            return principal
        name = text(self.user.get("userName")) or text(self.first("User", "accountName"))
        domain = text(self.user.get("domainName")) or text(self.first("User", "domainName"))
        return safe(f"{domain}\\{name}", 256) if domain and name else name

    def process(self) -> Process:
        found = next(iter(self.of("Process")), {})
        return Process(
            name=text(found.get("fileName"), LONG_CHARS),
            pid=whole(found.get("processId")),
            cmd_line=text(found.get("processCommandLine"), LONG_CHARS),
            parent_name=text(found.get("parentProcessFileName"), LONG_CHARS),
        )

    def file(self) -> File:
        found = next(iter([*self.of("File"), *self.of("Process")]), {})
        name = text(found.get("fileName"), LONG_CHARS)
        path = file_path(found.get("filePath"), name)
        sha256 = text(found.get("sha256"))
        return File(name, path, sha256 if hash_kind(sha256) == "sha256" else NOTHING)


def _endpoint_head(obj: Object, raw: bytes, received_ms: int) -> Head:
    evidence = _Evidence(obj)
    times = (obj.get(key) for key in ("firstEventTime", "alertCreationTime", "lastUpdateTime"))
    time_ms, quality = first_time(times, received_ms)
    source = text(obj.get("detectionSource"))
    title = text(obj.get("title"), TITLE_CHARS)
    return Head(
        uid=_uid(obj.get("id"), obj, raw),
        format="defender",
        time_ms=time_ms,
        severity_id=severity.highest(obj.get("severity"), severity.from_word),
        title=title or SafeText("Defender alert without a title"),
        time_quality=quality,
        severity_native=severity.native(obj.get("severity")),
        rule_uid=text(obj.get("detectorId")),
        rule_name=title,
        src_ip=text(evidence.first("Ip", "ipAddress")),
        hostname=text(obj.get("computerDnsName")) or text(obj.get("machineId")),
        user=evidence.user_name(),
        product=_PRODUCTS.get(source.lower()) or source or _PRODUCT,
        suppressed=text(obj.get("status")).lower() in _DONE,
    )


def _stream_head(obj: Object, raw: bytes, received_ms: int) -> Head:
    inside = mapping(obj.get("properties"))
    time_ms, quality = first_time((inside.get("Timestamp"), obj.get("time")), received_ms)
    title = text(inside.get("Title"), TITLE_CHARS)
    return Head(
        uid=_uid(inside.get("AlertId"), obj, raw),
        format="defender",
        time_ms=time_ms,
        severity_id=severity.highest(inside.get("Severity"), severity.from_word),
        title=title or SafeText("Defender alert without a title"),
        time_quality=quality,
        severity_native=severity.native(inside.get("Severity")),
        rule_uid=text(inside.get("DetectorId")) or text(inside.get("DetectionSource")),
        rule_name=title,
        product=text(inside.get("ServiceSource")) or _PRODUCT,
    )


def _uid(given: object, obj: Object, raw: bytes) -> str:
    shown = text(given)
    return content_uid(obj, raw) if is_placeholder(shown) else shown


def _attacks(techniques: list[str], category: str) -> tuple[Attack, ...]:
    """The category is a tactic's name, but for Malware, UnwantedSoftware and their like."""
    return pair_attacks(techniques, tactics_named(category))


def _observables(head: Head, evidence: _Evidence) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("Hostname", head.hostname)
    seen.add("User Name", head.user)
    for found in evidence.all:
        seen.add("IP Address", found.get("ipAddress"))
        seen.add("URL", found.get("url"), 2300)
        seen.add("File Name", found.get("fileName"), 512)
        for key in ("sha256", "sha1"):
            value = found.get(key)
            seen.add("Hash", value if hash_kind(value) else None)
        seen.add("User Name", found.get("userPrincipalName"))
    return seen.all()
