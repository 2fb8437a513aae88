"""Place and network of addresses, from files written here and from MaxMind's own test files."""

import asyncio
import json
from pathlib import Path

import pytest

from backend.alerts.model import Alert, Endpoint, Head
from backend.alerts.text import safe
from backend.clock import SystemClock
from backend.enrichment.addresses import is_internal, is_routable
from backend.enrichment.base import EnrichmentError, Finding
from backend.enrichment.geoip import LOOK_EVERY_S, GeoipEnricher
from tests.corpus import CORPUS
from tests.support.mmdb import Value, write_mmdb

SWEDEN: Value = {
    "city": {"names": {"en": "Linköping"}},
    "country": {"iso_code": "SE", "names": {"en": "Sweden", "de": "Schweden"}},
}
EXAMPLE: Value = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}


def alert(src: str, dst: str = "") -> Alert:
    head = Head(uid="1", format="ecs", time_ms=0, severity_id=3, title=safe("x"), src_ip=safe(src))
    return Alert(head=head, raw=b"", src=Endpoint(ip=safe(src)), dst=Endpoint(ip=safe(dst)))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    city, country, asn = (tmp_path / f"{name}.mmdb" for name in ("city", "country", "asn"))
    write_mmdb(
        city,
        {
            "203.0.113.0/24": SWEDEN,
            "2001:db8::/32": {"country": {"iso_code": "NO"}},
            "198.51.100.0/25": {"city": "not a map", "country": ["neither"]},
            "10.0.0.0/8": SWEDEN,
            "192.0.2.0/24": {"country": {"names": {"en": "Evil\x1b]52;c;x\x07land"}}},
        },
    )
    write_mmdb(country, {"198.51.100.0/24": {"registered_country": {"names": {"en": "Norway"}}}})
    write_mmdb(asn, {"203.0.113.0/24": EXAMPLE, "198.51.100.128/25": {"autonomous_system_number": "64500"}})
    return city, country, asn


async def opened(city: Path | None, country: Path | None = None, asn: Path | None = None) -> GeoipEnricher:
    enricher = GeoipEnricher(SystemClock(), city=city, country=country, asn=asn)
    await enricher.start()
    return enricher


def texts(found: object) -> list[str]:
    assert isinstance(found, list | tuple)
    return [one.text for one in found if isinstance(one, Finding)]


async def test_place_and_network_of_both_ends(files: tuple[Path, Path, Path]) -> None:
    geo = await opened(*files)
    found = list(await geo.enrich(alert("203.0.113.9", "2001:db8::1")))
    assert texts(found) == [
        "203.0.113.9 is in Sweden (Linköping), AS64500 Example Net",
        "2001:db8::1 is in NO",
    ]
    assert [one.field for one in found] == ["src_endpoint.ip", "dst_endpoint.ip"]
    assert found[0].tags == ("geo:SE", "asn:64500")
    assert {one.weight for one in found} == {0}
    assert geo.problem == ""
    await geo.close()


async def test_what_is_not_there_or_not_of_the_right_type_is_silent(files: tuple[Path, Path, Path]) -> None:
    geo = await opened(*files)
    assert texts(await geo.enrich(alert("198.51.100.1"))) == ["198.51.100.1 is in Norway"]
    assert texts(await geo.enrich(alert("198.51.100.200"))) == ["198.51.100.200 is in Norway"]
    for ip in (
        "8.8.8.8",
        "",
        "no address",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "224.0.0.1",
        "0.0.0.0",
        "fe80::1%e",
    ):
        assert list(await geo.enrich(alert(ip))) == []
    await geo.close()


async def test_network_alone_and_hostile_text(files: tuple[Path, Path, Path]) -> None:
    city, _, asn = files
    geo = await opened(None, None, asn)
    assert texts(await geo.enrich(alert("203.0.113.9"))) == ["203.0.113.9 belongs to AS64500 Example Net"]
    geo = await opened(city)
    (text,) = texts(await geo.enrich(alert("192.0.2.1")))
    assert "\x1b" not in text
    assert text.isprintable()


async def test_answers_are_remembered(files: tuple[Path, Path, Path]) -> None:
    geo = await opened(files[0])
    first = list(await geo.enrich(alert("203.0.113.9")))
    await geo.close()  # from here on only memory can answer
    second = list(await geo.enrich(alert("203.0.113.9")))
    assert [one.cache for one in (*first, *second)] == ["miss", "hit"]
    assert texts(first) == texts(second)


async def test_a_missing_or_foreign_file_is_an_error_at_start(tmp_path: Path) -> None:
    other = tmp_path / "x.mmdb"
    other.write_bytes(b"not a database")
    for path in (tmp_path / "none.mmdb", other):
        with pytest.raises(EnrichmentError, match=r"enrichment\.geoip\.city.*mmdb"):
            await opened(path)


async def test_damage_that_shows_late_costs_only_the_answer(
    files: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    whole = files[0].read_bytes()
    broken = tmp_path / "broken.mmdb"
    at = whole.index(b"Sweden")
    # A pointer far outside the file where the country's name was.
    broken.write_bytes(whole[: at - 1] + b"\x38\xff\xff\xff\xff" + whole[at + 4 :])
    geo = await opened(broken, None, files[2])
    assert texts(await geo.enrich(alert("203.0.113.9"))) == ["203.0.113.9 belongs to AS64500 Example Net"]
    assert "broken.mmdb" in geo.problem
    assert "1 look-ups failed" in geo.problem


def test_inside_and_outside() -> None:
    assert [is_internal(ip) for ip in ("10.1.2.3", "172.31.0.1", "fd00::1", "100.64.0.1")] == [True] * 4
    assert [is_internal(ip) for ip in ("203.0.113.9", "172.32.0.1", "2001:db8::1")] == [False] * 3
    assert is_internal("x") is None
    assert not is_routable("255.255.255.255")
    assert is_routable("203.0.113.9")


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not there")
async def test_maxminds_own_expectations() -> None:
    assert CORPUS is not None
    folder = CORPUS / "geoip"
    geo = await opened(*(folder / f"GeoLite2-{name}-Test.mmdb" for name in ("City", "Country", "ASN")))
    checked = 0
    for entry in json.loads((folder / "source/GeoLite2-City-Test.json").read_text("utf-8")):
        for network, record in entry.items():
            ip = network.partition("/")[0]
            name = record.get("country", {}).get("names", {}).get("en")
            if not name or not is_routable(ip):
                continue
            (text,) = texts(await geo.enrich(alert(ip)))
            assert name in text
            checked += 1
    assert checked > 100
    assert geo.problem == ""
    await geo.close()


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not there")
async def test_damaged_files_never_raise() -> None:
    assert CORPUS is not None
    noticed = 0
    for path in sorted((CORPUS / "geoip/bad").glob("*.mmdb")):
        geo = await opened(path)
        for first in range(1, 224):
            for found in await geo.enrich(alert(f"{first}.1.1.0", f"2{first:x}::1")):
                assert found.text.isprintable()
        noticed += bool(geo.problem)
        await geo.close()
    assert noticed >= 1


class SteppedClock(SystemClock):
    """Real time, and as much more as the test has put on."""

    ahead_s = 0.0

    def mono(self) -> float:
        return super().mono() + self.ahead_s


class Watched:
    """An enricher whose file changes, and the clock it goes by."""

    def __init__(self, path: Path) -> None:
        self.clock = SteppedClock()
        self.geo = GeoipEnricher(self.clock, city=path)

    async def place(self) -> str:
        """What it says of one address."""
        (finding,) = await self.geo.enrich(alert("203.0.113.9"))
        return finding.text.removeprefix("203.0.113.9 is in ")

    async def later(self) -> str:
        """The same once it has had its time to look at the file and to take it up."""
        self.clock.ahead_s += LOOK_EVERY_S
        await self.place()
        async with asyncio.timeout(20):
            await self.geo._looking  # type: ignore[misc]  # just begun
        return await self.place()


def land(name: str, places: int = 1) -> dict[str, Value]:
    return {f"203.0.{113 + n}.0/24": {"country": {"names": {"en": name}}} for n in range(places)}


@pytest.mark.parametrize("in_place", [False, True], ids=["moved over it", "written over it"])
async def test_a_file_that_changes_is_taken_up(tmp_path: Path, in_place: bool) -> None:
    path, new = tmp_path / "city.mmdb", tmp_path / "new.mmdb"
    write_mmdb(path, land("Norway", 100))
    watched = Watched(path)
    await watched.geo.start()
    assert [await watched.place(), await watched.later()] == ["Norway", "Norway"]
    write_mmdb(new, land("Sweden"))
    if in_place:
        path.write_bytes(new.read_bytes())
    else:
        new.replace(path)
    assert await watched.place() == "Norway"  # not looked at before its time
    assert await watched.later() == "Sweden"
    assert watched.geo.problem == ""
    await watched.geo.close()


async def test_a_broken_new_file_leaves_the_old_one_in_use_and_is_said(tmp_path: Path) -> None:
    path, new = tmp_path / "city.mmdb", tmp_path / "new.mmdb"
    write_mmdb(path, land("Norway", 100))
    write_mmdb(new, land("Sweden", 100))
    whole = new.read_bytes()
    at = whole.index(b"Sweden")
    watched = Watched(path)
    await watched.geo.start()
    half, damaged = whole[: len(whole) // 2], whole[: at - 1] + b"\x38\xff\xff\xff\xff" + whole[at + 4 :]
    for broken in (half, b"", damaged):
        path.write_bytes(broken)  # also cuts off what was mapped of the file
        assert await watched.later() == "Norway"
        assert "the new city.mmdb can't be used" in watched.geo.problem
        assert "the one from before stays in use; replace it" in watched.geo.problem
    path.unlink()
    assert await watched.later() == "Norway"
    assert "No such file" in watched.geo.problem
    path.write_bytes(whole)
    assert await watched.later() == "Sweden"
    assert watched.geo.problem == ""
    await watched.geo.close()
