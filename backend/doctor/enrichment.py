"""What alerts are enriched with: files that are really read, databases that are really asked."""

import functools
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import maxminddb

from backend.clock import iso
from backend.doctor.report import Report, halves
from backend.doctor.threads import in_thread
from backend.enrichment.asset_table import AssetFileError, load
from backend.settings import EnrichmentConfig

OLD_DAYS = 180
"""Vendors publish GeoIP data every week; half a year on, many answers are wrong."""
DAY_MS = 86_400_000
SHOWN_PROBLEMS = 3
EXAMPLE = "8.8.8.8"
"""An address that every public database knows; where it does not, one of its own is asked for."""
_HOLDS = {
    "city": ("country", "registered_country", "city"),
    "country": ("country", "registered_country"),
    "asn": ("autonomous_system_number",),
}
"""Fields of a record, one of which must be there for what the file is configured as."""
_DISK = "look at the disk, or make the file smaller"

Part = tuple[str, Callable[[Report], Awaitable[None]]]


def parts(config: EnrichmentConfig) -> list[Part]:
    """What is configured."""
    found: list[Part] = []
    if config.assets.path is not None:
        found.append(("enrichment assets", functools.partial(_assets, path=Path(config.assets.path))))
    for kind in _HOLDS:
        path = getattr(config.geoip, kind)
        if path:
            look = functools.partial(_database, kind=kind, path=Path(path))
            found.append((f"enrichment geoip.{kind}", look))
    return found


async def _assets(report: Report, path: Path) -> None:
    try:
        async with report.within("file", f"{path} is not read through", _DISK):
            table = await in_thread(lambda: load(path.expanduser()))
    except AssetFileError as error:
        report.fail("file", *_said(error, f"correct the file or [enrichment.assets] path ({path})"))
    if table.bad_rows:
        first = "; ".join(table.problems[:SHOWN_PROBLEMS])
        found = f"{table.rows:,} rows usable, {table.bad_rows:,} not, wholly or in part: {first}"
        report.warn("rows", found, f"correct these lines of {path}; the others are used")
    elif not table.rows:
        report.warn("rows", f"{path} holds no asset", "add one row a host under the header")
    else:
        report.ok("rows", f"{table.rows:,} rows of {path}")


async def _database(report: Report, kind: str, path: Path) -> None:
    mend = f"name a MaxMind-format database (.mmdb) as [enrichment.geoip] {kind}, or fetch it again"
    try:
        async with report.within("file", f"{path} is not read", _DISK):
            about, record = await in_thread(lambda: _ask(path.expanduser()))
    except OSError as error:
        report.fail("file", f"{path}: {error.strerror or error}", mend)
    except Exception as error:  # noqa: BLE001 - damage shows as InvalidDatabaseError, Value, Type or Unicode errors
        report.fail("file", f"{path} is damaged or no such database: {error}", mend)
    age = (report.clock.wall_ms() - about.build_epoch * 1000) // DAY_MS
    found = f"{about.database_type}, made {iso(about.build_epoch * 1000)[:10]} ({age} days ago)"
    if age > OLD_DAYS:
        report.warn("file", found, "fetch a newer one: addresses change hands")
    else:
        report.ok("file", found)
    if not record:
        report.fail("look-up", f"{path} knows no address", mend)
    address, answer = record
    if not isinstance(answer, dict) or not any(key in answer for key in _HOLDS[kind]):
        wanted = " or ".join(_HOLDS[kind])
        mend = "see that each database stands under the key for what it holds: city, country or asn"
        report.fail("look-up", f"what it says of {address} holds no {wanted}", mend)
    report.ok("look-up", f"{address} was found")


def _ask(path: Path) -> tuple[Any, tuple[str, object] | None]:
    """What a database says of itself, and its answer about one address."""
    with maxminddb.open_database(path) as reader:
        about = reader.metadata()
        answer = reader.get(EXAMPLE)
        if answer is not None:
            return about, (EXAMPLE, answer)
        for network, record in itertools.islice(reader, 1):
            return about, (str(network.network_address), record)
        return about, None


def _said(error: object, mend: str) -> tuple[str, str]:
    found, said = halves(error)
    return found, said if said.startswith("the first line") else mend
