"""Which addresses are one's own: look-ups skip them, and rules ask which way traffic goes."""

import ipaddress
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_INTERNAL = tuple(
    ipaddress.ip_network(net)
    for net in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598, carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # RFC 3927, link-local
        "::1/128",
        "fc00::/7",  # RFC 4193
        "fe80::/10",
    )
)


def parse(text: str) -> IPAddress | None:
    """The address that `text` is, IPv4 inside IPv6 unwrapped, without a zone id; None where it is none."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=16_384)
def is_internal(text: str) -> bool | None:
    """Whether the address belongs to a private, link-local or loopback range; None where it is no address.

    Documentation ranges (RFC 5737) count as outside: unlike `ipaddress.is_private` says, nobody's own
    network uses them, while examples and demos do.
    """
    address = parse(text)
    if address is None:
        return None
    return any(address in net for net in _INTERNAL if net.version == address.version)


def is_routable(text: str) -> bool:
    """Whether a look-up by place or network can answer: an outside address, not multicast or void."""
    address = parse(text)
    if address is None or is_internal(text):
        return False
    return not (address.is_multicast or address.is_unspecified or int(address) == 2**32 - 1)
