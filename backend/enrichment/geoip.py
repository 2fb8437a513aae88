"""Where in the world an address is and whose network it belongs to, from local MaxMind-format files.

A damaged file opens without complaint and fails at some later look-up, or answers nonsense: each look-up is
wrapped, and every value is checked for its type before it is used.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import maxminddb
from cachetools import LRUCache

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.clock import Clock
from backend.enrichment.addresses import is_routable
from backend.enrichment.base import CacheState, EnrichmentError, Finding

CACHE_SIZE = 50_000


class _Database(Protocol):
    def get(self, ip_address: str) -> object: ...

    def close(self) -> None: ...


class _File:
    """One database file and how it has fared."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind = kind
        self.path = path
        self.failures = 0
        self.last_error = ""
        self._reader: _Database | None = None

    def open(self) -> None:
        try:
            self._reader = maxminddb.open_database(self.path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise EnrichmentError(
                f"enrichment.geoip.{self.kind}: {self.path}: {safe(error, 200)}; "
                "name a MaxMind-format database (.mmdb)"
            ) from None

    def get(self, ip: str) -> dict[str, Any]:
        """The record, empty where there is none or it can't be read."""
        if self._reader is None:
            return {}
        try:
            record = self._reader.get(ip)
        except Exception as error:  # noqa: BLE001 - damage shows as InvalidDatabaseError, Unicode, Value or Type errors
            self.failures += 1
            self.last_error = str(safe(error, 200))
            return {}
        return record if isinstance(record, dict) else {}

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class GeoipEnricher:
    """Place and network of the alert's outside addresses. An address that no file knows is silent."""

    name = "geoip"

    def __init__(
        self,
        clock: Clock,
        *,
        city: Path | None = None,
        country: Path | None = None,
        asn: Path | None = None,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        """Use the files that are given; city answers before country."""
        self._clock = clock
        self._files = {
            kind: _File(kind, path)
            for kind, path in (("city", city), ("country", country), ("asn", asn))
            if path is not None
        }
        self._cache: LRUCache[str, tuple[str, tuple[str, ...], float]] = LRUCache(cache_size)

    async def start(self) -> None:
        """Open the files.

        Raises:
            EnrichmentError: one is missing or is no such database.
        """
        for file in self._files.values():
            await asyncio.to_thread(file.open)

    async def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    @property
    def problem(self) -> str:
        """What is wrong with the files, in one line; empty while nothing is."""
        broken = [file for file in self._files.values() if file.failures]
        return "; ".join(
            f"geoip: {file.failures} look-ups failed in {file.path.name} ({file.last_error}): "
            "it is damaged, replace it; alerts go on without it"
            for file in broken
        )

    def enrich_now(self, alert: Alert) -> Sequence[Finding]:
        """Place and network of source and destination, where known."""
        head = alert.head
        ends = {
            alert.src.ip or head.src_ip: "src_endpoint.ip",
            alert.dst.ip or head.dst_ip: "dst_endpoint.ip",
        }
        findings = []
        for ip, field in ends.items():
            if ip and is_routable(ip):
                finding = self._finding(ip, field)
                if finding is not None:
                    findings.append(finding)
        return findings

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        """The same; it never waits."""
        return self.enrich_now(alert)

    def _finding(self, ip: str, field: str) -> Finding | None:
        now = self._clock.mono()
        cached = self._cache.get(ip)
        cache: CacheState = "miss" if cached is None else "hit"
        if cached is None:
            cached = self._cache[ip] = (*self._look_up(ip), now)
        text, tags, since = cached
        if not text:
            return None
        return Finding("geoip", safe(text, 300), 0, False, tags, cache, max(0.0, now - since), field)

    def _look_up(self, ip: str) -> tuple[str, tuple[str, ...]]:
        records = {kind: file.get(ip) for kind, file in self._files.items()}
        place, country = _place(records.get("city") or {}, records.get("country") or {})
        network, number = _network(records.get("asn") or {})
        tags = tuple(tag for tag in (country and f"geo:{country}", number and f"asn:{number}") if tag)
        if place and network:
            return f"{ip} is in {place}, {network}", tags
        if place:
            return f"{ip} is in {place}", tags
        return (f"{ip} belongs to {network}", tags) if network else ("", ())


def _place(city: dict[str, Any], country: dict[str, Any]) -> tuple[str, str]:
    """`Country (City)` and the ISO code, as far as the records say."""
    land = _dict(city, "country") or _dict(country, "country") or _dict(city, "registered_country")
    land = land or _dict(country, "registered_country")
    code = _string(land, "iso_code").upper()
    name = _english(land) or code
    town = _english(_dict(city, "city"))
    if name and town and town != name:
        return f"{name} ({town})", code
    return name or town, code


def _network(record: dict[str, Any]) -> tuple[str, int]:
    number = record.get("autonomous_system_number")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**32:
        return "", 0
    return f"AS{number} {_string(record, 'autonomous_system_organization')}".rstrip(), number


def _dict(record: dict[str, Any], key: str) -> dict[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _string(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return str(safe(value, 120)).strip() if isinstance(value, str) else ""


def _english(record: dict[str, Any]) -> str:
    names = _dict(record, "names")
    return _string(names, "en") or next((str(safe(v, 120)) for v in names.values() if isinstance(v, str)), "")
