"""A writer of MaxMind DB files, as small as the format allows (specification 2.0, 32-bit records)."""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path

Value = str | int | Mapping[str, "Value"] | list["Value"]

_MARKER = b"\xab\xcd\xefMaxMind.com"
_RECORD_BITS = 32
# The metadata's numbers have fixed types (5: uint16, 9: uint64); every other number here is a uint32 (6).
_INTEGER_KINDS = {
    "binary_format_major_version": 5,
    "binary_format_minor_version": 5,
    "ip_version": 5,
    "record_size": 5,
    "build_epoch": 9,
}


def write_mmdb(path: Path, networks: Mapping[str, Value]) -> None:
    """Write a database in which the addresses of each network (no overlaps) answer with its value."""
    nodes: list[list[int | str]] = [["", ""]]  # a child is a node number, a network's name, or "" for nothing
    for name in networks:
        net = ipaddress.ip_network(name)
        # IPv4 lives under ::/96 in an IPv6 tree.
        bits, depth = int(net.network_address), net.prefixlen + (96 if net.version == 4 else 0)
        node = 0
        for level in range(depth):
            side = bits >> (127 - level) & 1
            if level == depth - 1:
                nodes[node][side] = name
                break
            child = nodes[node][side]
            if not isinstance(child, int):
                nodes.append(["", ""])
                child = nodes[node][side] = len(nodes) - 1
            node = child
    data, offsets = b"", {}
    for name, value in networks.items():
        offsets[name] = len(data)
        data += _encode(value)
    count = len(nodes)

    def record(child: int | str) -> int:
        if isinstance(child, int):
            return child
        return count + 16 + offsets[child] if child else count

    tree = b"".join(struct.pack(">II", record(left), record(right)) for left, right in nodes)
    meta: Value = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_767_225_600,
        "database_type": "Test",
        "description": {"en": "written by a test"},
        "ip_version": 6,
        "languages": ["en"],
        "node_count": count,
        "record_size": _RECORD_BITS,
    }
    path.write_bytes(tree + bytes(16) + data + _MARKER + _encode(meta))


def _encode(value: Value, key: str = "") -> bytes:
    if isinstance(value, str):
        raw = value.encode()
        return _control(2, len(raw)) + raw
    if isinstance(value, int):
        raw = value.to_bytes(8, "big").lstrip(b"\0")
        return _control(_INTEGER_KINDS.get(key, 6), len(raw)) + raw
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encode, value))
    return _control(7, len(value)) + b"".join(_encode(k) + _encode(v, k) for k, v in value.items())


def _control(kind: int, size: int) -> bytes:
    """The byte (and those after it) that says what comes and how much; sizes up to 284."""
    shown, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind > 7:
        return bytes([shown, kind - 7]) + more
    return bytes([kind << 5 | shown]) + more
