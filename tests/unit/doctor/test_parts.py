"""Journal, enrichment, sinks, listeners and the configuration as a whole."""

import asyncio
import socket
import sqlite3
from pathlib import Path

import pytest
import trustme

from backend.doctor import Check
from backend.journal.store import Journal
from backend.settings import AssetsConfig, GeoipConfig, Settings, SinkConfig, SourceConfig
from tests.support.doctoring import check_source, checks, settings_for, steps
from tests.support.mmdb import Value, write_mmdb
from tests.support.ports import free_port

CITY: Value = {"country": {"iso_code": "NL", "names": {"en": "Netherlands"}}}


async def one(settings: Settings, subject: str) -> Check:
    return (await checks(settings, subject))[-1]


async def test_a_journal_that_is_not_there_in_use_whole_and_damaged(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "demo:")
    none = await checks(settings, "journal")
    assert {check.state for check in none if check.check != "free space"} == {"ok"}
    assert "made at the first start" in none[0].found
    assert not (tmp_path / "home").exists()
    path = tmp_path / "home" / "journal.db"
    journal = Journal(path)
    await asyncio.to_thread(journal.open)
    used = await checks(settings, "journal")
    assert next(check for check in used if check.check == "in use").found.startswith("by process ")
    assert {check.state for check in used if check.check != "free space"} == {"ok"}
    await asyncio.to_thread(journal.close)
    before = sorted(entry.name for entry in path.parent.iterdir())
    whole = await checks(settings, "journal")
    assert (whole[-2].found, whole[-1].state) == ("by nobody", "ok")
    assert whole[-1].found.endswith("whole")
    assert sorted(entry.name for entry in path.parent.iterdir()) == before
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    damaged = await one(settings, "journal")
    assert (damaged.check, damaged.state) == ("journal", "failed")
    assert "damaged" in damaged.found
    assert "move it aside" in damaged.mend
    path.write_bytes(b"no journal at all")
    assert "is no journal" in (await one(settings, "journal")).found


async def test_a_home_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    found = await one(settings_for(tmp_path, "demo:"), "journal")
    assert (found.check, found.state) == ("home", "failed")
    assert "$WATCHFLOOR_HOME" in found.mend


async def test_a_journal_after_a_crash_is_not_called_damaged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    connection = sqlite3.connect(home / "journal.db")
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (x)")
    connection.commit()  # its log is left beside it while the connection lives
    try:
        found = await one(settings_for(tmp_path, "demo:"), "journal")
    finally:
        connection.close()
    assert (found.check, found.state) == ("journal", "ok")
    assert "checked when watchfloor starts" in found.found


async def test_assets_are_read_row_by_row(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "demo:")
    path = tmp_path / "assets.csv"
    settings.enrichment.assets = AssetsConfig(path=str(path))
    missing = await one(settings, "enrichment assets")
    assert (missing.state, "No such file" in missing.found) == ("failed", True)
    path.write_text("hostname,ip\nweb-01,198.51.100.7\nweb-02,not-an-address\n")
    bad = await one(settings, "enrichment assets")
    assert bad.state == "warn"
    assert "2 rows usable, 1 not" in bad.found
    assert "line 3" in bad.found
    path.write_text("hostname,ip\nweb-01,198.51.100.7\n")
    good = await one(settings, "enrichment assets")
    assert (good.state, good.found) == ("ok", f"1 rows of {path}")
    path.write_text("a,b\n1,2\n")
    wrong = await one(settings, "enrichment assets")
    assert wrong.state == "failed"
    assert "no column named hostname or ip" in wrong.found
    assert "hostname,ip,owner" in wrong.mend


async def test_databases_are_really_asked(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "demo:")
    path = tmp_path / "city.mmdb"
    settings.enrichment.geoip = GeoipConfig(city=str(path))
    assert (await one(settings, "enrichment geoip.city")).state == "failed"
    write_mmdb(path, {"203.0.113.0/24": CITY})
    good = await checks(settings, "enrichment geoip.city")
    assert (good[-1].check, good[-1].state) == ("look-up", "ok")
    assert "203.0.113.0" in good[-1].found
    assert "made 2026-01-01" in good[0].found
    settings.enrichment.geoip = GeoipConfig(asn=str(path))
    swapped = await one(settings, "enrichment geoip.asn")
    assert swapped.state == "failed"
    assert "autonomous_system_number" in swapped.found
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\xff" * 60 + whole[100:])
    settings.enrichment.geoip = GeoipConfig(city=str(path))
    damaged = await one(settings, "enrichment geoip.city")
    assert damaged.state == "failed"
    path.write_bytes(b"rubbish")
    assert "no such database" in (await one(settings, "enrichment geoip.city")).found


async def test_sinks_are_tried_and_leave_nothing_behind(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "demo:")
    settings.sinks = [SinkConfig(uri=f"file://{tmp_path}/out/verdicts.ndjson")]
    later = await one(settings, "sink")
    assert (later.state, "made with the first delivery" in later.found) == ("ok", True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    good = await one(settings, "sink")
    assert (good.state, good.found) == ("ok", f"{tmp_path}/out can be written to")
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "out" / "verdicts.ndjson").mkdir()
    assert "is a folder" in (await one(settings, "sink")).found
    settings.sinks = [SinkConfig(uri="file:///proc/self/verdicts.ndjson")]
    refused = await one(settings, "sink")
    assert (refused.check, refused.state) == ("folder", "failed")
    assert refused.mend
    settings.sinks = [SinkConfig(uri="gopher://x/y")]
    unknown = await one(settings, "sink")
    assert (unknown.check, unknown.state) == ("address", "failed")


@pytest.mark.parametrize("kind", ["http", "syslog"])
async def test_a_listener_finds_its_port_free_or_taken(tmp_path: Path, kind: str) -> None:
    port = free_port()
    uri = f"{kind}://127.0.0.1:{port}"
    free = await check_source(tmp_path, uri)
    assert {check.state for check in free} == {"ok"}
    with socket.create_server(("127.0.0.1", port)):
        taken = await check_source(tmp_path, uri)
    assert steps(taken)[-1] == ("port", "failed")
    assert "another program has it" in taken[-1].found
    assert str(port) in taken[-1].mend
    again = await check_source(tmp_path, uri)
    assert steps(again) == steps(free)


async def test_a_syslog_port_whose_datagrams_go_elsewhere_is_taken(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        taken = await check_source(tmp_path, f"syslog://127.0.0.1:{port}")
    assert steps(taken)[-2:] == [("port", "ok"), ("port", "failed")]
    assert "UDP" in taken[-1].found


async def test_an_address_of_another_machine_and_an_open_port_without_a_token(tmp_path: Path) -> None:
    port = free_port()
    away = await check_source(tmp_path, f"http://192.0.2.1:{port}/in")
    assert (away[-1].check, away[-1].state) == ("port", "failed")
    assert "no address of this machine" in away[-1].found
    open_to_all = await check_source(tmp_path, f"http://0.0.0.0:{port}/in")
    assert (open_to_all[-1].check, open_to_all[-1].state) == ("token", "warn")
    (tmp_path / "token").write_text("s3cret")
    config = SourceConfig(uri=f"http://0.0.0.0:{port}/in", password_file=str(tmp_path / "token"))
    closed = await check_source(tmp_path, config)
    assert (closed[-1].check, closed[-1].state) == ("token", "ok")
    assert "s3cret" not in repr(closed)


async def test_a_listeners_certificate_is_loaded(tmp_path: Path) -> None:
    cert, key, other = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "other.pem"))
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    authority.issue_cert("localhost").private_key_pem.write_to_path(other)
    uri = f"https://127.0.0.1:{free_port()}/in"
    good = await check_source(tmp_path, SourceConfig(uri=uri, cert_file=cert, key_file=key))
    assert ("TLS", "ok") in steps(good)
    wrong = await check_source(tmp_path, SourceConfig(uri=uri, cert_file=cert, key_file=other))
    assert steps(wrong)[-1] == ("TLS", "failed")
    assert "can't be used" in wrong[-1].found


async def test_parts_are_told_in_order_and_one_that_is_slow_or_broken_holds_up_no_other(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path, "kafka://127.0.0.1:1/a", "demo:", f"file://{tmp_path}/none")
    subjects = list(dict.fromkeys(check.subject for check in await checks(settings, "")))
    assert subjects == [
        "config",
        "journal",
        "source kafka://127.0.0.1:1/a",
        "source demo:",
        f"source file://{tmp_path}/none",
    ]
