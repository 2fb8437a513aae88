"""Doctor against a real Redis: each way a source can be wrong in its own words, and nothing consumed."""

import asyncio
import contextlib
import datetime
import itertools
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from redis.asyncio import Redis

from backend.settings import SourceConfig
from tests.support import eve
from tests.support.doctoring import check_source, steps
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer, start_redis

_NUMBERS = itertools.count()
ALERT = eve.lines([eve.alert(7, severity=1)]).rstrip()
UNTIL_KEY = [("address", "ok"), ("settings", "ok"), ("TCP", "ok"), ("login", "ok")]


def fresh() -> str:
    return f"doctor:{next(_NUMBERS)}"


@contextlib.asynccontextmanager
async def client(server: RedisServer) -> "AsyncIterator[Any]":
    redis = Redis(host=server.host, port=server.port)
    try:
        yield redis
    finally:
        await redis.aclose()


async def state(server: RedisServer, key: str) -> object:
    """All that reading could have changed."""
    async with client(server) as redis:
        names = sorted(await redis.keys("*"))
        kind = await redis.type(key)
        held = (
            await redis.xinfo_stream(key, full=True) if kind == b"stream" else await redis.lrange(key, 0, -1)
        )
        return names, kind, held


async def test_a_good_stream_is_read_at_its_end_and_nothing_is_consumed(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    key = fresh()
    async with client(redis_server) as redis:
        for _ in range(10):
            await redis.xadd(key, {"data": b"{}"})
        ident = await redis.xadd(key, {"data": ALERT})
        await redis.xgroup_create(key, "g", id="0")
        await redis.xreadgroup("g", "somebody", {key: ">"}, count=3)
    before = await state(redis_server, key)
    found = await check_source(tmp_path, f"{redis_server.url}/{key}?group=g")
    assert steps(found) == [*UNTIL_KEY, ("key", "ok"), ("group", "ok"), ("sample", "ok")]
    said = {check.check: check.found for check in found}
    assert said["group"].startswith("g: 8 of 11 entries wait, 3 more were handed out")
    assert said["sample"].startswith(f"entry {ident.decode()}: suricata_eve, High, lane high: TEST")
    assert await state(redis_server, key) == before
    other = await check_source(tmp_path, f"{redis_server.url}/{key}?group=other")
    assert (
        other[-2].found
        == "other does not exist yet (there are g): reading starts with the first of 11 entries"
    )
    assert await state(redis_server, key) == before


@pytest.mark.parametrize(("take", "push"), [("left", "rpush"), ("right", "lpush")])
async def test_a_list_is_read_at_the_end_it_grows_at(
    tmp_path: Path, redis_server: RedisServer, take: str, push: str
) -> None:
    key = fresh()
    async with client(redis_server) as redis:
        await getattr(redis, push)(key, b"rubbish", ALERT)
    before = await state(redis_server, key)
    found = await check_source(tmp_path, f"{redis_server.url}/{key}?take={take}")
    assert steps(found) == [*UNTIL_KEY, ("key", "ok"), ("group", "ok"), ("sample", "ok")]
    assert "2 items wait" in found[-2].found
    assert "suricata_eve" in found[-1].found
    assert await state(redis_server, key) == before


async def test_keys_that_are_wrong_missing_or_empty(tmp_path: Path, redis_server: RedisServer) -> None:
    key = fresh()
    async with client(redis_server) as redis:
        await redis.set(f"{key}:text", "x")
        await redis.xadd(f"{key}:alerts", {"data": b'{"event_type":"alert","alert":{"sig'})
        await redis.xadd(f"{key}:trimmed", {"data": b"x"}, maxlen=1)
        await redis.xtrim(f"{key}:trimmed", maxlen=0)
    wrong = await check_source(tmp_path, f"{redis_server.url}/{key}:text")
    assert (wrong[-1].check, wrong[-1].state, wrong[-1].found) == ("key", "failed", f"{key}:text is a string")
    missing = await check_source(tmp_path, f"{redis_server.url}/{key}:alrts")
    assert (missing[-1].check, missing[-1].state) == ("key", "warn")
    assert f"did you mean {key}:alerts?" in missing[-1].mend
    unreadable = await check_source(tmp_path, f"{redis_server.url}/{key}:alerts")
    assert (unreadable[-1].check, unreadable[-1].state) == ("sample", "failed")
    assert "JSON ends before it is complete" in unreadable[-1].found
    empty = await check_source(tmp_path, f"{redis_server.url}/{key}:trimmed")
    assert (empty[-1].check, empty[-1].state, "empty" in empty[-1].found) == ("sample", "warn", True)
    kind = await check_source(tmp_path, f"{redis_server.url}/{key}:alerts?type=list")
    assert (kind[-1].state, kind[-1].found) == ("failed", f"{key}:alerts is a stream, not a list")
    nothing = await check_source(tmp_path, f"{redis_server.url}/{key}:queue?type=list")
    assert steps(nothing)[-2:] == [("key", "ok"), ("sample", "warn")]
    async with client(redis_server) as redis:
        assert not await redis.exists(f"{key}:alrts", f"{key}:queue")


async def test_a_database_that_is_not_there(tmp_path: Path, redis_server: RedisServer) -> None:
    found = await check_source(tmp_path, f"{redis_server.url}/99/alerts")
    assert steps(found)[-1] == ("login", "failed")
    assert "database number" in found[-1].mend


@pytest.fixture(scope="module")
def guarded() -> Iterator[RedisServer]:
    with start_redis() as server:
        yield server


async def test_a_server_with_logins(
    tmp_path: Path, guarded: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(guarded) as redis:
        await redis.xadd("alerts", {"data": ALERT})
        await redis.acl_setuser(
            "ann", enabled=True, passwords=["+s3cret"], keys=["other:*"], commands=["+@all"]
        )
        await redis.config_set("requirepass", "hunter2")
    uri = f"{guarded.url}/alerts"
    nobody = await check_source(tmp_path, uri)
    assert steps(nobody)[-1] == ("login", "failed")
    assert "asks for a password" in nobody[-1].found
    assert "password_env" in nobody[-1].mend
    monkeypatch.setenv("REDIS_SECRET", "wrong")
    wrong = await check_source(tmp_path, SourceConfig(uri=uri, password_env="REDIS_SECRET"))
    assert steps(wrong)[-1] == ("login", "failed")
    assert "refuses the password" in wrong[-1].found
    monkeypatch.setenv("REDIS_SECRET", "hunter2")
    good = await check_source(tmp_path, SourceConfig(uri=uri, password_env="REDIS_SECRET"))
    assert steps(good)[-1] == ("sample", "ok")
    assert "hunter2" not in repr(good)
    monkeypatch.setenv("REDIS_SECRET", "s3cret")
    rights = await check_source(tmp_path, SourceConfig(uri=uri, username="ann", password_env="REDIS_SECRET"))
    assert steps(rights)[-1] == ("key", "failed")
    assert "ACL SETUSER" in rights[-1].mend


async def test_a_replica_is_not_enough(tmp_path: Path, redis_server: RedisServer) -> None:
    with start_redis() as replica:
        async with client(replica) as redis:
            await redis.replicaof(redis_server.host, redis_server.port)
        found = await check_source(tmp_path, f"{replica.url}/alerts")
    assert steps(found)[-1] == ("login", "failed")
    assert "is a replica" in found[-1].found


async def test_the_network_on_the_way_to_a_server(tmp_path: Path, redis_server: RedisServer) -> None:
    refused = await check_source(tmp_path, f"redis://127.0.0.1:{free_port()}/alerts")
    assert steps(refused)[-1] == ("TCP", "failed")
    assert "the connection is refused" in refused[-1].found
    unknown = await check_source(tmp_path, "redis://no-such-redis.invalid/alerts")
    assert steps(unknown)[-1] == ("DNS", "failed")
    async with TcpProxy(redis_server.host, redis_server.port) as proxy:
        proxy.blackhole = True
        silent = await check_source(tmp_path, f"redis://127.0.0.1:{proxy.port}/alerts")
        assert steps(silent)[-2:] == [("TCP", "ok"), ("login", "failed")]
        assert "no answer a Redis server would within 3 s" in silent[-1].found
        proxy.heal()
        proxy.refuse = True
        cut = await check_source(tmp_path, f"redis://127.0.0.1:{proxy.port}/alerts")
        assert steps(cut)[-1] == ("login", "failed")
        assert "tls = true" in cut[-1].mend


@contextlib.asynccontextmanager
async def tls_in_front(server: RedisServer, issued: trustme.LeafCert) -> AsyncIterator[int]:
    """A port that speaks TLS and passes on to a server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)

    async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while block := await source.read(65536):
            to.write(block)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(server.host, server.port)
        ways = [
            asyncio.ensure_future(pump(reader, there_writer)),
            asyncio.ensure_future(pump(there_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (there_writer, writer):
            end.transport.abort()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.sleep(0.05)  # the last connections see that their other end has gone


async def test_a_certificate_is_looked_at(tmp_path: Path, redis_server: RedisServer) -> None:
    key, authority, now = fresh(), trustme.CA(), datetime.datetime.now(datetime.UTC)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    async with client(redis_server) as redis:
        await redis.xadd(key, {"data": ALERT})

    async def look(issued: trustme.LeafCert, ca_file: str | None = str(ca)) -> "tuple[str, str, str, str]":
        async with tls_in_front(redis_server, issued) as port:
            found = await check_source(
                tmp_path, SourceConfig(uri=f"rediss://127.0.0.1:{port}/{key}", ca_file=ca_file)
            )
        tls = next(check for check in found if check.check == "TLS")
        return tls.state, tls.found, tls.mend, found[-1].check

    fine = authority.issue_cert("127.0.0.1", not_after=now + datetime.timedelta(days=90, hours=1))
    state, found, _, last = await look(fine)
    assert (state, last) == ("ok", "sample")
    assert "certificate verified for 127.0.0.1, valid until " in found
    assert "(90 days)" in found
    soon = authority.issue_cert("127.0.0.1", not_after=now + datetime.timedelta(days=5, hours=1))
    assert (await look(soon))[0::3] == ("warn", "sample")
    late = authority.issue_cert(
        "127.0.0.1", not_before=now - datetime.timedelta(days=9), not_after=now - datetime.timedelta(days=2)
    )
    state, found, mend, last = await look(late)
    assert (state, last, "expired" in found) == ("failed", "TLS", True)
    assert "renew" in mend
    state, found, mend, _ = await look(authority.issue_cert("elsewhere.example"))
    assert (state, "127.0.0.1" in found) == ("failed", True)
    assert "made out to" in mend
    state, _, mend, _ = await look(fine, None)
    assert (state, "ca_file" in mend) == ("failed", True)


async def test_tls_that_is_not_there(tmp_path: Path, redis_server: RedisServer) -> None:
    found = await check_source(tmp_path, f"rediss://127.0.0.1:{redis_server.port}/alerts")
    assert steps(found)[-1] == ("TLS", "failed")
    assert "speaks TLS" in found[-1].mend
