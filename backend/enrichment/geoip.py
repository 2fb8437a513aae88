"""Where in the world an address is and whose network it belongs to, from local MaxMind-format files.

A damaged file opens without complaint and fails at some later look-up, or answers nonsense: each look-up is
wrapped, and every value is checked for its type before it is used. A file that is replaced while we run is
opened anew.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.clock import Clock
from backend.enrichment.addresses import is_routable
from backend.enrichment.base import CacheState, EnrichmentError, Finding
from backend.enrichment.geoip_file import GeoipFile

CACHE_SIZE = 50_000
LOOK_EVERY_S = 30.0
"""Seconds between looks at the files; they are published days apart."""


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
            kind: GeoipFile(kind, path)
            for kind, path in (("city", city), ("country", country), ("asn", asn))
            if path is not None
        }
        self._cache: LRUCache[str, tuple[str, tuple[str, ...], float]] = LRUCache(cache_size)
        self._look_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the files.

        Raises:
            EnrichmentError: one is missing or is no such database.
        """
        for file in self._files.values():
            found = await asyncio.to_thread(file.check, first=True)
            reader, refused = found or (None, "")
            if reader is None:
                raise EnrichmentError(
                    f"enrichment.geoip.{file.kind}: {file.path}: {safe(refused, 200)}; "
                    "name a MaxMind-format database (.mmdb)"
                )
            file.use(reader, refused)
        self._look_at = self._clock.mono() + LOOK_EVERY_S

    async def close(self) -> None:
        """Close the files."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        for file in self._files.values():
            file.close()

    @property
    def problem(self) -> str:
        """What is wrong with the files, in one line; empty while nothing is."""
        return "; ".join(file.problem for file in self._files.values() if file.problem)

    def enrich_now(self, alert: Alert) -> Sequence[Finding]:
        """Place and network of source and destination, where known."""
        if self._clock.mono() >= self._look_at and (self._looking is None or self._looking.done()):
            self._look_at = self._clock.mono() + LOOK_EVERY_S
            self._looking = asyncio.create_task(self._look())
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

    async def _look(self) -> None:
        """Take up files that have changed; one that can't be used leaves the one from before in its place."""
        for file in self._files.values():
            found = await asyncio.to_thread(file.check)
            if found is not None and file.use(*found):
                self._cache.clear()

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
