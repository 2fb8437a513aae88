"""Alerts in the Elastic Common Schema: Kibana's detection alerts, and events that say they are alerts."""

from backend.alerts import ecs_fields, severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.details import facts, is_under, pair_attacks, tactics_in, techniques_in
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    first,
    integer,
    is_placeholder,
    listed,
    mapping,
    stable_uid,
    text,
    whole,
)
from backend.alerts.model import Alert, Attack, Head, ParsedEvent, Severity
from backend.alerts.text import SafeText, safe
from backend.alerts.times import first_time

_ALERT_KINDS = frozenset({"alert", "signal"})
# The other values that ECS allows for `event.kind`.
_OTHER_KINDS = frozenset(
    {"event", "metric", "state", "asset", "enrichment", "pipeline_error", "entity", "cti"}
)
# Where Kibana keeps the same thing: from 8.0 on, and before.
_RULES = ("kibana.alert.rule.", "signal.rule.")
_RULE_NAMES = tuple(rule + "name" for rule in _RULES)

_TIMES = ("kibana.alert.original_time", "signal.original_time", "@timestamp", "event.created")

_HIDDEN = (
    *("@timestamp", "message", "kibana.alert.rule.name", "kibana.alert.severity", "kibana.alert.uuid"),
    *("kibana.alert.rule.parameters", "kibana.alert.rule.execution", "kibana.alert.rule.threat"),
    *("kibana.alert.ancestors", "kibana.alert.rule.meta", "kibana.alert.rule.actions", "kibana.space_ids"),
    *("kibana.version", "signal.rule.threat", "signal.ancestors", "signal.rule.name"),
)
# A rule's reason quotes the event's own fields.
_QUOTED = ("kibana.alert.reason", "signal.reason", "kibana.alert.original_event.original")
_PRODUCT = SafeText("Elastic Security")
_VENDOR = SafeText("Elastic")


class Ecs(JsonFormat):
    """FORMATS, section 4: ECS. Keys may be dotted or nested at any level, so there is no fast path."""

    name = "ecs"

    def recognises(self, obj: Object) -> bool:
        """A time, with a Kibana rule's name or one of the kinds of event that ECS knows."""
        if "@timestamp" not in obj:
            return False
        return _kind(obj) in _ALERT_KINDS | _OTHER_KINDS or _has_rule(obj)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """None: see the class."""
        return None

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        kind = _kind(obj)
        if kind not in _ALERT_KINDS and not _has_rule(obj):
            dataset = ecs_fields.found(obj, "event.dataset", "event.module", limit=40)
            return ParsedEvent(self.name, safe(f"{kind or 'event'} {dataset}".strip(), 60))
        # A rule runs minutes after the event it finds: `@timestamp` is then the rule's time.
        time_ms, quality = first_time([dig(obj, path) for path in _TIMES], received_ms)
        severity_id, native = _severity(obj)
        rule = ecs_fields.found(obj, *_RULE_NAMES, "rule.name")
        title = (
            text(rule, TITLE_CHARS)
            or ecs_fields.found(obj, "message", "event.reason", "event.action", limit=TITLE_CHARS)
            or SafeText("ECS alert without a rule or message")
        )
        src = ecs_fields.side(obj, "source", "client")
        dst = ecs_fields.side(obj, "destination", "server")
        return Head(
            uid=_uid(obj, raw),
            format=self.name,
            time_ms=time_ms,
            severity_id=severity_id,
            title=title,
            time_quality=quality,
            severity_native=native,
            rule_uid=_rule_uid(obj),
            rule_name=rule,
            src_ip=src.ip,
            src_port=src.port,
            dst_ip=dst.ip,
            dst_port=dst.port,
            hostname=ecs_fields.host(obj),
            user=ecs_fields.user(obj),
            product=_product(obj),
            suppressed=_is_done(obj),
        )

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        return Alert(
            head=head,
            raw=raw,
            vendor=_VENDOR if _has_rule(obj) else ecs_fields.found(obj, "observer.vendor"),
            product=head.product,
            description=ecs_fields.found(
                obj, "kibana.alert.reason", "signal.reason", "message", "rule.description", limit=LONG_CHARS
            ),
            category=ecs_fields.found(obj, "event.category"),
            src=ecs_fields.side(obj, "source", "client"),
            dst=ecs_fields.side(obj, "destination", "server"),
            device_hostname=head.hostname,
            device_ip=ecs_fields.found(obj, "host.ip"),
            user_name=head.user,
            process=ecs_fields.process(obj),
            file=ecs_fields.file(obj),
            attacks=_attacks(obj),
            observables=ecs_fields.observables(obj, head.hostname),
            facts=facts(obj, _HIDDEN, _is_attackers),
            status=ecs_fields.found(obj, "kibana.alert.workflow_status", "signal.status"),
            action=ecs_fields.found(obj, "event.outcome"),
            count=max(
                1,
                whole(dig(obj, "kibana.alert.threshold_result.count")),
                whole(dig(obj, "signal.threshold_result.count")),
                whole(dig(obj, "kibana.alert.suppression.docs_count")) + 1,
            ),
            parse_errors=notes,
        )


def _kind(obj: Object) -> str:
    return str(text(dig(obj, "event.kind"), 40)).strip().lower()


def _has_rule(obj: Object) -> bool:
    return any(dig(obj, path) is not None for path in _RULE_NAMES)


def _severity(obj: Object) -> tuple[int, SafeText]:
    """The rule's word; else its risk score in Kibana's bands; else `event.severity`, where that is a word.

    As a number `event.severity` is on the scale of whatever wrote the event, which ECS does not name.
    """
    for path in ("kibana.alert.severity", "kibana.alert.rule.severity", "signal.rule.severity"):
        value = dig(obj, path)
        if value is not None:
            return severity.highest(value, severity.from_word), severity.native(value)
    for path in ("kibana.alert.risk_score", "kibana.alert.rule.risk_score", "signal.rule.risk_score"):
        value = dig(obj, path)
        if value is not None:
            return severity.highest(value, _from_risk), severity.native(value)
    value = dig(obj, "event.severity")
    return severity.highest(value, severity.from_word), severity.native(value)


def _from_risk(value: object) -> int:
    """Kibana's default bands: 0-21 low, 22-47 medium, 48-73 high, 74-100 critical."""
    score = integer(value, -1)
    if not 0 <= score <= 100:
        return 0
    bands = ((21, Severity.LOW), (47, Severity.MEDIUM), (73, Severity.HIGH), (100, Severity.CRITICAL))
    return next(int(level) for top, level in bands if score <= top)


def _rule_uid(obj: Object) -> SafeText:
    """`rule_id` is the same in every installation, `uuid` (once `id`) is this one's."""
    paths = [rule + key for key in ("rule_id", "uuid", "id") for rule in _RULES]
    return ecs_fields.found(obj, *paths, "rule.id", "rule.uuid")


def _product(obj: Object) -> SafeText:
    if _has_rule(obj):
        return _PRODUCT
    return ecs_fields.found(obj, "observer.product", "event.provider", "event.module", "event.dataset")


def _is_done(obj: Object) -> bool:
    """Closed by an analyst, or a building block: an alert made only for other rules to look at."""
    status = ecs_fields.found(obj, "kibana.alert.workflow_status", "signal.status").strip().lower()
    return status == "closed" or dig(obj, "kibana.alert.building_block_type") is not None


def _uid(obj: Object, raw: bytes) -> str:
    """Kibana's id of the alert; else the event's id with its time and rule, for two rules may find one."""
    given = ecs_fields.found(obj, "kibana.alert.uuid")
    if given and not is_placeholder(given):
        return given
    event = ecs_fields.found(obj, "event.id")
    if event and not is_placeholder(event):
        rule = ecs_fields.found(obj, *_RULE_NAMES, "rule.name")
        return stable_uid(event, text(obj.get("@timestamp")), _rule_uid(obj), rule)
    return content_uid(obj, raw)


def _attacks(obj: Object) -> tuple[Attack, ...]:
    """`threat[]` of the rule, a tactic with its techniques each; ECS's own `threat` where there is none."""
    threats = [one for rule in _RULES for one in listed(dig(obj, rule + "threat"))] or listed(
        obj.get("threat")
    )
    made: list[Attack] = []
    for one in threats[:32]:
        threat = mapping(one)
        tactics = tactics_in(first(dig(threat, "tactic.id")))
        techniques: list[str] = []
        for item in listed(threat.get("technique")):
            technique = mapping(item)
            subs = [
                found
                for sub in listed(technique.get("subtechnique"))
                for found in techniques_in(mapping(sub).get("id"))
            ]
            techniques += subs or techniques_in(technique.get("id"))
        made.extend(pair_attacks(techniques, tactics))
    if not made:
        made.extend(
            pair_attacks(
                techniques_in(dig(obj, "threat.technique.id")), tactics_in(dig(obj, "threat.tactic.id"))
            )
        )
    return tuple(dict.fromkeys(made))


def _is_attackers(path: str) -> bool:
    return not is_under(path, ecs_fields.ECS_OWN) or is_under(path, _QUOTED)
