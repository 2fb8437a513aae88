"""Who talked to whom in a GuardDuty finding: `service.action`, of which AWS has several kinds.

All keys are expected in lower case.
"""

import msgspec

from backend.alerts.fields import Object, dig, listed, mapping, port, text
from backend.alerts.model import NOTHING, Endpoint
from backend.alerts.text import SafeText

_MAX_PROBES = 50

_BY_TYPE = {
    "NETWORK_CONNECTION": "networkconnectionaction",
    "PORT_PROBE": "portprobeaction",
    "DNS_REQUEST": "dnsrequestaction",
    "AWS_API_CALL": "awsapicallaction",
    "RDS_LOGIN_ATTEMPT": "rdsloginattemptaction",
    "KUBERNETES_API_CALL": "kubernetesapicallaction",
}
_CALLS = ("awsapicallaction", "rdsloginattemptaction", "kubernetesapicallaction")
"""Kinds that are calls from somewhere, with no address on this side."""


class Connection(msgspec.Struct, frozen=True, gc=False):
    """What an action says about the network."""

    src: Endpoint = Endpoint()
    dst: Endpoint = Endpoint()
    addresses: tuple[SafeText, ...] = ()
    """Every address in it, remote ones first."""
    domains: tuple[SafeText, ...] = ()
    user_agent: SafeText = NOTHING
    action: SafeText = NOTHING
    """`blocked` or `allowed`, where AWS says."""


def connection(service: Object) -> Connection:
    """The endpoints of a finding's `service` object; empty where it has none.

    Where `actionType` says which kind it is, the others beside it are empty shells (Security Hub sends them).
    """
    action = mapping(service.get("action"))
    named = _BY_TYPE.get(text(action.get("actiontype")).upper(), "")
    if named in action:
        action = {named: action[named]}
    if found := mapping(action.get("networkconnectionaction")):
        return _network(found)
    if found := mapping(action.get("portprobeaction")):
        return _probes(found)
    if found := mapping(action.get("dnsrequestaction")):
        names = tuple(name for key in ("domain", "domainwithsuffix") if (name := text(found.get(key))))
        target = Endpoint(hostname=names[0] if names else NOTHING)
        return Connection(dst=target, domains=names, action=_blocked(found))
    for kind in _CALLS:
        if found := mapping(action.get(kind)):
            return _call(found)
    return _sequence(mapping(dig(service, "detection.sequence")))


def _network(found: Object) -> Connection:
    """Inbound traffic comes from the remote side; every other direction goes there."""
    remote = Endpoint(_address(found, "remote"), _port(found, "remote"))
    local = Endpoint(_address(found, "local"), _port(found, "local"))
    inbound = text(found.get("connectiondirection")).upper() == "INBOUND"
    src, dst = (remote, local) if inbound else (local, remote)
    return Connection(src, dst, _all_addresses([found]), action=_blocked(found))


def _probes(found: Object) -> Connection:
    """One finding, many probes: the first is the endpoint, all are observables."""
    details = [mapping(item) for item in listed(found.get("portprobedetails"))[:_MAX_PROBES]]
    one = details[0] if details else {}
    return Connection(
        Endpoint(_address(one, "remote"), _port(one, "remote")),
        Endpoint(_address(one, "local"), _port(one, "local")),
        _all_addresses(details),
        action=_blocked(found),
    )


def _call(found: Object) -> Connection:
    caller = _address(found, "remote") or text(found.get("sourceips"))
    domain = text(dig(found, "domaindetails.domain"))
    addresses = dict.fromkeys([*_all_addresses([found]), *([caller] if caller else [])])
    return Connection(
        Endpoint(caller, 0, domain),
        Endpoint(),
        tuple(addresses),
        (domain,) if domain else (),
        text(found.get("useragent"), 512),
        _blocked(found),
    )


def _sequence(found: Object) -> Connection:
    """An attack sequence names its endpoints in one list."""
    addresses = [
        address for item in listed(found.get("endpoints"))[:_MAX_PROBES] if (address := text(dig(item, "ip")))
    ]
    if not addresses:
        return Connection()
    return Connection(Endpoint(addresses[0]), addresses=tuple(dict.fromkeys(addresses)))


def _address(found: Object, side: str) -> SafeText:
    details = mapping(found.get(f"{side}ipdetails"))
    return text(details.get("ipaddressv4")) or text(details.get("ipaddressv6"))


def _port(found: Object, side: str) -> int:
    return port(mapping(found.get(f"{side}portdetails")).get("port"))


def _all_addresses(details: list[Object]) -> tuple[SafeText, ...]:
    found: dict[SafeText, None] = {}
    for side in ("remote", "local"):
        for item in details:
            both = mapping(item.get(f"{side}ipdetails"))
            for key in ("ipaddressv4", "ipaddressv6"):
                if address := text(both.get(key)):
                    found[address] = None
    return tuple(found)


def _blocked(found: Object) -> SafeText:
    blocked = found.get("blocked")
    if not isinstance(blocked, bool):
        return NOTHING
    return SafeText("blocked" if blocked else "allowed")
