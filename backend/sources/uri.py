"""Addresses: the one place that reads `kafka://…`, `redis://…`, `file:///…`, `-`, `demo:` and the rest.

An address is scripted against and shown, so it never holds a secret; whatever is wrong with one is said in a
line that names the nearest thing that would have worked.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from backend.alerts.model import FORMAT_NAMES
from backend.alerts.text import safe
from backend.sources.base import SourceError

Kind = Literal["kafka", "kinesis", "redis", "file", "stdin", "http", "syslog", "demo"]

DEFAULT_GROUP = "watchfloor"
GLOB_CHARACTERS = "*["
"""What makes a file path a pattern; `?` starts the query of an address and can't."""

_SCHEMES: dict[str, Kind] = {
    "kafka": "kafka",
    "kinesis": "kinesis",
    "redis": "redis",
    "rediss": "redis",
    "file": "file",
    "http": "http",
    "https": "http",
    "syslog": "syslog",
    "demo": "demo",
}
_QUERY_KEYS: dict[Kind, tuple[str, ...]] = {
    "kafka": ("group", "format", "instance", "session_timeout_s", "key"),
    "kinesis": ("endpoint", "format", "key"),
    "redis": ("group", "format", "consumer", "claim_idle_s", "maxlen", "type", "take"),
    "file": ("follow", "format"),
    "stdin": ("format",),
    "http": ("format", "max_mb"),
    "syslog": ("format",),
    "demo": ("seed", "speed"),
}
_DEFAULT_PORTS: dict[Kind, int] = {"kafka": 9092, "redis": 6379}
_EXAMPLES: dict[Kind, str] = {
    "kafka": "kafka://HOST:PORT/TOPIC?group=G",
    "kinesis": "kinesis://REGION/STREAM",
    "redis": "redis://HOST:PORT/STREAM?group=G",
    "file": "file:///PATH?follow=true",
    "stdin": "-",
    "http": "http://HOST:PORT/PATH",
    "syslog": "syslog://HOST:PORT",
    "demo": "demo:",
}
_CHOICES = {"type": ("stream", "list"), "take": ("left", "right")}
"""Query keys that take one of a few words."""
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")


class Address(msgspec.Struct, frozen=True):
    """A parsed address. Which fields are filled depends on `kind`."""

    kind: Kind
    name: str
    """Canonical form without secrets: the source's stable name."""
    hosts: tuple[tuple[str, int], ...] = ()
    """Host and port pairs; port 0 where the kind has no default and none was given."""
    path: str = ""
    """Absolute path or pattern (file), stream key (redis), stream name (kinesis), URL path (http)."""
    topics: tuple[str, ...] = ()
    """Kafka topics; the pattern alone where there is one."""
    pattern: str = ""
    """Regular expression for topics (Kafka), `^…`; what comes later and matches is read too."""
    db: int = 0
    """Redis database number."""
    tls: bool = False
    """The scheme itself asks for TLS (`rediss`, `https`)."""
    query: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def format(self) -> str | None:
        """The alert format the address fixes, or None when it is recognised from the content."""
        return self.query.get("format")

    @property
    def group(self) -> str:
        """Consumer group of a broker source."""
        return self.query.get("group", DEFAULT_GROUP)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A yes/no query value. Raises `SourceError` for anything else."""
        value = self.query.get(key)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise SourceError(f"{self.name}: {key}={safe(value)} must be true or false")

    def number(self, key: str, default: float, *, least: float = 0.0) -> float:
        """A numeric query value. Raises `SourceError` if it is no number or below `least`."""
        value = self.query.get(key)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number < float("inf"):
            raise SourceError(f"{self.name}: {key}={safe(value)} must be a number of at least {least:g}")
        return number


def parse_address(uri: str, *, must_exist: bool = True) -> Address:
    """Read an address of the contract, or a bare path to an existing file.

    With `must_exist` off a bare path may name a file still to be written, in a folder that is there.

    Raises:
        SourceError: in one line: what is wrong, and the nearest thing that would work.
    """
    head, _, tail = uri.partition("?")
    if head == "-":
        return Address(kind="stdin", name="stdin", query=_query("stdin", uri, tail))
    scheme, colon, _ = uri.partition(":")
    if not colon or not scheme.isascii() or not scheme.replace("+", "").isalnum() or Path(uri).exists():
        return _bare_path(uri, must_exist)
    kind = _SCHEMES.get(scheme.lower())
    if kind is None:
        raise SourceError(f"{safe(uri)}: unknown kind of address {safe(scheme)!r}{_nearest_scheme(scheme)}")
    rest = head[len(scheme) + 1 :]
    query = _query(kind, uri, tail)
    if kind == "demo":
        return _demo(uri, rest, query)
    if not rest.startswith("//"):
        raise SourceError(f"{safe(uri)}: write it as {_EXAMPLES[kind]}")
    authority, _, path = rest[2:].partition("/")
    if "@" in authority:
        host = safe(authority.rpartition("@")[2])
        raise SourceError(
            f"{scheme}://…@{host}: no credentials in an address; put username and password_env under"
            " [[sources]] in the config"
        )
    return _BUILDERS[kind](uri, scheme.lower(), authority, path, query)


def _bare_path(uri: str, must_exist: bool) -> Address:
    path = Path(uri)
    may_be_new = not must_exist or any(character in uri for character in GLOB_CHARACTERS)
    if uri and (path.exists() or (may_be_new and path.parent.is_dir())):
        return _file_address(str(path.absolute()), {})
    raise SourceError(
        f"{safe(uri)!r}: no such file, and no address like kafka://HOST:PORT/TOPIC, file:///PATH or demo:"
    )


def _file_address(path: str, query: Mapping[str, str]) -> Address:
    return Address(kind="file", name=f"file://{quote(path, safe='/*[]!')}", path=path, query=query)


def _file(uri: str, _scheme: str, authority: str, path: str, query: Mapping[str, str]) -> Address:
    if authority not in ("", "localhost"):
        raise SourceError(
            f"{safe(uri)}: a file address takes an absolute path after three slashes: file:///PATH"
        )
    if not path:
        raise SourceError(f"{safe(uri)}: the path is missing: file:///PATH")
    address = _file_address("/" + unquote(path), query)
    address.flag("follow")
    return address


def _kafka(uri: str, _scheme: str, authority: str, path: str, query: Mapping[str, str]) -> Address:
    hosts = _hosts("kafka", uri, authority)
    pattern = unquote(path) if unquote(path).startswith("^") else ""
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            raise SourceError(f"{safe(uri)}: {safe(pattern)} is no regular expression: {error}") from error
    topics = (pattern,) if pattern else tuple(unquote(topic) for topic in path.split(",") if topic)
    if not topics or any("/" in topic for topic in topics):
        raise SourceError(f"{safe(uri)}: the topic is missing or holds a slash: {_EXAMPLES['kafka']}")
    group = query.get("group", DEFAULT_GROUP)
    where = ",".join(f"{_bracket(host)}:{port}" for host, port in hosts)
    name = f"kafka://{where}/{','.join(map(_quoted, topics))}?group={_quoted(group)}"
    return Address(kind="kafka", name=name, hosts=hosts, topics=topics, pattern=pattern, query=query)


def _redis(uri: str, scheme: str, authority: str, path: str, query: Mapping[str, str]) -> Address:
    hosts = _hosts("redis", uri, authority)
    if len(hosts) != 1:
        raise SourceError(f"{safe(uri)}: one HOST:PORT only: {_EXAMPLES['redis']}")
    first, slash, rest = path.partition("/")
    db, stream = (int(first), rest) if slash and first.isascii() and first.isdigit() else (0, path)
    stream = unquote(stream)
    if not stream:
        raise SourceError(f"{safe(uri)}: the stream is missing: {_EXAMPLES['redis']}")
    ((host, port),) = hosts
    group = query.get("group", DEFAULT_GROUP)
    name = f"{scheme}://{_bracket(host)}:{port}/{db}/{_quoted(stream)}?group={_quoted(group)}"
    return Address(
        kind="redis", name=name, hosts=hosts, path=stream, db=db, tls=scheme == "rediss", query=query
    )


def _kinesis(uri: str, _scheme: str, authority: str, path: str, query: Mapping[str, str]) -> Address:
    if not authority or not path:
        raise SourceError(f"{safe(uri)}: region or stream is missing: {_EXAMPLES['kinesis']}")
    name = f"kinesis://{_quoted(authority)}/{_quoted(unquote(path))}"
    return Address(kind="kinesis", name=name, hosts=((authority, 0),), path=unquote(path), query=query)


def _listener(uri: str, scheme: str, authority: str, path: str, query: Mapping[str, str]) -> Address:
    kind = _SCHEMES[scheme]
    hosts = _hosts(kind, uri, authority)
    if len(hosts) != 1 or hosts[0][1] == 0:
        raise SourceError(f"{safe(uri)}: one HOST:PORT to listen on is needed: {_EXAMPLES[kind]}")
    ((host, port),) = hosts
    where = f"{scheme}://{_bracket(host)}:{port}" + (f"/{path}" if kind == "http" else "")
    return Address(
        kind=kind,
        name=safe(where),
        hosts=hosts,
        path="/" + unquote(path),
        tls=scheme == "https",
        query=query,
    )


_BUILDERS = {
    "file": _file,
    "kafka": _kafka,
    "redis": _redis,
    "kinesis": _kinesis,
    "http": _listener,
    "syslog": _listener,
}


def _demo(uri: str, rest: str, query: Mapping[str, str]) -> Address:
    if rest.strip("/"):
        raise SourceError(f"{safe(uri)}: the demo feed has no host or path: demo:?seed=1&speed=1")
    seed = query.get("seed", "")
    if seed and not (seed.isascii() and seed.isdigit()):
        raise SourceError(f"{safe(uri)}: seed must be a whole number")
    address = Address(kind="demo", name=f"demo:?seed={int(seed)}" if seed else "demo:", query=query)
    address.number("speed", 1.0, least=0.001)
    return address


def _hosts(kind: Kind, uri: str, authority: str) -> tuple[tuple[str, int], ...]:
    pairs: list[tuple[str, int]] = []
    for part in authority.split(","):
        host, port = _split_port(part)
        if not host or not (port == "" or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
            raise SourceError(f"{safe(uri)}: {safe(part)!r} is no HOST:PORT; write it as {_EXAMPLES[kind]}")
        pairs.append((host, int(port) if port else _DEFAULT_PORTS.get(kind, 0)))
    return tuple(pairs)


def _split_port(part: str) -> tuple[str, str]:
    if part.startswith("["):  # an IPv6 address
        host, _, rest = part[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = part.partition(":")
    return host, port


def _query(kind: Kind, uri: str, text: str) -> Mapping[str, str]:
    known = _QUERY_KEYS[kind]
    values: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise SourceError(f"{safe(uri)}: unknown key {safe(key)!r}; {hint}")
        if not value:
            raise SourceError(f"{safe(uri)}: {key}= has no value")
        if value not in _CHOICES.get(key, (value,)):
            raise SourceError(f"{safe(uri)}: {key}={safe(value)} must be {' or '.join(_CHOICES[key])}")
        values[key] = value
    wanted = values.get("format")
    if wanted is not None and wanted not in FORMAT_NAMES:
        near = difflib.get_close_matches(wanted, FORMAT_NAMES, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(FORMAT_NAMES)}"
        raise SourceError(f"{safe(uri)}: unknown format {safe(wanted)!r}; {hint}")
    return values


def _nearest_scheme(scheme: str) -> str:
    near = difflib.get_close_matches(scheme.lower(), _SCHEMES, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {_EXAMPLES[_SCHEMES[near[0]]]}?"
    return f"; known are {', '.join(_SCHEMES)} and - for standard input"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else safe(host)
