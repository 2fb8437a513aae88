"""From settings to parts: sources with their parsers, enrichers and sinks."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from backend.actions.base import Sink, SinkError
from backend.actions.registry import open_sink
from backend.alerts.base import JsonFormat
from backend.alerts.generic_keys import GenericMapping
from backend.alerts.model import FORMAT_NAMES
from backend.alerts.recognise import Parser
from backend.alerts.wazuh import Wazuh
from backend.alerts.wazuh_levels import WazuhLevels
from backend.clock import Clock
from backend.enrichment.assets import AssetsEnricher
from backend.enrichment.base import Enricher
from backend.enrichment.geoip import GeoipEnricher
from backend.enrichment.history import HistoryEnricher, HistorySummary
from backend.journal.store import Journal
from backend.patterns.findings import MinerLimits
from backend.patterns.rules_model import RuleSet
from backend.patterns.stage import Patterns
from backend.settings import Settings, SettingsError, SourceConfig, secret
from backend.sources.base import Source, SourceError
from backend.sources.registry import SourceOptions, open_source
from backend.sources.uri import parse_address


class Feed(msgspec.Struct, frozen=True):
    """A source and what reads its records."""

    source: Source
    parser: Parser


def open_feeds(settings: Settings, clock: Clock) -> list[Feed]:
    """Every configured source; nothing is connected before it runs.

    Raises:
        SettingsError: an address, a format or a secret can't be used.
    """
    feeds = [_feed(config, clock) for config in settings.sources]
    names = [feed.source.name for feed in feeds]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"source {twice} is configured twice; leave one out")
    return feeds


def _feed(config: SourceConfig, clock: Clock) -> Feed:
    try:
        source = open_source(config.uri, clock=clock, options=source_options(config))
        fixed = config.format or parse_address(config.uri).format
    except SourceError as error:
        raise SettingsError(str(error)) from error
    try:
        mapping = _mapping(config) if config.mapping or config.severity_map else None
        return Feed(source, Parser(fixed_format=fixed, mapping=mapping, own=_own_formats(config)))
    except ValueError as error:
        raise SettingsError(
            f"source {source.name}: {error}; formats are {', '.join(FORMAT_NAMES)}"
        ) from error


def source_options(config: SourceConfig) -> SourceOptions:
    """What the config knows of a source and its address must not. Raises `SettingsError` for its secret."""
    what = f"source {config.uri}"
    return SourceOptions(
        username=config.username,
        password=secret(config.password_env, config.password_file, what),
        tls=config.tls,
        ca_file=config.ca_file,
        cert_file=config.cert_file,
        key_file=config.key_file,
        sasl_mechanism=config.sasl_mechanism,
    )


def _mapping(config: SourceConfig) -> GenericMapping:
    try:
        return msgspec.convert({**config.mapping, "severity_map": config.severity_map}, GenericMapping)
    except msgspec.ValidationError as error:
        known = ", ".join(GenericMapping.__struct_fields__)
        raise SettingsError(f"source {config.uri}: mapping: {error}; fields are {known}") from error


def _own_formats(config: SourceConfig) -> Sequence[JsonFormat]:
    """Formats that this source's config says something about."""
    if not config.wazuh_levels:
        return ()
    try:
        return (Wazuh(WazuhLevels(config.wazuh_levels)),)
    except ValueError as error:
        raise SettingsError(f"source {config.uri}: wazuh_levels: {error}") from error


class _JournalHistory:
    """The journal as the history enricher asks it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def began_ms(self) -> int | None:
        return await self._journal.read(lambda reader: reader.history_began_ms())

    async def summary(self, rule_key: str, entity_key: str) -> HistorySummary | None:
        row = await self._journal.read(lambda reader: reader.history(rule_key, entity_key))
        if row is None:
            return None
        return HistorySummary(
            row.seen,
            row.first_ms,
            row.last_ms,
            row.verdicts,
            row.human,
            row.last_human,
            row.last_human_ms,
            row.last_human_actor,
        )


def open_patterns(settings: Settings, clock: Clock, home: Path) -> Patterns:
    """What is done with raw events. Reads the rules, 1 to 3 ms each.

    Raises:
        SettingsError: pySigma is missing, or a path with rules can't be read.
    """
    config = settings.patterns
    rules: RuleSet | None = None
    if config.sigma:
        try:
            from backend.patterns.rules import RuleError, load  # only who has rules pays for pySigma
        except ImportError as error:
            raise SettingsError(
                f"[patterns] sigma needs pySigma ({error}): install watchfloor[sigma]"
            ) from error
        try:
            rules = load(config.sigma)
        except RuleError as error:
            raise SettingsError(f"[patterns] {error}") from error
    limits = MinerLimits(
        templates=config.max_templates,
        learn_ms=int(config.learn_minutes * 60_000),
        learn_lines=config.learn_lines,
        surge_factor=config.surge_factor,
        surge_least=config.surge_least,
        findings_per_hour=config.max_alerts_per_hour,
    )
    return Patterns(clock, home, rules=rules, limits=limits if config.mine else None)


def build_enrichers(settings: Settings, journal: Journal, clock: Clock) -> Sequence[Enricher]:
    """Every enricher that is configured; history needs nothing but the journal."""
    config = settings.enrichment
    enrichers: list[Enricher] = []
    if config.history.enabled:
        enrichers.append(HistoryEnricher(_JournalHistory(journal), clock))
    if config.assets.path is not None:
        enrichers.append(AssetsEnricher(Path(config.assets.path).expanduser(), clock))
    geoip = config.geoip
    if geoip.city or geoip.country or geoip.asn:
        enrichers.append(
            GeoipEnricher(clock, city=_path(geoip.city), country=_path(geoip.country), asn=_path(geoip.asn))
        )
    return enrichers


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def open_sinks(settings: Settings) -> list[Sink]:
    """Every configured sink; nothing is connected before the first delivery.

    Raises:
        SettingsError: an address can't be used.
    """
    try:
        sinks = [open_sink(config.uri) for config in settings.sinks]
    except SinkError as error:
        raise SettingsError(str(error)) from error
    names = [sink.name for sink in sinks]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"sink {twice} is configured twice; leave one out")
    return sinks
