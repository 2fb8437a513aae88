"""Which kind of address opens which source or target: one line each, imported only when asked for."""

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from backend.clock import Clock
from backend.sources.base import Source, SourceError, Target
from backend.sources.options import SourceOptions
from backend.sources.uri import Address, parse_address

__all__ = ["SourceOptions", "open_source", "open_target"]


class _SourceBuilder(Protocol):
    def __call__(self, address: Address, *, clock: Clock, options: SourceOptions) -> Source: ...


class _TargetBuilder(Protocol):
    def __call__(self, address: Address, *, options: SourceOptions) -> Target: ...


_SOURCES = {
    "demo": "backend.sources.registry:_open_demo",
    "file": "backend.sources.file:FileSource",
    "http": "backend.sources.http:HttpSource",
    "kafka": "backend.sources.kafka:KafkaSource",
    "kinesis": "backend.sources.kinesis:KinesisSource",
    "redis": "backend.sources.redis_stream:RedisSource",
    "stdin": "backend.sources.stdin:StdinSource",
    "syslog": "backend.sources.syslog:SyslogSource",
}
_TARGETS = {
    "file": "backend.sources.target_file:FileTarget",
    "http": "backend.sources.target_http:HttpTarget",
    "kafka": "backend.sources.target_kafka:KafkaTarget",
    "kinesis": "backend.sources.target_kinesis:KinesisTarget",
    "redis": "backend.sources.target_redis:RedisTarget",
    "syslog": "backend.sources.target_syslog:SyslogTarget",
}


def open_source(uri: str, *, clock: Clock, options: SourceOptions | None = None) -> Source:
    """Build the source an address names; nothing is connected until it runs.

    Raises:
        SourceError: the address is wrong or of a kind that can't be read from.
    """
    address = parse_address(uri)
    builder = cast("_SourceBuilder", _load(_SOURCES[address.kind]))
    return builder(address, clock=clock, options=options or SourceOptions())


def open_target(uri: str, *, options: SourceOptions | None = None) -> Target:
    """Build the target an address names; `Target.open` connects it. A file need not exist.

    Raises:
        SourceError: the address is wrong or of a kind that can't be written to.
    """
    address = parse_address(uri, must_exist=False)
    if address.kind not in _TARGETS:
        known = ", ".join(sorted(_TARGETS))
        raise SourceError(f"{address.name}: can't send to {address.kind}; targets are {known}")
    builder = cast("_TargetBuilder", _load(_TARGETS[address.kind]))
    return builder(address, options=options or SourceOptions())


def _load(path: str) -> Callable[..., object]:
    module, _, attribute = path.partition(":")
    loaded: Callable[..., object] = getattr(importlib.import_module(module), attribute)
    return loaded


def _open_demo(address: Address, *, clock: Clock, options: SourceOptions) -> Source:
    """The built-in feed; it has no use for credentials."""
    del options
    builder = _load("backend.sources.demo.source:DemoSource")
    seed = {"seed": int(address.query["seed"])} if "seed" in address.query else {}
    return cast("Source", builder(**seed, speed=address.number("speed", 1.0, least=0.001), clock=clock))
