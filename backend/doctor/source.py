"""A source: its address and settings first, then whatever its kind can be asked."""

import contextlib
import importlib
from typing import cast

import msgspec

from backend.assembly import open_feeds, source_options
from backend.clock import SystemClock
from backend.doctor.case import Case, Probe
from backend.doctor.report import Report, halves
from backend.doctor.threads import in_thread
from backend.settings import Settings, SettingsError, SourceConfig
from backend.sources.base import SourceError
from backend.sources.uri import Address, parse_address

_PROBES = {
    "demo": "backend.doctor.local:demo",
    "file": "backend.doctor.file:probe",
    "http": "backend.doctor.listener:http",
    "kafka": "backend.doctor.kafka:probe",
    "kinesis": "backend.doctor.kinesis:probe",
    "redis": "backend.doctor.redis:probe",
    "stdin": "backend.doctor.local:stdin",
    "syslog": "backend.doctor.listener:syslog",
}
"""Imported when a source of the kind is there, off the loop: clients take long to import."""


async def examine(report: Report, settings: Settings, number: int) -> None:
    """Look at the source at index `number`. Raises `Stopped` at its first failure."""
    config = settings.sources[number]
    async with report.within("address", "the file system gives no answer", "look at the disk the path is on"):
        address = await in_thread(lambda: _address(report, config))
        earlier = await in_thread(lambda: _names(settings.sources[:number]))
    if address.name in earlier:
        report.fail("address", f"{address.name} is configured twice", "leave one of them out")
    report.ok("address", _words(address))
    alone = msgspec.structs.replace(settings, sources=[config])
    mend = "look at the disk that the files named under this source are on"
    try:
        async with report.within("settings", "its files can't be read", mend):
            (feed,) = await in_thread(lambda: open_feeds(alone, SystemClock()))
            options = await in_thread(lambda: source_options(config))
    except (SettingsError, SourceError) as error:
        report.fail(
            "settings", *halves(error, f"source {config.uri}", f"source {address.name}", address.name)
        )
    except ImportError as error:
        report.fail(
            "settings", f"{address.kind} sources can't be used here: {error}", "install what is missing"
        )
    fixed = config.format or address.format
    report.ok("settings", _in_force(config, fixed))
    probe = await in_thread(lambda: _load(address.kind))
    await probe(Case(report, address, options, feed.parser, fixed))


def _address(report: Report, config: SourceConfig) -> Address:
    try:
        return parse_address(config.uri)
    except SourceError as error:
        report.fail("address", *halves(error, config.uri))


def _names(configs: list[SourceConfig]) -> set[str]:
    names = set()
    for config in configs:
        with contextlib.suppress(SourceError):
            names.add(parse_address(config.uri).name)
    return names


def _words(address: Address) -> str:
    if address.kind == "kafka":
        topics = ", ".join(address.topics)
        return f"Kafka, topic{'s' if len(address.topics) > 1 else ''} {topics}, group {address.group}"
    if address.kind == "redis":
        return f"Redis, key {address.path}, database {address.db}, group {address.group}"
    if address.kind == "file":
        return f"file {address.path}" + (", followed" if address.flag("follow") else ", read once")
    if address.kind == "kinesis":
        return f"Kinesis, stream {address.path}, region {address.hosts[0][0]}"
    return {"http": "listens for HTTP", "syslog": "listens for syslog", "demo": "the built-in demo feed"}.get(
        address.kind, address.kind
    )


def _in_force(config: SourceConfig, fixed: str | None) -> str:
    words = [f"format {fixed}" if fixed else "format recognised from the content"]
    if config.mapping or config.severity_map:
        words.append(f"{len(config.mapping)} fields and {len(config.severity_map)} severities mapped")
    if config.wazuh_levels:
        words.append(f"{len(config.wazuh_levels)} bands of Wazuh levels")
    if config.username:
        words.append(f"user {config.username}")
    if config.password_env or config.password_file:
        words.append(
            f"secret from {'$' + config.password_env if config.password_env else config.password_file}"
        )
    if config.tls:
        words.append("TLS")
    return ", ".join(words)


def _load(kind: str) -> Probe:
    module, _, name = _PROBES[kind].partition(":")
    return cast("Probe", getattr(importlib.import_module(module), name))
