"""What makes two alerts the same, or alike: rule, behaviour and entities, without what differs each time.

Same: everything but the vendor's own ids and times agrees, so the second one says nothing new. Where it can't
be told for certain, they are not the same. Alike: one rule on one kind of source, which is how the low lane
folds.
"""

import functools
import hashlib
from collections.abc import Iterator

import msgspec

from backend.alerts.model import Head
from backend.enrichment.addresses import is_internal

MAX_RAW = 64 * 1024
"""Bytes of a record that are compared; a longer one is the same as another only by its uid."""
_IDS = frozenset(
    [
        "id",
        "uid",
        "uuid",
        "guid",
        "eventid",
        "alertid",
        "findingid",
        "recordid",
        "messageid",
        "detectionid",
        "incidentid",
        "flowid",
        "sequence",
        "seq",
        "offset",
        "recordnumber",
    ]
)
"""Names of members, in lower case without marks, whose value numbers the alert …"""
_TIMES = frozenset(
    [
        "time",
        "timestamp",
        "ts",
        "date",
        "datetime",
        "eventtime",
        "eventtimestamp",
        "receivedtime",
        "loggedtime",
        "processedtime",
        "createdat",
        "updatedat",
        "createdtime",
        "modifiedtime",
        "firstseentime",
        "lastseentime",
        "starttime",
        "endtime",
        "timedt",
        "start",
        "end",
        "utctime",
        "timecreated",
        "systemtime",
    ]
)
"""… and that only say when."""
_ABOUT_ITSELF = frozenset({"metadata", "findinginfo", "event", "alert", "flow"})
"""Objects in which an id is the alert's own too; an id elsewhere (`user.id`) is an entity's."""
_DEEPEST = 32

Key = tuple[object, ...]


def head_key(head: Head) -> Key:
    """All that a head says but ids and time: what two alerts must share before their records are compared."""
    return (
        head.format,
        head.rule_uid,
        head.rule_name,
        head.title,
        head.severity_id,
        head.src_ip,
        head.src_port,
        head.dst_ip,
        head.dst_port,
        head.hostname,
        head.user,
        head.suppressed,
    )


def behaviour(raw: bytes) -> bytes:
    """A digest of a record without its own ids and times; empty where no such thing can be told of it."""
    if len(raw) > MAX_RAW or raw.lstrip()[:1] != b"{":
        return b""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return b""
    kept = _without(document, 0, about_itself=True)
    return hashlib.blake2b(msgspec.json.encode(kept, order="sorted"), digest_size=16).digest()


def _without(value: object, depth: int, *, about_itself: bool) -> object:
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_without(one, depth + 1, about_itself=False) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, member in value.items():
        plain = _plain(name)
        if plain in _TIMES or (about_itself and plain in _IDS):
            continue
        kept[name] = _without(member, depth + 1, about_itself=depth == 0 and plain in _ABOUT_ITSELF)
    return kept


@functools.lru_cache(maxsize=4_096)
def _plain(name: str) -> str:
    return "".join(char for char in name if char.isalnum()).casefold()


def rule_of(head: Head) -> str:
    """What fired: the rule's uid, else its name, else the alert's title."""
    return head.rule_uid or head.rule_name or head.title


def entity_class(head: Head) -> str:
    """The kind of source: an inner or outer address, else a host, else a user."""
    if head.src_ip:
        return _side(head.src_ip)
    if head.hostname:
        return "host"
    if head.user:
        return "user"
    return _side(head.dst_ip) if head.dst_ip else "nothing named"


@functools.lru_cache(maxsize=16_384)
def _side(ip: str) -> str:
    inner = is_internal(ip)
    return "address" if inner is None else "inner address" if inner else "outer address"


def alike_key(head: Head) -> tuple[str, str, str]:
    """Rule, kind of source and format: what alerts that fold into one have in common. Empty: no rule."""
    rule = rule_of(head)
    return (rule, entity_class(head), head.format) if rule else ("", "", "")


def entities(head: Head) -> Key:
    """Who takes part, to tell a member that differs from those that were analysed."""
    return (head.src_ip, head.dst_ip, head.hostname, head.user)


def same_keys(head: Head, raw: bytes) -> Iterator[Key]:
    """Under which the very same alert is found: its uid, its bytes, all of it but ids and times."""
    said = head_key(head)
    yield (*said, "uid", head.uid)
    if raw:
        yield (*said, "raw", hash(raw))
        digest = behaviour(raw)
        if digest:
            yield (*said, "digest", digest)
