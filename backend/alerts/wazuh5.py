"""Wazuh 5 findings: an ECS document with Wazuh's rule under `wazuh`, whose level is a word."""

from backend.alerts import ecs_fields, severity
from backend.alerts.base import Outcome
from backend.alerts.details import facts, is_under, pair_attacks, tactics_in, techniques_in
from backend.alerts.ecs_fields import ECS_OWN
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    first,
    mapping,
    stable_uid,
    text,
)
from backend.alerts.model import Alert, Attack, Head
from backend.alerts.text import SafeText
from backend.alerts.times import first_time

_HIDDEN = (
    *("@timestamp", "wazuh.rule.title", "wazuh.rule.id", "wazuh.rule.level", "wazuh.rule.mitre"),
    *("wazuh.rule.compliance", "wazuh.agent.host.hostname", "wazuh.agent.host.ip", "data_stream", "message"),
)
_VENDOR = SafeText("Wazuh")
_PRODUCT = SafeText("Wazuh")


def is_wazuh5(obj: Object) -> bool:
    """Whether a document is a finding of Wazuh 5: its rule's level is a string."""
    rule = mapping(mapping(obj.get("wazuh")).get("rule"))
    return isinstance(first(rule.get("level")), str)


def head5(obj: Object, raw: bytes, received_ms: int) -> Outcome:
    """The head of a finding. `event.kind` says "event" in most of them all the same."""
    rule = mapping(dig(obj, "wazuh.rule"))
    time_ms, quality = first_time((obj.get("@timestamp"), dig(obj, "event.created")), received_ms)
    name = text(rule.get("title"), TITLE_CHARS) or ecs_fields.found(obj, "rule.name", limit=TITLE_CHARS)
    src = ecs_fields.side(obj, "source", "client")
    dst = ecs_fields.side(obj, "destination", "server")
    return Head(
        uid=_uid(obj, rule, raw),
        format="wazuh",
        time_ms=time_ms,
        severity_id=severity.highest(rule.get("level"), severity.from_word),
        title=name or SafeText("Wazuh finding without a title"),
        time_quality=quality,
        severity_native=severity.native(rule.get("level")),
        rule_uid=text(rule.get("id")),
        rule_name=name,
        src_ip=src.ip,
        src_port=src.port,
        dst_ip=dst.ip,
        dst_port=dst.port,
        hostname=ecs_fields.found(
            obj, "host.name", "host.hostname", "wazuh.agent.host.hostname", "wazuh.agent.name"
        ),
        user=ecs_fields.user(obj),
        product=_PRODUCT,
    )


def build5(obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
    """The whole alert of a finding."""
    return Alert(
        head=head,
        raw=raw,
        vendor=_VENDOR,
        product=_PRODUCT,
        description=ecs_fields.found(obj, "message", "rule.description", "event.original", limit=LONG_CHARS),
        category=ecs_fields.found(obj, "wazuh.integration.category", "event.category"),
        src=ecs_fields.side(obj, "source", "client"),
        dst=ecs_fields.side(obj, "destination", "server"),
        device_hostname=head.hostname,
        device_ip=ecs_fields.found(obj, "host.ip", "wazuh.agent.host.ip"),
        user_name=head.user,
        process=ecs_fields.process(obj),
        file=ecs_fields.file(obj),
        attacks=_attacks(obj),
        observables=ecs_fields.observables(obj, head.hostname),
        facts=facts(obj, _HIDDEN, lambda path: not is_under(path, (*ECS_OWN, "wazuh"))),
        action=ecs_fields.found(obj, "event.outcome"),
        parse_errors=notes,
    )


def _uid(obj: Object, rule: Object, raw: bytes) -> str:
    """A finding has no id of its own; `event.id` is the log event's, which several rules may find."""
    original = text(dig(obj, "event.original"), LONG_CHARS)
    if not original or not text(obj.get("@timestamp")):
        return content_uid(obj, raw)
    return stable_uid(
        text(obj.get("@timestamp")),
        text(rule.get("id")),
        text(rule.get("title"), TITLE_CHARS),
        text(dig(obj, "wazuh.agent.id")),
        text(dig(obj, "event.id")),
        original,
    )


def _attacks(obj: Object) -> tuple[Attack, ...]:
    """Lists of ids, of different lengths; a subtechnique takes the place of its technique."""
    subs = techniques_in(dig(obj, "wazuh.rule.mitre.subtechnique.id"))
    nearer = {sub.partition(".")[0]: sub for sub in subs}
    techniques = techniques_in(dig(obj, "wazuh.rule.mitre.technique.id"))
    named = [nearer.pop(one, one) for one in techniques]
    pairs = pair_attacks(named, tactics_in(dig(obj, "wazuh.rule.mitre.tactic.id")))
    return tuple(dict.fromkeys((*pairs, *(Attack(SafeText(sub)) for sub in subs if sub not in named))))
