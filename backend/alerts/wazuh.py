"""Wazuh alerts: managers of version 3 and 4 (`rule.level` a number), and the findings of version 5."""

from collections.abc import Callable

import msgspec

from backend.alerts import severity
from backend.alerts.base import JsonFormat, Outcome
from backend.alerts.fields import (
    LONG_CHARS,
    TITLE_CHARS,
    Object,
    content_uid,
    dig,
    endpoint,
    mapping,
    port,
    stable_uid,
    text,
    whole,
)
from backend.alerts.model import NOTHING, Alert, Head, ParsedEvent
from backend.alerts.text import SafeText, safe
from backend.alerts.times import first_time, parse_time
from backend.alerts.wazuh5 import build5, head5, is_wazuh5
from backend.alerts.wazuh_alert import build_alert
from backend.alerts.wazuh_fields import DST, SRC, USER, found
from backend.alerts.wazuh_levels import WazuhLevels
from backend.alerts.wazuh_suricata import wrapped_head

_MANAGER = "000"
"""The agent id of the manager itself, which also stands for what others send it by syslog."""
_PRODUCT = SafeText("Wazuh")


class _Rule(msgspec.Struct, gc=False):
    level: int
    id: str | int | None = None
    description: str | None = None
    firedtimes: int | None = None


class _Agent(msgspec.Struct, gc=False):
    id: str | None = None
    name: str | None = None


class _Manager(msgspec.Struct, gc=False):
    name: str | None = None


class _Cluster(msgspec.Struct, gc=False):
    node: str | None = None


class _Predecoder(msgspec.Struct, gc=False):
    hostname: str | None = None


class _Data(msgspec.Struct, gc=False):
    srcip: str | None = None
    srcport: str | int | None = None
    dstip: str | None = None
    dstport: str | int | None = None
    srcuser: str | None = None
    dstuser: str | None = None
    # With one of these the addresses and names are deeper inside: read on the tolerant path.
    event_type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    win: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    aws: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    src_ip: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    user: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    audit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Wazuh(msgspec.Struct, gc=False):
    rule: _Rule
    agent: _Agent
    manager: _Manager
    timestamp: str | None = None
    id: str | None = None
    cluster: _Cluster | None = None
    predecoder: _Predecoder | None = None
    data: _Data | None = None
    location: str | None = None
    full_log: str | None = None
    wazuh: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Wazuh)


class Wazuh(JsonFormat):
    """FORMATS, section 4: Wazuh 3/4, and Wazuh 5."""

    name = "wazuh"

    def __init__(self, levels: WazuhLevels | None = None) -> None:
        """Rate levels by a site's own scale where there is one."""
        self._rate = (levels or WazuhLevels()).rate

    def recognises(self, obj: Object) -> bool:
        """A rule with a level, an agent and a manager; without a rule, an archived event; or version 5."""
        if is_wazuh5(obj):
            return True
        if not isinstance(obj.get("agent"), dict) or not isinstance(obj.get("manager"), dict):
            return False
        return "level" in mapping(obj.get("rule")) or ("full_log" in obj and "location" in obj)

    def typed(self, raw: bytes, received_ms: int) -> Outcome | None:
        """See `JsonFormat.typed`: version 3/4 with the usual fields."""
        try:
            alert = _decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        may_wrap = alert.full_log is not None and alert.full_log.lstrip()[:1] == "{"
        if alert.wazuh is not msgspec.UNSET or may_wrap or raw.count(b'"level"') > 1:
            return None
        data = alert.data or _Data()
        if "-" in (data.srcip, data.dstip, data.srcuser, data.dstuser):
            return None
        deeper = (data.event_type, data.win, data.aws, data.src_ip, data.user, data.audit)
        if any(field is not msgspec.UNSET for field in deeper):
            return None
        head = _head(alert, alert.rule.level, received_ms, self._rate)
        return None if head.time_quality == "received" else head

    def read(self, obj: Object, raw: bytes, received_ms: int) -> Outcome:
        """See `JsonFormat.read`."""
        if is_wazuh5(obj):
            return head5(obj, raw, received_ms)
        rule = mapping(obj.get("rule"))
        if not rule:
            decoder = text(dig(obj, "decoder.name"), 40)
            return ParsedEvent(self.name, safe(f"archived event {decoder}".strip(), 60))
        head = _head(_tolerant(obj, rule), rule.get("level"), received_ms, self._rate)
        if head.time_quality == "received":
            head = _placed(head, obj, raw, received_ms)
        return wrapped_head(obj, head, received_ms) or head

    def build(self, obj: Object, raw: bytes, head: Head, notes: tuple[str, ...]) -> Alert:
        """See `JsonFormat.build`."""
        return build5(obj, raw, head, notes) if is_wazuh5(obj) else build_alert(obj, raw, head, notes)


def _tolerant(obj: Object, rule: Object) -> _Wazuh:
    """The same fields as the typed decoder gives, from an object whose fields have any type."""
    agent = mapping(obj.get("agent"))
    src, src_port = endpoint(found(obj, SRC), dig(obj, "data.srcport") or dig(obj, "data.src_port"))
    dst, dst_port = endpoint(found(obj, DST), dig(obj, "data.dstport") or dig(obj, "data.dest_port"))
    return _Wazuh(
        rule=_Rule(
            level=0,
            id=text(rule.get("id")),
            description=text(rule.get("description"), LONG_CHARS),
            firedtimes=whole(rule.get("firedtimes")),
        ),
        agent=_Agent(text(agent.get("id")), text(agent.get("name"))),
        manager=_Manager(text(dig(obj, "manager.name"))),
        timestamp=text(obj.get("timestamp"), 64),
        id=text(obj.get("id")),
        cluster=_Cluster(text(dig(obj, "cluster.node"))),
        predecoder=_Predecoder(text(dig(obj, "predecoder.hostname"))),
        data=_Data(src, src_port, dst, dst_port, found(obj, USER)),
        location=text(obj.get("location"), LONG_CHARS),
        full_log=text(obj.get("full_log"), LONG_CHARS),
    )


def _head(alert: _Wazuh, level: object, received_ms: int, rate: Callable[[object], int]) -> Head:
    rule, data = alert.rule, alert.data or _Data()
    time_ms, quality = parse_time(alert.timestamp, received_ms)
    title = text((rule.description or "").strip(), TITLE_CHARS)
    rule_uid = text(rule.id)
    src_ip, src_port = endpoint(data.srcip, data.srcport)
    dst_ip, dst_port = endpoint(data.dstip, data.dstport)
    return Head(
        uid=_uid(alert, rule_uid),
        format="wazuh",
        time_ms=time_ms,
        severity_id=severity.highest(level, rate),
        title=title or safe(f"Wazuh rule {rule_uid}" if rule_uid else "Wazuh alert without a description"),
        time_quality=quality,
        severity_native=severity.native(level),
        rule_uid=rule_uid,
        rule_name=title,
        src_ip=src_ip,
        src_port=port(src_port),
        dst_ip=dst_ip,
        dst_port=port(dst_port),
        hostname=_hostname(alert),
        user=text(data.srcuser) or text(data.dstuser),
        product=_PRODUCT,
    )


def _hostname(alert: _Wazuh) -> SafeText:
    """The agent's name; for what came in at the manager itself, the host that its log names, if it does."""
    logged = text(alert.predecoder.hostname) if alert.predecoder is not None else NOTHING
    if alert.agent.id == _MANAGER and logged:
        return logged
    return text(alert.agent.name) or logged or text(alert.manager.name)


def _uid(alert: _Wazuh, rule_uid: str) -> str:
    """Of id, time, rule, place and text: `id` is the second and the place in one manager's file, no more.

    What shippers and the index add to an alert does not count, so it is the same from file and index.
    """
    return stable_uid(
        text(alert.id),
        text(alert.timestamp, 64),
        rule_uid,
        alert.rule.firedtimes or 0,
        text(alert.agent.id),
        text(alert.manager.name),
        text(alert.cluster.node) if alert.cluster is not None else "",
        text(alert.location, LONG_CHARS),
        text(alert.full_log, LONG_CHARS),
    )


def _placed(head: Head, obj: Object, raw: bytes, received_ms: int) -> Head:
    """A head whose `timestamp` can't be read: the next best time, and a uid of all the alert says.

    Such records are templates that were never filled in, whose ids are all the same too.
    """
    elsewhere = ("@timestamp", "data.timestamp", "predecoder.timestamp")
    time_ms, quality = first_time([dig(obj, path) for path in elsewhere], received_ms)
    return msgspec.structs.replace(head, time_ms=time_ms, time_quality=quality, uid=content_uid(obj, raw))
