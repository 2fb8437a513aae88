"""OCSF (Security Lake, Prowler and others): classes 2001 to 2007 are alerts, other classes events."""

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.decode import Unreadable, decode_object
from backend.alerts.details import (
    Observables,
    facts,
    hash_kind,
    is_under,
    pair_attacks,
    tactics_in,
    techniques_in,
)
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    integer,
    is_placeholder,
    listed,
    mapping,
    port,
    text,
    whole,
)
from backend.alerts.model import (
    SEVERITY_NAMES,
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
from backend.alerts.ocsf_event import (
    Analytic,
    Evidence,
    Finding,
    Metadata,
    OcsfEndpoint,
    OcsfEvent,
    Product,
    decoder,
    tolerant,
)
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time

FINDING_CLASSES = range(2001, 2008)
"""class_uid 2001 Security Finding to 2007 Application Security Posture Finding: OCSF 1.x, category 2."""

# finding status_id 3 Suppressed, 4 Resolved, 5 Archived, 6 Deleted: the vendor is done with it.
_DONE_STATUS_IDS = frozenset({3, 4, 5, 6})
_DONE_STATUS = frozenset({"suppressed", "resolved", "archived", "deleted", "closed"})

_HIDDEN = (
    *("time", "time_dt", "message", "severity", "severity_id", "metadata.product", "metadata.version"),
    *("class_uid", "category_uid", "category_name", "type_uid", "activity_id", "status", "status_id"),
    *("finding_info.title", "finding_info.desc", "finding_info.uid", "finding_info.created_time"),
    *("observables", "raw_data", "attacks", "finding_info.attacks"),
)
# What OCSF fields an attacker can choose the content of: names, paths, commands, requests, free text.
_ATTACKER_PARTS = frozenset(
    (
        *("cmd_line", "file", "url", "http_request", "user_agent", "query", "dns_query", "hostname", "email"),
        *("subject", "data", "unmapped", "raw_data", "name", "path", "domain", "referrer", "tls", "sni"),
    )
)
_ATTACKER_ROOTS = ("evidences", "evidence", "process", "actor", "file", "resources", "unmapped")

# OCSF observable type_id → the caption used here, where the two differ.
_CAPTIONS = {
    **{
        1: "Hostname",
        2: "IP Address",
        4: "User Name",
        5: "Email Address",
        6: "URL",
        7: "File Name",
        8: "Hash",
    },
    **{9: "Process Name", 13: "Command Line", 16: "User Agent", 45: "File Path"},
}


_NO_ENDPOINT = OcsfEndpoint()
_NO_EVIDENCE = Evidence()


class Ocsf(JsonFormat):
    """FORMATS, section 4: OCSF."""

    name = "ocsf"

    def recognises(self, obj: Object) -> bool:
        """Whole numbers for `class_uid` and `category_uid`."""
        return integer(obj.get("class_uid")) > 0 and integer(obj.get("category_uid"), -1) >= 0

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        try:
            event = decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if event.class_uid not in FINDING_CLASSES:
            return ParsedEvent(self.name, f"class {event.class_uid}") if 0 < event.class_uid < 10**9 else None
        if raw.count(b'"severity_id"') > 1:
            return None
        return _head(event, raw, received_ms)

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        class_uid = whole(obj.get("class_uid"))
        if not class_uid:
            return DeadLetter("ocsf record without a class_uid", raw)
        if class_uid not in FINDING_CLASSES:
            return ParsedEvent(self.name, f"class {class_uid}")
        return _head(tolerant(obj, class_uid), raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        evidence = mapping(obj.get("evidences"))
        finding = mapping(obj.get("finding_info")) or mapping(obj.get("finding"))
        device = mapping(obj.get("device")) or mapping(evidence.get("device"))
        process = (
            mapping(evidence.get("process"))
            or mapping(dig(obj, "actor.process"))
            or mapping(obj.get("process"))
        )
        src = mapping(obj.get("src_endpoint")) or mapping(evidence.get("src_endpoint"))
        dst = mapping(obj.get("dst_endpoint")) or mapping(evidence.get("dst_endpoint"))
        return Alert(
            head=head,
            raw=raw,
            vendor=text(dig(obj, "metadata.product.vendor_name")),
            product=head.product,
            description=text(finding.get("desc"), LONG_CHARS) or text(obj.get("message"), LONG_CHARS),
            category=text(obj.get("class_name")),
            src=Endpoint(head.src_ip, head.src_port, text(src.get("hostname"))),
            dst=Endpoint(head.dst_ip, head.dst_port, text(dst.get("hostname"))),
            device_hostname=head.hostname,
            device_ip=text(device.get("ip")),
            user_name=head.user,
            process=_process(process),
            file=_file(
                mapping(evidence.get("file")) or mapping(obj.get("file")) or mapping(process.get("file"))
            ),
            attacks=_attacks(obj, finding),
            observables=_observables(obj, head, evidence),
            facts=facts(obj, _HIDDEN, _is_attackers),
            status=text(obj.get("status")),
            action=text(obj.get("action")) or text(obj.get("disposition")),
            count=max(1, whole(obj.get("count"))),
            parse_errors=notes,
        )


def _head(event: OcsfEvent, raw: bytes, received_ms: int) -> Head:
    finding = event.finding_info or event.finding or Finding()
    metadata = event.metadata or Metadata()
    product = metadata.product or Product()
    evidence = event.evidences[0] if event.evidences else _NO_EVIDENCE
    time_ms, quality = parse_time(event.time, received_ms)
    if quality == "received":
        time_ms, quality = parse_time(event.time_dt, received_ms)
    src = event.src_endpoint or evidence.src_endpoint or _NO_ENDPOINT
    dst = event.dst_endpoint or evidence.dst_endpoint or _NO_ENDPOINT
    device = event.device or evidence.device or _NO_ENDPOINT
    analytic = finding.analytic or Analytic()
    title = text(finding.title, TITLE_CHARS) or text(event.message, TITLE_CHARS)
    rule = text(analytic.uid) or text(metadata.event_code)
    return Head(
        uid=_uid(finding, metadata, raw),
        format="ocsf",
        time_ms=time_ms,
        severity_id=_severity(event),
        title=title or SafeText(f"OCSF finding of class {event.class_uid}"),
        time_quality=quality,
        severity_native=severity.native(event.severity or event.severity_id),
        rule_uid=rule,
        rule_name=text(analytic.name) or title,
        src_ip=text(src.ip),
        src_port=port(src.port),
        dst_ip=text(dst.ip),
        dst_port=port(dst.port),
        hostname=text(device.hostname) or text(device.name),
        user=_user(event, evidence),
        product=text(product.name) or text(product.vendor_name),
        suppressed=event.status_id in _DONE_STATUS_IDS
        or (event.status or "").strip().lower() in _DONE_STATUS,
    )


def _user(event: OcsfEvent, evidence: Evidence) -> SafeText:
    for actor in (event.actor, evidence.actor):
        if actor is not None and actor.user is not None and actor.user.name:
            return text(actor.user.name)
    for user in (event.user, evidence.user):
        if user is not None and user.name:
            return text(user.name)
    return SafeText("")


def _severity(event: OcsfEvent) -> int:
    """`severity_id` as it stands; Unknown for 99 and what is no id; a passed check is only information."""
    if (event.status_code or "").strip().upper() == "PASS":
        return 1
    if event.severity_id is None:
        return severity.from_word(event.severity)
    return severity.highest(event.severity_id, _from_id)


def _from_id(value: object) -> int:
    number = integer(value, -1)
    return number if number in SEVERITY_NAMES else 0


def _uid(finding: Finding, metadata: Metadata, raw: bytes) -> str:
    """The finding's own uid; where that is an unfilled template, one of all that the finding says."""
    for given in (finding.uid, metadata.uid):
        if given and not is_placeholder(given):
            return safe(given, 200)
    try:
        obj, _ = decode_object(raw)
    except Unreadable:
        return content_uid(None, raw)
    return content_uid(obj, raw)


def _process(found: Object) -> Process:
    return Process(
        name=text(found.get("name")),
        pid=whole(found.get("pid")),
        cmd_line=text(found.get("cmd_line"), LONG_CHARS),
        parent_name=text(dig(found, "parent_process.name")),
    )


def _file(found: Object) -> File:
    hashes = {"md5": SafeText(""), "sha1": SafeText(""), "sha256": SafeText("")}
    for item in listed(found.get("hashes"))[:20]:
        value = mapping(item).get("value")
        if kind := hash_kind(value):
            hashes[kind] = text(value)
    return File(text(found.get("name")), text(found.get("path"), LONG_CHARS), hashes["sha256"], hashes["md5"])


def _attacks(obj: Object, finding: Object) -> tuple[Attack, ...]:
    """`attacks[]` of the event or the finding; a tactic stands beside its technique or in a list."""
    found: list[Attack] = []
    for item in [*listed(obj.get("attacks")), *listed(finding.get("attacks"))][:32]:
        attack = mapping(item)
        techniques = techniques_in(dig(attack, "sub_technique.uid")) or techniques_in(
            dig(attack, "technique.uid")
        )
        tactics = tactics_in(dig(attack, "tactic.uid"))
        tactics = tactics or [
            tag for one in listed(attack.get("tactics")) for tag in tactics_in(mapping(one).get("uid"))
        ]
        found.extend(pair_attacks(techniques, tactics))
    return tuple(dict.fromkeys(found))


def _observables(obj: Object, head: Head, evidence: Object) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip])
    found.add("Hostname", head.hostname)
    found.add("User Name", head.user)
    for item in listed(obj.get("observables"))[:100]:
        seen = mapping(item)
        caption = _CAPTIONS.get(integer(seen.get("type_id"))) or str(text(seen.get("type"), 40)) or "Other"
        found.add(caption, seen.get("value"), 512)
    for file in (evidence.get("file"), obj.get("file"), dig(evidence, "process.file")):
        for item in listed(mapping(file).get("hashes"))[:20]:
            found.add("Hash", mapping(item).get("value"))
    found.add_host(dig(evidence, "query.hostname"))
    found.add("URL", dig(evidence, "url.url_string"), 2300)
    return found.all()


def _is_attackers(path: str) -> bool:
    parts = path.replace("[", ".").split(".")
    return is_under(path, _ATTACKER_ROOTS) and not _ATTACKER_PARTS.isdisjoint(parts)
