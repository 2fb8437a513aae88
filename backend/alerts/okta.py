"""Okta System Log: sign-ins, administration and threats in one stream; `okta_rules` says which are alerts.

An event hook's delivery is taken apart by `backend.alerts.unwrap`; EventBridge wraps one event in `detail`.
"""

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import Observables, facts, is_under
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    is_placeholder,
    listed,
    mapping,
    text,
)
from backend.alerts.model import (
    NOTHING,
    Alert,
    Attack,
    DeadLetter,
    Endpoint,
    Fact,
    Head,
    Observable,
    ParsedEvent,
    Severity,
)
from backend.alerts.okta_rules import RULES, Rule, is_true, pseudo_map, risk_level, rule_for
from backend.alerts.text import SafeText, safe
from backend.alerts.times import parse_time

_BRIDGE = "aws.partner/okta.com"
_VENDOR = SafeText("Okta")
_PRODUCT = SafeText("Okta System Log")
_NOBODY = frozenset({"", "unknown", "system@okta.com"})
_PSEUDO_MAPS = ("risk", "behaviors")
_HIDDEN = (
    *("displayMessage", "eventType", "published", "severity", "uuid", "version", "actor.alternateId"),
    *("client.ipAddress", "debugContext.debugData.risk", "debugContext.debugData.behaviors"),
)
# What whoever signs in sends: names, browser, addresses asked for. Okta states the rest.
_ATTACKER_PATHS = (
    *("actor.alternateId", "actor.displayName", "client.userAgent.rawUserAgent", "client.device"),
    *("debugContext.debugData", "request.ipChain", "outcome.reason"),
)


class _Debug(msgspec.Struct, gc=False):
    threatSuspected: str | bool | None = None
    risk: str | dict[str, object] | None = None


class _Context(msgspec.Struct, gc=False):
    debugData: _Debug | None = None


class _Event(msgspec.Struct, gc=False):
    eventType: str
    published: str
    actor: msgspec.Raw
    debugContext: _Context | None = None


_decoder = msgspec.json.Decoder(_Event)
_NO_RULE = Rule(Severity.UNKNOWN, "")
# Types that can be an alert by themselves, whatever their debug data says.
_MAYBE = frozenset({*RULES, "user.authentication.auth_via_mfa"})


class Okta(JsonFormat):
    """FORMATS, section 4: Okta."""

    name = "okta"

    def recognises(self, obj: Object) -> bool:
        """An event type, who did it, and when; bare or from EventBridge."""
        event = _event(obj)
        return all(key in event for key in ("eventType", "actor", "published"))

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """The fast path of what is surely no alert: a type without a rule, and nothing suspected."""
        try:
            event = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        debug = event.debugContext.debugData if event.debugContext else None
        if event.eventType in _MAYBE or not event.eventType or raw.count(b'"eventType"') > 1:
            return None
        if debug is not None and (
            is_true(debug.threatSuspected) or risk_level({"risk": debug.risk}) == "HIGH"
        ):
            return None
        return ParsedEvent(self.name, _kind(event.eventType))

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        event = _event(obj)
        kind = text(event.get("eventType"), 100)
        if not kind:
            return DeadLetter("okta record without an eventType", raw)
        rule = rule_for(event)
        if rule is None:
            return ParsedEvent(self.name, _kind(kind))
        time_ms, quality = parse_time(event.get("published"), received_ms)
        given = text(event.get("uuid"))
        message = text(event.get("displayMessage"), TITLE_CHARS)
        return Head(
            uid=content_uid(event, raw) if is_placeholder(given) else given,
            format=self.name,
            time_ms=time_ms,
            severity_id=int(rule.severity),
            title=message or safe(f"Okta: {rule.reason}", TITLE_CHARS),
            time_quality=quality,
            severity_native=severity.native(event.get("severity")),
            rule_uid=safe(kind),
            rule_name=message or safe(kind),
            src_ip=text(dig(event, "client.ipAddress")) or text(dig(event, "request.ipChain.ip")),
            hostname=NOTHING,
            user=_user(event),
            product=_PRODUCT,
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        event = _event(obj)
        rule = rule_for(event) or _NO_RULE
        outcome = mapping(event.get("outcome"))
        reason = text(outcome.get("reason"), LONG_CHARS)
        told = [part for part in (rule.reason, reason) if part]
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR,
            product=_PRODUCT,
            description=safe("; ".join(told), LONG_CHARS),
            category=text(event.get("legacyEventType")),
            src=Endpoint(head.src_ip),
            user_name=head.user,
            attacks=(Attack(technique=SafeText(rule.technique)),) if rule.technique else (),
            observables=_observables(event, head),
            facts=(
                *_debug_facts(event),
                *facts(event, _HIDDEN, lambda path: is_under(path, _ATTACKER_PATHS)),
            ),
            status=text(outcome.get("result")),
            action=text(outcome.get("result")),
            parse_errors=notes,
        )


def _event(obj: Object) -> Object:
    if text(obj.get("source")).startswith(_BRIDGE) and isinstance(obj.get("detail"), dict):
        return mapping(obj["detail"])
    return obj


def _kind(event_type: str) -> str:
    """The first two parts (`user.session`): few enough to count by."""
    return safe(".".join(event_type.split(".")[:2]), 60)


def _user(event: Object) -> SafeText:
    """Who did it; where that was nobody, or Okta itself, whom it was done to."""
    actor = text(dig(event, "actor.alternateId"))
    if actor.lower() not in _NOBODY:
        return actor
    for item in listed(event.get("target"))[:20]:
        target = mapping(item)
        if text(target.get("type")) == "User" and (name := text(target.get("alternateId"))):
            return name
    return actor


def _debug_facts(event: Object) -> tuple[Fact, ...]:
    """Risk and behaviours, which Okta prints as `{level=LOW, reasons=…}`."""
    debug = mapping(dig(event, "debugContext.debugData"))
    made: list[Fact] = []
    for name in _PSEUDO_MAPS:
        value = debug.get(name)
        inside: Object = value if isinstance(value, dict) else dict(pseudo_map(value)) or {"": value}
        for key, item in list(inside.items())[:20]:
            if item not in (None, "", {}):
                path = f"debugContext.debugData.{name}{'.' if key else ''}{key}"
                made.append(Fact(safe(path, 256), safe(item, LONG_CHARS), attacker=True))
    return tuple(made)


def _observables(event: Object, head: Head) -> tuple[Observable, ...]:
    seen = Observables()
    seen.add("IP Address", head.src_ip)
    for hop in listed(dig(event, "request.ipChain"))[:20]:
        seen.add("IP Address", mapping(hop).get("ip"))
    seen.add("User Name", head.user)
    for item in listed(event.get("target"))[:50]:
        target = mapping(item)
        if text(target.get("type")) == "User":
            seen.add("User Name", target.get("alternateId"))
    seen.add("User Agent", dig(event, "client.userAgent.rawUserAgent"), 512)
    return seen.all()
