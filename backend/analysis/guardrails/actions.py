"""Recommended actions with their targets from the alert's own typed fields, never from a model's prose.

A model may choose among what the alert names, no more: the target is looked up among the alert's entities of
the type the action needs, and replaced by what stands there. What does not resolve, or must never be touched
by a machine, is withheld and said.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.claims import refanged
from backend.analysis.model import RecommendedAction, Verdict
from backend.enrichment.addresses import is_internal, is_routable, parse
from backend.enrichment.base import Evidence

RESOLVERS = frozenset(
    {
        "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112", "208.67.222.222",
        "208.67.220.220", "2606:4700:4700::1111", "2606:4700:4700::1001", "2001:4860:4860::8888",
        "2001:4860:4860::8844", "2620:fe::fe",
    }
)  # fmt: skip
"""Public name servers that whole networks rely on: blocking one is an outage."""
BUILT_IN_USERS = frozenset(
    {
        "system",
        "nt authority\\system",
        "local service",
        "network service",
        "localsystem",
        "krbtgt",
        "everyone",
    }
)
_ON_USERS = frozenset({"disable_user", "reset_password", "revoke_sessions"})
_ON_MACHINES = frozenset({"isolate_host", "kill_process", "quarantine_file"})
_INNER_NAMES = (".local", ".lan", ".internal", ".corp", ".home.arpa", ".localhost")
_HOST_TYPES = frozenset({"Hostname", "Host", "Endpoint", "Device"})
_DOMAIN_TYPES = frozenset(
    {"Hostname", "Domain", "Domain Name", "URL", "URL String", "Uniform Resource Locator"}
)
_USER_TYPES = frozenset({"User", "User Name", "Username", "Account", "Email Address"})
_FILE_TYPES = frozenset({"File", "File Name", "File Path", "File Hash", "Hash", "Fingerprint"})
_PROCESS_TYPES = frozenset({"Process", "Process Name"})


class Screened(msgspec.Struct, frozen=True):
    """A verdict with the actions that may be recommended, and why others may not."""

    verdict: Verdict
    withheld: tuple[str, ...] = ()


def screened(
    verdict: Verdict, alert: Alert, evidence: Sequence[Evidence], protected: frozenset[str] = frozenset()
) -> Screened:
    """`verdict` with each action's target as the alert has it.

    `protected` are names and addresses (without case) or networks that no destructive action may name.
    """
    if not verdict.actions:
        return Screened(verdict)
    kept: dict[tuple[str, str], RecommendedAction] = {}
    withheld: dict[str, None] = {}
    for action in verdict.actions:
        target = _resolved(action, alert)
        why = "not in the alert as something to act on" if not target else ""
        if target and action.needs_approval:
            why = _untouchable(action.action, target, alert, evidence, protected)
        if why:
            said = action.target or "no target"
            withheld[safe(f"{action.action} {said}: {why}", 200)] = None
        else:
            kept[action.action, target] = msgspec.structs.replace(action, target=target)
    return Screened(msgspec.structs.replace(verdict, actions=tuple(kept.values())), tuple(withheld))


def _resolved(action: RecommendedAction, alert: Alert) -> SafeText:
    """The alert's own spelling of the target; empty where the alert has no such thing."""
    named = refanged(action.target).strip().strip("`'\"").removesuffix("/32").casefold()
    entities = _ENTITIES[action.action](alert)
    if action.action == "open_ticket":  # its subject is the alert, whatever a model would write there
        return next((one for one in entities if one), SafeText(""))
    if not named:
        return SafeText("")
    address = parse(named)
    for entity in entities:
        if not entity:
            continue
        own = entity.casefold()
        if own == named or (address is not None and parse(own) == address):
            return entity
        if "." in own and own.partition(".")[0] == named and parse(own) is None:
            return entity  # web-01 where the alert says web-01.corp.example
    return SafeText("")


def _untouchable(
    action: str, target: str, alert: Alert, evidence: Sequence[Evidence], protected: frozenset[str]
) -> str:
    """Why a machine must not propose this, in words; empty where it may."""
    name = target.casefold()
    if name in protected or _in_networks(name, protected):
        return "protected by policy"
    if action == "block_ip":
        outside = is_internal(target) is False and is_routable(target)
        return ("a public name server" if name in RESOLVERS else "") if outside else "no address outside"
    if action == "block_domain":
        own = name.endswith(_INNER_NAMES) or name in _own_names(alert)
        return "a name of one's own" if own else ""
    if action in _ON_USERS:
        return "an account that every system has" if name in BUILT_IN_USERS else ""
    if action in _ON_MACHINES and _jewel(alert, evidence, name, action):
        return "a crown-jewel asset: a person decides"
    return ""


def _jewel(alert: Alert, evidence: Iterable[Evidence], name: str, action: str) -> bool:
    """Whether the machine that the action would touch is a crown jewel."""
    touched = {name} if action == "isolate_host" else {one.casefold() for one in _machines(alert) if one}
    for item in evidence:
        if "asset:crown_jewel" not in item.finding.tags:
            continue
        field = item.finding.field
        spoken = {one.casefold() for one in _FIELDS[field](alert) if one} if field in _FIELDS else touched
        if touched & spoken or any(one in item.finding.text.casefold() for one in touched):
            return True
    return False


def _in_networks(name: str, protected: Iterable[str]) -> bool:
    address = parse(name)
    if address is None:
        return False
    for one in protected:
        if "/" in one:
            network = ipaddress.ip_network(one, strict=False)
            if address.version == network.version and address in network:
                return True
    return False


# --- what an alert names, by type ------------------------------------------------------------------------


def _observed(alert: Alert, types: frozenset[str]) -> Iterator[SafeText]:
    return (one.value for one in alert.observables if one.type in types)


def _machines(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.device_hostname, alert.head.hostname, alert.device_ip)


def _hosts(alert: Alert) -> Iterator[SafeText]:
    yield from _machines(alert)
    yield from (alert.src.hostname, alert.dst.hostname)
    yield from _observed(alert, _HOST_TYPES)
    yield from (end for end in _ends(alert) if is_internal(end))


def _ends(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.src.ip, alert.dst.ip, alert.head.src_ip, alert.head.dst_ip)


def _ips(alert: Alert) -> Iterator[SafeText]:
    yield from _ends(alert)
    yield from (one.value for one in alert.observables if parse(one.value) is not None)


def _domains(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.dst.hostname, alert.src.hostname)
    for value in _observed(alert, _DOMAIN_TYPES):
        yield value
        host = value.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        if host:
            yield SafeText(host)


def _users(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.user_name, alert.head.user)
    yield from _observed(alert, _USER_TYPES)


def _files(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.file.path, alert.file.name, alert.file.sha256, alert.file.md5)
    yield from _observed(alert, _FILE_TYPES)


def _processes(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.process.name, SafeText(str(alert.process.pid or "")))
    yield from _observed(alert, _PROCESS_TYPES)


def _anything(alert: Alert) -> Iterator[SafeText]:
    for entities in (_hosts, _users, _ips, _domains, _files, _processes, _subjects):
        yield from entities(alert)


def _subjects(alert: Alert) -> Iterator[SafeText]:
    yield from (alert.head.rule_name, alert.head.title, alert.head.rule_uid)


def _own_names(alert: Alert) -> frozenset[str]:
    return frozenset(one.casefold() for one in (alert.device_hostname, alert.head.hostname) if one)


_ENTITIES: dict[str, Callable[[Alert], Iterator[SafeText]]] = {
    "isolate_host": _hosts,
    "collect_forensics": _hosts,
    "disable_user": _users,
    "reset_password": _users,
    "revoke_sessions": _users,
    "block_ip": _ips,
    "block_domain": _domains,
    "quarantine_file": _files,
    "kill_process": _processes,
    "open_ticket": _subjects,
    "notify_owner": _anything,
    "watch": _anything,
}
_FIELDS: dict[str, Callable[[Alert], Iterator[SafeText]]] = {
    "device.hostname": _machines,
    "device.ip": _machines,
    "src_endpoint.ip": lambda alert: iter((alert.src.ip, alert.head.src_ip, alert.src.hostname)),
    "src_endpoint.hostname": lambda alert: iter((alert.src.hostname, alert.src.ip, alert.head.src_ip)),
    "dst_endpoint.ip": lambda alert: iter((alert.dst.ip, alert.head.dst_ip, alert.dst.hostname)),
    "dst_endpoint.hostname": lambda alert: iter((alert.dst.hostname, alert.dst.ip, alert.head.dst_ip)),
}
"""The names of the machine that a finding's `field` speaks of."""
