"""What the machines in an alert are: their role, owner and worth, from a CSV asset list."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.clock import Clock
from backend.enrichment.asset_table import Asset, AssetFileError, AssetTable, load
from backend.enrichment.base import EnrichmentError, Finding

RELOAD_S = 15.0
"""How often the file is looked at for a change."""

_Stamp = tuple[int, int, int]


class AssetsEnricher:
    """Assets as evidence.

    The file is read again when it changes; a broken one leaves the old list in force.
    """

    name = "assets"

    def __init__(self, path: Path, clock: Clock, *, reload_s: float = RELOAD_S) -> None:
        """Read `path`, and look every `reload_s` seconds whether it changed."""
        self._path = path
        self._clock = clock
        self._reload_s = reload_s
        self._table = AssetTable()
        self._stamp: _Stamp | None = None
        self._loaded = 0.0
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        """What is wrong with the file now and what is done about it, in one line; empty while nothing is."""

    @property
    def rows(self) -> int:
        """Assets in force."""
        return self._table.rows

    @property
    def bad_rows(self) -> int:
        """Rows of the file in force that could not be used, wholly or in part."""
        return self._table.bad_rows

    @property
    def row_problems(self) -> Sequence[str]:
        """The first of them, one line each."""
        return self._table.problems

    async def start(self) -> None:
        """Load the list.

        Raises:
            EnrichmentError: the file can't be read or is no asset list.
        """
        try:
            self._take(*await asyncio.to_thread(self._load))
        except AssetFileError as error:
            raise EnrichmentError(f"enrichment.assets: {error}; mend the file or the path") from None
        self._task = asyncio.create_task(self._watch(), name="assets-reload")

    async def close(self) -> None:
        """Stop looking for changes."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def enrich_now(self, alert: Alert) -> Sequence[Finding]:
        """What is known of the alert's machines; an unknown machine says nothing."""
        findings: list[Finding] = []
        told: list[Asset] = []
        for field, asset, is_source in self._matches(alert):
            if any(asset is one for one in told) and not (is_source and asset.authorised_scanner):
                continue
            told.append(asset)
            findings.append(self._finding(field, asset, is_source))
        return _without_doubles(findings)

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        """The same; it never waits."""
        return self.enrich_now(alert)

    def _matches(self, alert: Alert) -> list[tuple[str, Asset, bool]]:
        """Each machine of the alert that is in the list: its field, its row, and whether it is the source."""
        head, table = alert.head, self._table
        looked_up = (
            ("device.hostname", table.by_name(alert.device_hostname or head.hostname), False),
            ("device.ip", table.by_ip(alert.device_ip), False),
            ("src_endpoint.ip", table.by_ip(alert.src.ip or head.src_ip), True),
            # A name is what the sender says it is; only the address makes it a trusted source.
            ("src_endpoint.hostname", table.by_name(alert.src.hostname), False),
            ("dst_endpoint.ip", table.by_ip(alert.dst.ip or head.dst_ip), False),
            ("dst_endpoint.hostname", table.by_name(alert.dst.hostname), False),
        )
        return [(field, asset, source) for field, asset, source in looked_up if asset is not None]

    def _finding(self, field: str, asset: Asset, is_source: bool) -> Finding:
        tags = [f"asset:{kind}" for kind, on in (("crown_jewel", asset.crown_jewel),) if on]
        weight, hard = 0, False
        if asset.crown_jewel:
            weight, hard = 2, True
        elif is_source and asset.authorised_scanner:
            # Only as the source: a scanner that is itself attacked or misused earns no trust.
            weight = -2
            tags.append("asset:authorised_scanner")
        elif asset.criticality.lower() == "critical":
            weight = 1
        if asset.criticality:
            tags.append(f"asset:criticality:{safe(asset.criticality.lower().replace(' ', '_'), 40)}")
        if asset.role:
            tags.append(f"asset:role:{safe(asset.role.lower().replace(' ', '_'), 40)}")
        return Finding(
            "asset",
            safe(describe(asset), 500),
            weight,
            hard,
            tuple(tags),
            "hit",
            max(0.0, self._clock.mono() - self._loaded),
            field,
        )

    # --- the file --------------------------------------------------------------------------------------

    def _load(self) -> tuple[AssetTable, _Stamp | None]:
        stamp = self._look()  # before reading: a change in between is then seen next time
        return load(self._path), stamp

    def _look(self) -> _Stamp | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)

    def _take(self, table: AssetTable, stamp: _Stamp | None) -> None:
        self._table, self._stamp = table, stamp
        self._loaded = self._clock.mono()
        self.problem = ""
        if table.bad_rows:
            first = table.problems[0] if table.problems else ""
            self.problem = f"assets: {table.bad_rows} rows of {self._path.name} are not usable ({first})"

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(self._reload_s)
            await self.reload()

    async def reload(self) -> bool:
        """Read the file again if it changed; True where a new list is in force."""
        stamp = await asyncio.to_thread(self._look)
        if stamp == self._stamp:
            return False
        try:
            self._take(*await asyncio.to_thread(self._load))
        except AssetFileError as error:
            self._stamp = stamp
            self.problem = (
                f"assets: {error}; the list of {self._table.rows} assets read before stays in force"
            )
            return False
        return True


def describe(asset: Asset) -> str:
    """One row as a sentence."""
    kind = " ".join(part for part in (asset.environment, asset.role) if part)
    name = asset.network if asset.network and not asset.hostname else asset.hostname
    if asset.network and asset.hostname:
        name = f"{asset.hostname} ({asset.network})"
    parts = [f"{name} is in the asset list" + (f" as {kind}" if kind else "")]
    if asset.owner:
        parts.append(f"owner {asset.owner}")
    if asset.criticality:
        parts.append(f"criticality {asset.criticality.replace('_', ' ')}")
    if asset.notes:
        parts.append(f"note: {asset.notes}")
    parts += [f"{key} {value}" for key, value in asset.extra[:4]]
    return ", ".join(parts)


def _without_doubles(findings: list[Finding]) -> list[Finding]:
    """Where the same machine is told twice, what its being the source adds wins."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        old = kept.get(finding.text)
        if old is None or finding.weight < old.weight:
            kept[finding.text] = finding
    return list(kept.values())
