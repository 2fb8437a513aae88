"""Microsoft Sentinel: rows of the SecurityAlert table, as JSON or from a CSV export, and incidents."""

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, is_under, pair_attacks, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    is_ip,
    is_placeholder,
    mapping,
    opened,
    text,
    whole,
)
from backend.alerts.model import Alert, Attack, DeadLetter, Head, Observable
from backend.alerts.sentinel_entities import Entities
from backend.alerts.tactics import tactics_named
from backend.alerts.text import SafeText, safe
from backend.alerts.times import first_time

_INCIDENT = "microsoft.securityinsights/incidents"
_DONE = frozenset({"resolved", "dismissed", "closed"})
_OPENED_DEPTH = 3  # a scheduled rule's query is JSON, in a property, in a string
_VENDOR = SafeText("Microsoft")
_PRODUCT = SafeText("Microsoft Sentinel")
_HIDDEN = (
    *("DisplayName", "AlertDisplayName", "AlertName", "AlertSeverity", "Severity", "Description", "Status"),
    *("SystemAlertId", "StartTime", "StartTimeUtc", "VendorName", "ProductName", "Type", "type", "etag"),
    *("properties.title", "properties.description", "properties.severity", "properties.status", "column 1"),
    *("AlertType", "CompromisedEntity"),
)
# The rest is written by Microsoft or by the customer's own rules.
_ATTACKER_ROOTS = ("Entities", "ExtendedProperties")


class Sentinel(JsonFormat):
    """FORMATS, section 4: Microsoft Sentinel."""

    name = "sentinel"

    def recognises(self, obj: Object) -> bool:
        """A SecurityAlert's id and provider, or an incident's resource type."""
        return ("SystemAlertId" in obj and "ProviderName" in obj) or _is_incident(obj)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """There is no fast path: the entities, JSON in a string, must be read for the head."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        if _is_incident(obj):
            return _incident_head(obj, raw, received_ms)
        if not any(text(obj.get(key)) for key in ("SystemAlertId", "AlertType", "AlertName", "DisplayName")):
            return DeadLetter("sentinel record that is neither a SecurityAlert nor an incident", raw)
        return _alert_head(obj, raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        inside = mapping(obj.get("properties")) if _is_incident(obj) else obj
        entities = Entities(obj.get("Entities"))
        src, dst = entities.endpoints()
        process, file = entities.process()
        return Alert(
            head=head,
            raw=raw,
            vendor=text(obj.get("VendorName")) or _VENDOR,
            product=head.product,
            description=text(obj.get("Description") or inside.get("description"), LONG_CHARS),
            category=text(obj.get("AlertType")),
            src=src,
            dst=dst,
            device_hostname=head.hostname,
            user_name=head.user,
            process=process,
            file=file,
            attacks=_attacks(obj, inside),
            observables=_observables(head, entities),
            facts=facts(_shown(obj, entities), _HIDDEN, lambda path: is_under(path, _ATTACKER_ROOTS)),
            status=text(obj.get("Status")) or text(inside.get("status")),
            count=max(1, whole(dig(inside, "additionalData.alertsCount"))),
            parse_errors=(*notes, *_unread(obj)),
        )


def _is_incident(obj: Object) -> bool:
    return text(obj.get("type"), 80).lower() == _INCIDENT


def _alert_head(obj: Object, raw: bytes, received_ms: int) -> Head:
    """`StartTime` is when it happened, `TimeGenerated` when it was taken in."""
    rating = next((obj[key] for key in ("AlertSeverity", "Severity") if obj.get(key) not in (None, "")), None)
    time_ms, quality = first_time(
        (obj.get(key) for key in ("StartTime", "StartTimeUtc", "TimeGenerated")), received_ms
    )
    entities = Entities(obj.get("Entities"))
    src, dst = entities.endpoints()
    name = text(obj.get("AlertName"), TITLE_CHARS)
    title = (
        text(obj.get("AlertDisplayName"), TITLE_CHARS) or text(obj.get("DisplayName"), TITLE_CHARS) or name
    )
    rule = text(obj.get("AlertType"))
    given = text(obj.get("SystemAlertId"))
    compromised = text(obj.get("CompromisedEntity"))
    is_host = bool(compromised) and "@" not in compromised and not is_ip(compromised)
    return Head(
        uid=content_uid(obj, raw) if is_placeholder(given) else given,
        format="sentinel",
        time_ms=time_ms,
        severity_id=severity.highest(rating, severity.from_word),
        title=title or rule or SafeText("Sentinel alert without a name"),
        time_quality=quality,
        severity_native=severity.native(rating),
        rule_uid=rule,
        rule_name=name or title,
        src_ip=src.ip,
        src_port=src.port,
        dst_ip=dst.ip,
        dst_port=dst.port,
        hostname=entities.host() or (compromised if is_host else SafeText("")),
        user=entities.user() or (compromised if "@" in compromised else SafeText("")),
        product=text(obj.get("ProductName")) or text(obj.get("ProviderName")) or _PRODUCT,
        suppressed=text(obj.get("Status")).lower() in _DONE,
    )


def _incident_head(obj: Object, raw: bytes, received_ms: int) -> Head:
    inside = mapping(obj.get("properties"))
    time_ms, quality = first_time(
        (inside.get(key) for key in ("firstActivityTimeUtc", "createdTimeUtc", "lastModifiedTimeUtc")),
        received_ms,
    )
    given = text(obj.get("id"), 512) or text(obj.get("name"))
    title = text(inside.get("title"), TITLE_CHARS)
    return Head(
        # Azure compares resource ids without case.
        uid=content_uid(obj, raw) if is_placeholder(given) else safe(given.lower()),
        format="sentinel",
        time_ms=time_ms,
        severity_id=severity.highest(inside.get("severity"), severity.from_word),
        title=title or SafeText("Sentinel incident without a title"),
        time_quality=quality,
        severity_native=severity.native(inside.get("severity")),
        rule_uid=text(inside.get("relatedAnalyticRuleIds"), 512),
        rule_name=title,
        product=text(dig(inside, "additionalData.alertProductNames")) or _PRODUCT,
        suppressed=text(inside.get("status")).lower() in _DONE,
    )


def _attacks(obj: Object, inside: Object) -> tuple[Attack, ...]:
    """Tactics by name, techniques as a JSON list in a string; a provider's own list in a property."""
    extra = mapping(opened(obj.get("ExtendedProperties")))
    told = [
        *(opened(obj.get(key)) for key in ("Techniques", "SubTechniques")),
        *(extra.get(key) for key in ("MitreTechniques", "SubTechniques")),
        dig(inside, "additionalData.techniques"),
    ]
    techniques = dict.fromkeys(one for value in told for one in techniques_in(value))
    tactics = tactics_named(obj.get("Tactics")) or tactics_named(dig(inside, "additionalData.tactics"))
    return pair_attacks(list(techniques), tactics)


def _observables(head: Head, entities: Entities) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", [head.src_ip, head.dst_ip])
    seen.add("Hostname", head.hostname)
    seen.add("User Name", head.user)
    entities.observe(seen)
    return seen.all()


def _shown(obj: Object, entities: Entities) -> Object:
    """The document with what its strings hold in place of the strings."""
    shown = {key: value for key, value in obj.items() if key not in _ATTACKER_ROOTS}
    shown["ExtendedProperties"] = _open_all(obj.get("ExtendedProperties"), 0)
    shown["Entities"] = entities.shown() or obj.get("Entities")
    return shown


def _open_all(value: object, depth: int) -> object:
    if depth >= _OPENED_DEPTH:
        return value
    value = opened(value)
    if isinstance(value, dict):
        return {key: _open_all(item, depth + 1) for key, item in value.items()}
    return value


def _unread(obj: Object) -> list[str]:
    """Fields that should hold JSON and do not."""
    return [
        f"{key}: not JSON, kept as text"
        for key in _ATTACKER_ROOTS
        if isinstance(value := obj.get(key), str) and value.strip() and isinstance(opened(value), str)
    ]
