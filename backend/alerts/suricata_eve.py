"""Suricata EVE: alerts among flow, dns, http and other records, one JSON object each."""

from hashlib import blake2b

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, is_under, pair_attacks, tactics_in, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    SHORT_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    endpoint,
    integer,
    listed,
    mapping,
    port,
    stable_uid,
    text,
)
from backend.alerts.model import Alert, DeadLetter, Endpoint, File, Head, Observable, ParsedEvent, Severity
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_stream_time

_UNTRUSTED_ELSEWHERE = ("alert.context",)
# What the sensor itself states. All the rest (http, dns, tls, smtp, payload …) was on the wire.
_SENSOR_PATHS = (
    *("alert", "timestamp", "flow_id", "in_iface", "event_type", "vlan", "proto", "icmp_type", "icmp_code"),
    *(
        "src_ip",
        "src_port",
        "dest_ip",
        "dest_port",
        "ip_v",
        "community_id",
        "flow",
        "vars",
        "metadata",
        "host",
    ),
    *("app_proto", "app_proto_tc", "app_proto_ts", "app_proto_expected", "app_proto_orig", "direction"),
    *(
        "tx_id",
        "tx_guessed",
        "stream",
        "pkt_src",
        "packet_info",
        "payload_length",
        "pcap_cnt",
        "pcap_filename",
    ),
)
# Shown in fields of their own, or unreadable (base64).
_HIDDEN = (
    *("timestamp", "event_type", "src_ip", "src_port", "dest_ip", "dest_port", "host", "payload", "packet"),
    *("alert.signature", "alert.category", "alert.severity", "alert.action"),
    *("alert.signature_id", "alert.gid", "alert.rev"),
)
_PORTLESS_KINDS = frozenset({"stats", "engine"})  # records about Suricata itself: no flow, no address

# `alert.metadata.signature_severity`, as rule writers rate a signature (FORMATS, section 3).
_SIGNATURE_SEVERITY = {
    "critical": int(Severity.CRITICAL),
    "major": int(Severity.HIGH),
    "minor": int(Severity.LOW),
    "informational": int(Severity.INFORMATIONAL),
}
_RATED = {word.capitalize(): level for word, level in _SIGNATURE_SEVERITY.items()}
"""As sensors write them: one look-up for nearly every alert."""
# The engine's own priority, 1 to 255, where 1 is the highest; 4 and above are one.
_PRIORITY_SEVERITY = tuple(
    int(level) for level in (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFORMATIONAL)
)
_PRIORITY_WORDS = tuple(SafeText(str(number)) for number in range(5))
_VENDOR = SafeText("OISF")
_PRODUCT = SafeText("Suricata")


class _Metadata(msgspec.Struct, gc=False):
    signature_severity: list[str] | str | None = None


class _Signature(msgspec.Struct, gc=False):
    signature: str | None = None
    signature_id: int | None = None
    gid: int | None = None
    rev: int | None = None
    severity: int | float | list[object] | str | None = None
    metadata: _Metadata | None = None


class _Eve(msgspec.Struct, gc=False):
    event_type: str
    timestamp: str | int | float | None = None
    flow_id: int | None = None
    src_ip: str | None = None
    src_port: int | None = None
    dest_ip: str | None = None
    dest_port: int | None = None
    proto: str | None = None
    tx_id: int | None = None
    host: str | None = None
    alert: msgspec.Raw = msgspec.Raw()


class _Rule(msgspec.Struct, frozen=True, gc=False):
    """What an alert says of its rule, read and made safe: sensors repeat it to the byte in every alert."""

    key: str
    """Generator, signature number and signature: the rule's part in the alert's identity."""
    title: SafeText
    """Empty where the rule has no signature."""
    uid: SafeText
    severity_id: int
    severity_native: SafeText


_decoder = msgspec.json.Decoder(_Eve)
_rule_decoder = msgspec.json.Decoder(_Signature)
_rules: dict[bytes, _Rule] = {}
"""Rules seen, by their JSON; started anew when full."""
_MAX_RULES = 4_096
_MAX_RULE_BYTES = 4_096


class SuricataEve(JsonFormat):
    """FORMATS, section 4: Suricata EVE."""

    name = "suricata_eve"

    def recognises(self, obj: Object) -> bool:
        """An `event_type` with a flow or an address; records about Suricata itself have neither."""
        return "event_type" in obj and (
            "flow_id" in obj or "src_ip" in obj or text(obj["event_type"]) in _PORTLESS_KINDS
        )

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`."""
        try:
            eve = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if eve.event_type != "alert":
            flowless = eve.flow_id is None and eve.src_ip is None
            if not eve.event_type or (flowless and eve.event_type not in _PORTLESS_KINDS):
                return None
            return ParsedEvent(self.name, safe(eve.event_type, 40))
        known = bytes(eve.alert)
        if not known or (eve.flow_id is None and eve.src_ip is None) or raw.count(b'"severity"') > 1:
            return None
        rule = _rules.get(known) or _learn(known)
        return None if rule is None else _head(eve, rule, raw, received_ms)

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        kind = text(obj.get("event_type"), 40)
        if not kind:
            return DeadLetter("suricata_eve record without event_type", raw)
        if kind != "alert":
            return ParsedEvent(self.name, kind)
        if not mapping(obj.get("alert")):
            return DeadLetter("suricata_eve alert record whose 'alert' is missing or not an object", raw)
        eve, signature = _tolerant(obj)
        return _head(eve, _rule(signature), raw, received_ms)

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        rule = mapping(obj.get("alert"))
        file = mapping(obj.get("fileinfo")) or mapping(obj.get("files"))
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=_PRODUCT,
            description=text(rule.get("signature"), LONG_CHARS),
            category=text(rule.get("category")),
            src=Endpoint(head.src_ip, head.src_port),
            dst=Endpoint(head.dst_ip, head.dst_port, _server_name(obj)),
            device_hostname=head.hostname,
            file=File(
                name=text(file.get("filename"), LONG_CHARS),
                sha256=text(file.get("sha256")),
                md5=text(file.get("md5")),
            ),
            attacks=pair_attacks(
                techniques_in(dig(rule, "metadata.mitre_technique_id")),
                tactics_in(dig(rule, "metadata.mitre_tactic_id")),
            ),
            observables=_observables(obj, head),
            facts=facts(obj, _HIDDEN, _is_attackers),
            action=text(rule.get("action")),
            parse_errors=notes,
        )


def _tolerant(obj: Object) -> tuple[_Eve, _Signature]:
    """The same fields as the typed decoder gives, from an object whose fields have any type."""
    rule = mapping(obj.get("alert"))
    rating = rule.get("severity")
    eve = _Eve(
        event_type="alert",
        timestamp=text(obj.get("timestamp"), 64),
        flow_id=integer(obj.get("flow_id")) or None,
        src_ip=endpoint(obj.get("src_ip"))[0],
        src_port=port(obj.get("src_port")) or endpoint(obj.get("src_ip"))[1],
        dest_ip=endpoint(obj.get("dest_ip"))[0],
        dest_port=port(obj.get("dest_port")) or endpoint(obj.get("dest_ip"))[1],
        proto=text(obj.get("proto")),
        tx_id=integer(obj.get("tx_id")) or None,
        host=text(obj.get("host")),
    )
    return eve, _Signature(
        signature=text(rule.get("signature"), TITLE_CHARS),
        signature_id=integer(rule.get("signature_id")) or None,
        gid=integer(rule.get("gid"), 1),
        rev=integer(rule.get("rev")) or None,
        severity=rating if isinstance(rating, int | float | list | str) else None,
        metadata=_Metadata([str(text(word)) for word in listed(dig(rule, "metadata.signature_severity"))]),
    )


def _learn(known: bytes) -> _Rule | None:
    """The rule that is written so, remembered; None where it does not have the expected types."""
    try:
        rule = _rule(_rule_decoder.decode(known))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if len(known) <= _MAX_RULE_BYTES:
        if len(_rules) >= _MAX_RULES:
            _rules.clear()
        _rules[known] = rule
    return rule


def _rule(signature: _Signature) -> _Rule:
    return _Rule(
        key=f"{signature.gid or 1}|{signature.signature_id or 0}|{signature.signature or ''}",
        title=text(signature.signature, TITLE_CHARS),
        uid=safe(_rule_uid(signature), 80),
        severity_id=_severity(signature),
        severity_native=_native(signature.severity),
    )


def _head(eve: _Eve, rule: _Rule, raw: bytes, received_ms: int) -> Head:
    time_ms, quality = parse_stream_time(eve.timestamp, received_ms)
    src_ip, dst_ip, host = eve.src_ip or "", eve.dest_ip or "", eve.host or ""
    key = (
        f"{eve.timestamp}|{eve.flow_id or 0}|{rule.key}|"
        f"{src_ip}|{eve.src_port or 0}|{dst_ip}|{eve.dest_port or 0}|{eve.tx_id or 0}"
    )
    # EVE has no id: flow, rule, time and what tells two alerts of one packet apart make one.
    if eve.timestamp and (eve.flow_id is not None or src_ip):
        uid = blake2b(key.encode(), digest_size=16).hexdigest() if key.isascii() else stable_uid(key)
    else:
        uid = content_uid(None, raw)
    # One look at all that is shown is several times cheaper than one at each, and nearly always enough.
    shown = src_ip + dst_ip + host
    if not (shown.isascii() and shown.isprintable() and len(shown) <= SHORT_CHARS):
        src_ip, dst_ip, host = text(eve.src_ip), text(eve.dest_ip), text(eve.host)
    return Head(
        uid,
        "suricata_eve",
        time_ms,
        rule.severity_id,
        rule.title or _untitled(rule),
        time_quality=quality,
        severity_native=rule.severity_native,
        rule_uid=rule.uid,
        rule_name=rule.title,
        src_ip=src_ip,  # type: ignore[arg-type]  # seen to be safe; calling the NewType costs as much
        src_port=port(eve.src_port) if eve.src_port else 0,
        dst_ip=dst_ip,  # type: ignore[arg-type]
        dst_port=port(eve.dest_port) if eve.dest_port else 0,
        hostname=host,  # type: ignore[arg-type]
        product=_PRODUCT,
    )


def _untitled(rule: _Rule) -> SafeText:
    return safe(f"Suricata rule {rule.uid}" if rule.uid else "Suricata alert without a signature")


def _rule_uid(rule: _Signature) -> str:
    if rule.signature_id is None:
        return ""
    uid = f"{1 if rule.gid is None else rule.gid}:{rule.signature_id}"
    return uid if rule.rev is None else f"{uid}:{rule.rev}"


def _native(value: object) -> SafeText:
    return _PRIORITY_WORDS[value] if type(value) is int and 0 <= value < 5 else severity.native(value)


def _severity(rule: _Signature) -> int:
    """The rule writer's own rating where there is one, else the engine's priority, where 1 is the highest."""
    rating = rule.metadata.signature_severity if rule.metadata is not None else None
    if rating:
        common = _RATED.get(rating[0]) if type(rating) is list and len(rating) == 1 else None
        rated = common or severity.highest(rating, _from_rating)
        if rated:
            return rated
    if type(rule.severity) is int:
        return _from_priority(rule.severity)
    return severity.highest(rule.severity, _from_priority)


def _from_rating(word: object) -> int:
    return _SIGNATURE_SEVERITY.get(word.strip().lower(), 0) if isinstance(word, str) else 0


def _from_priority(value: object) -> int:
    """1 → High, 2 → Medium, 3 → Low, 4 and above → Informational (Suricata allows 1 to 255); else Unknown."""
    number = value if type(value) is int else integer(value)
    return _PRIORITY_SEVERITY[min(number, 4) - 1] if 1 <= number <= 255 else 0


def _server_name(obj: Object) -> SafeText:
    """What the client called the server: from TLS, else from HTTP."""
    return text(dig(obj, "tls.sni")) or text(dig(obj, "http.hostname"))


def _is_attackers(path: str) -> bool:
    return not is_under(path, _SENSOR_PATHS) or is_under(path, _UNTRUSTED_ELSEWHERE)


def _observables(obj: Object, head: Head) -> tuple[Observable, ...]:
    found = Observables()
    found.add("IP Address", [head.src_ip, head.dst_ip])
    http = mapping(obj.get("http"))
    found.add_host(http.get("hostname"))
    found.add_host(dig(obj, "tls.sni"))
    host, url = text(http.get("hostname")), text(http.get("url"), 2048)
    if url:
        found.add("URL", url if "://" in url or not host else f"http://{host}{url}", 2300)
    found.add("User Agent", http.get("http_user_agent"), 512)
    for query in [*listed(dig(obj, "dns.query")), *listed(dig(obj, "dns.queries")), *listed(obj.get("dns"))]:
        found.add_host(mapping(query).get("rrname"))
    for file in [*listed(obj.get("fileinfo")), *listed(obj.get("files"))]:
        found.add("File Name", mapping(file).get("filename"), 512)
        for name in ("sha256", "sha1", "md5"):
            found.add("Hash", mapping(file).get(name))
    found.add(
        "Fingerprint", [dig(obj, "tls.ja3.hash"), dig(obj, "tls.ja3s.hash"), dig(obj, "tls.fingerprint")]
    )
    found.add("Email Address", [dig(obj, "smtp.mail_from"), dig(obj, "email.from")])
    return found.all()
