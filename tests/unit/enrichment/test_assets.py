"""The asset list: reading, look-ups, weights, reloading."""

import asyncio
import os
from pathlib import Path

import pytest

from backend.alerts.model import Alert, Endpoint, Head
from backend.alerts.text import safe
from backend.clock import SystemClock
from backend.enrichment.asset_table import AssetFileError, load
from backend.enrichment.assets import AssetsEnricher
from backend.enrichment.base import EnrichmentError, Finding

LIST = """Hostname,IP,Owner,Criticality,Role,Environment,Notes,Site
web-01.example.com,10.0.0.5,Shop team,high,web server,production,,Oslo
db-01,10.0.0.6;fd00::6,Payments,crown_jewel,database,production,card data,
scan-01,10.0.9.0/28,Security,low,Vulnerability Scanner,production,,
core,10.0.0.0/8,Networks,low,office network,,,
,192.0.2.7,Lab,critical,test bench,lab,,
"""


def alert(*, host: str = "", src: str = "", dst: str = "", src_name: str = "") -> Alert:
    head = Head(uid="1", format="ecs", time_ms=0, severity_id=3, title=safe("x"), hostname=safe(host))
    return Alert(
        head=head, raw=b"", src=Endpoint(ip=safe(src), hostname=safe(src_name)), dst=Endpoint(ip=safe(dst))
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "assets.csv"
    file.write_text(LIST, "utf-8")
    return file


async def started(path: Path, reload_s: float = 3600) -> AssetsEnricher:
    enricher = AssetsEnricher(path, SystemClock(), reload_s=reload_s)
    await enricher.start()
    return enricher


async def found(enricher: AssetsEnricher, one: Alert) -> list[Finding]:
    return list(await enricher.enrich(one))


async def test_role_owner_and_criticality(path: Path) -> None:
    assets = await started(path)
    (one,) = await found(assets, alert(host="WEB-01.example.com."))
    assert one.text == (
        "web-01.example.com is in the asset list as production web server, owner Shop team, "
        "criticality high, site Oslo"
    )
    assert (one.weight, one.hard, one.field, one.cache) == (0, False, "device.hostname", "hit")
    assert "asset:role:web_server" in one.tags
    (jewel,) = await found(assets, alert(dst="fd00::6"))
    assert (jewel.weight, jewel.hard, jewel.field) == (2, True, "dst_endpoint.ip")
    assert "asset:crown_jewel" in jewel.tags
    assert "criticality crown jewel" in jewel.text
    assert "note: card data" in jewel.text
    (bench,) = await found(assets, alert(src="192.0.2.7"))
    assert bench.weight == 1
    await assets.close()


async def test_short_and_full_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("hostname,owner\nweb.a.example,A\nweb.b.example,B\nmail,C\nfile.a.example,D\n", "utf-8")
    table = load(file)

    def owner(name: str) -> str:
        asset = table.by_name(name)
        return asset.owner if asset else ""

    assert [owner("web.b.example"), owner("file"), owner("mail.any.example")] == ["B", "D", "C"]
    assert [owner("web"), owner("file.b.example"), owner("none"), owner("")] == ["", "", "", ""]


async def test_the_narrowest_network_answers(path: Path) -> None:
    assets = await started(path)
    texts = [(await found(assets, alert(dst=ip)))[0].text for ip in ("10.0.0.5", "10.0.9.15", "10.0.9.16")]
    assert [text.split(" is ")[0] for text in texts] == [
        "web-01.example.com",
        "scan-01 (10.0.9.0/28)",
        "core (10.0.0.0/8)",
    ]
    await assets.close()


async def test_a_scanner_is_trusted_only_as_the_source_by_address(path: Path) -> None:
    assets = await started(path)
    (one,) = await found(assets, alert(src="10.0.9.3"))
    assert (one.weight, one.hard) == (-2, False)
    assert "asset:authorised_scanner" in one.tags
    for other in (alert(dst="10.0.9.3"), alert(host="scan-01"), alert(src_name="scan-01")):
        (plain,) = await found(assets, other)
        assert plain.weight == 0
        assert "asset:authorised_scanner" not in plain.tags
    both = await found(assets, alert(host="scan-01", src="10.0.9.3"))
    assert sum(one.weight for one in both) == -2
    await assets.close()


async def test_the_unknown_says_nothing_and_the_same_machine_is_told_once(path: Path) -> None:
    assets = await started(path)
    assert await found(assets, alert(host="nobody", src="203.0.113.1", dst="garbage")) == []
    assert await found(assets, alert()) == []
    assert len(await found(assets, alert(host="db-01", dst="10.0.0.6"))) == 1
    await assets.close()


async def test_bad_rows_are_counted_and_described(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(
        "hostname,ip,owner\nok,10.0.0.1,x\n,,nobody\nhalf,10.0.0.999,y\n,300.1.1.1,z\na,b,c,d,e\n\nshort\n",
        "utf-8",
    )
    assets = await started(file)
    assert (assets.rows, assets.bad_rows) == (3, 4)
    assert assets.row_problems[0] == "line 3: neither hostname nor ip"
    assert "line 4: '10.0.0.999'" in assets.row_problems[1]
    assert "5 cells under 3 columns" in assets.row_problems[3]
    assert "4 rows of a.csv are not usable" in assets.problem
    assert (await found(assets, alert(host="half")))[0].text.endswith("owner y")
    await assets.close()


def test_semicolons_byte_order_mark_and_hostile_cells(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("\ufeffOWNER;Hostname\r\n\x1b[2Jeve\u202e;h1\r\n".encode())
    asset = load(file).by_name("H1")
    assert asset
    assert "eve" in asset.owner
    assert asset.owner.isprintable()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no column named"),
        (b"name,address\na,b\n", "no column named"),
        (b"hostname\n\xff\xfe\n", "not UTF-8"),
        (b"hostname,ip\n,300.1.1.1\n", "none of 1 rows"),
    ],
)
async def test_what_is_no_asset_list_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(data)
    with pytest.raises(AssetFileError, match=why):
        load(file)
    with pytest.raises(EnrichmentError, match=r"enrichment\.assets: .*mend"):
        await started(file)
    with pytest.raises(EnrichmentError, match="No such file"):
        await started(tmp_path / "none.csv")


async def test_a_changed_file_is_read_and_a_broken_one_is_not_taken(path: Path) -> None:
    assets = await started(path, reload_s=0.02)

    async def until(wanted: str, problem: str) -> None:
        async with asyncio.timeout(20):
            while True:
                texts = [one.text for one in await found(assets, alert(host="db-01"))]
                if any(wanted in text for text in texts) and problem in assets.problem:
                    return
                await asyncio.sleep(0.01)

    path.write_text("hostname,owner\ndb-01,New owner\n", "utf-8")
    await until("New owner", "")
    path.write_bytes(b"\xff\xff")
    await until("New owner", "stays in force")
    path.unlink()
    await until("New owner", "No such file")
    path.write_text("hostname,owner\ndb-01,Third owner\n", "utf-8")
    await until("Third owner", "")
    assert assets.problem == ""
    await assets.close()


async def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    assets = await started(path)
    assert not await assets.reload()
    os.utime(path, ns=(1, 1))
    assert await assets.reload()
    assert not await assets.reload()
    await assets.close()
