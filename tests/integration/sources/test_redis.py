"""The Redis source against a real server, with an intake that can be stuck or broken."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from backend.clock import SystemClock
from backend.sources.base import Source, SourceError
from backend.sources.registry import open_source
from tests.support.intake import FakeIntake, until
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer, start_redis

_NUMBERS = itertools.count()


def fresh() -> str:
    return f"alerts:{next(_NUMBERS)}"


@contextlib.asynccontextmanager
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    redis = Redis(host=server.host, port=server.port)
    try:
        yield redis
    finally:
        await redis.aclose()


async def add(server: RedisServer, key: str, values: list[bytes]) -> list[str]:
    async with client(server) as redis:
        pipeline = redis.pipeline(transaction=False)
        for value in values:
            pipeline.xadd(key, {"data": value})
        return [ident.decode() for ident in await pipeline.execute()]


async def pending(server: RedisServer, key: str) -> int:
    async with client(server) as redis:
        return int((await redis.xpending(key, "g"))["pending"])


@contextlib.asynccontextmanager
async def running(port: int, key: str, intake: FakeIntake, extra: str = "") -> AsyncIterator[Source]:
    source = open_source(f"redis://127.0.0.1:{port}/{key}?group=g{extra}", clock=SystemClock())
    task = asyncio.create_task(source.run(intake))
    try:
        yield source
    finally:
        if task.done():
            task.result()  # it was not to end: its own error says more than a wait that timed out
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def numbered(start: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


async def test_everything_arrives_once_in_order_and_is_acknowledged(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    idents = await add(redis_server, key, numbered(0, 5_000))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
        more = await add(redis_server, key, numbered(5_000, 10))
        await until(lambda: len(intake.records) == 5_010)
        await until(lambda: source.status().caught_up)
        status = source.status()
        assert (status.state, status.lag, status.records, status.detail) == ("live", 0, 5_010, "")
    assert intake.data() == numbered(0, 5_010)
    assert [record.offset for record in intake.records] == idents + more
    assert {record.partition for record in intake.records} == {key}
    assert await pending(redis_server, key) == 0


async def test_what_the_journal_does_not_hold_stays_pending_and_comes_again(
    redis_server: RedisServer,
) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, numbered(0, 300))
    intake.stored.clear()
    async with running(redis_server.port, key, intake):
        await until(lambda: bool(intake.batches))
        await asyncio.sleep(0.2)
        assert await pending(redis_server, key) == 300
    again = FakeIntake()
    again.fail = 1
    async with running(redis_server.port, key, again) as source:
        await until(lambda: "no space left" in source.status().detail)
        assert await pending(redis_server, key) == 300
        await until(lambda: source.status().caught_up)
    assert again.data() == numbered(0, 300)
    assert await pending(redis_server, key) == 0
    intake.stored.set()


async def test_entries_of_a_dead_consumer_are_taken_over(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, numbered(0, 50))
    async with client(redis_server) as redis:
        await redis.xgroup_create(key, "g", id="0")
        await redis.xreadgroup("g", "died", {key: ">"}, count=30)
    async with running(redis_server.port, key, intake, "&claim_idle_s=0.5") as source:
        await until(lambda: len(intake.records) == 50)
        await until(lambda: source.status().caught_up)
    assert sorted(intake.data()) == sorted(numbered(0, 50))
    assert await pending(redis_server, key) == 0


async def test_an_entry_that_nobody_survives_is_left_alone_and_said(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    idents = await add(redis_server, key, numbered(0, 3))
    async with client(redis_server) as redis:
        await redis.xgroup_create(key, "g", id="0")
        await redis.xreadgroup("g", "died", {key: ">"}, count=1)
        await redis.xclaim(key, "g", "died", 0, [idents[0]], idle=60_000, retrycount=11)
    async with running(redis_server.port, key, intake, "&claim_idle_s=0.5") as source:
        await until(lambda: len(intake.records) == 2)
        await until(lambda: "left pending" in source.status().detail)
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(1, 2)
    assert await pending(redis_server, key) == 1


async def test_a_patient_consumer_is_not_robbed(redis_server: RedisServer) -> None:
    """While its pipeline is stuck its entries stay its own, however long that lasts."""
    key, slow, other = fresh(), FakeIntake(), FakeIntake()
    await add(redis_server, key, numbered(0, 20))
    slow.stored.clear()
    async with running(redis_server.port, key, slow, "&consumer=slow&claim_idle_s=0.6") as first:
        await until(lambda: bool(slow.batches))
        async with running(redis_server.port, key, other, "&consumer=other&claim_idle_s=0.6"):
            await asyncio.sleep(2.0)
            slow.stored.set()
            await until(lambda: first.status().caught_up)
    assert slow.data() == numbered(0, 20)
    assert other.data() == []


async def test_a_stuck_pipeline_is_a_pause(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, [b"x" * 100] * 8_000)
    intake.room.clear()
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().state == "paused")
        assert await pending(redis_server, key) == 1_000
        intake.room.set()
        await until(lambda: source.status().caught_up)
    assert len(intake.records) == 8_000


async def test_a_server_that_comes_back_empty_is_said() -> None:
    key, intake = fresh(), FakeIntake()
    with start_redis() as server:
        await add(server, key, numbered(0, 100))
        async with running(server.port, key, intake) as source:
            await until(lambda: source.status().caught_up)
            server.kill()
            await until(lambda: source.status().state == "reconnecting", 5.0, "loss noticed")
            assert f"no Redis at 127.0.0.1:{server.port}" in source.status().detail
            server.start()
            await add(server, key, numbered(100, 20))
            await until(lambda: len(intake.records) == 120)
            await until(lambda: source.status().caught_up)
            assert "a gap is possible" in source.status().detail
            assert source.status().state == "live"
    assert intake.data() == numbered(0, 120)


async def test_a_server_that_kept_its_data_loses_nothing() -> None:
    key, intake = fresh(), FakeIntake()
    with start_redis(aof=True) as server:
        await add(server, key, numbered(0, 100))
        async with running(server.port, key, intake) as source:
            await until(lambda: source.status().caught_up)
            intake.stored.clear()
            await add(server, key, numbered(100, 20))
            await until(lambda: len(intake.batches) > 1)
            server.restart()
            intake.stored.set()
            await until(lambda: len(intake.records) == 120)
            await until(lambda: source.status().caught_up)
            assert source.status().detail == ""
        assert await pending(server, key) == 0
    assert intake.data() == numbered(0, 120)


async def test_a_server_that_stops_answering_is_noticed_within_five_seconds() -> None:
    key, intake = fresh(), FakeIntake()
    with start_redis() as server:
        await add(server, key, numbered(0, 10))
        async with running(server.port, key, intake) as source:
            await until(lambda: source.status().caught_up)
            server.freeze()
            await until(lambda: source.status().state == "reconnecting", 7.0, "silence noticed")
            server.thaw()
            await add(server, key, numbered(10, 10))
            await until(lambda: source.status().caught_up and len(intake.records) == 20)
    assert intake.data() == numbered(0, 20)


async def test_a_deleted_group_is_created_again_with_nothing_lost(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, numbered(0, 40))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
        async with client(redis_server) as redis:
            await redis.xgroup_destroy(key, "g")
        await add(redis_server, key, numbered(40, 40))
        await until(lambda: len(intake.records) == 80)
        await until(lambda: source.status().caught_up)
        assert "the group g was gone" in source.status().detail
    assert intake.data() == numbered(0, 80)


async def test_what_others_owed_when_the_group_was_deleted_is_read_again(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, numbered(0, 10))
    async with client(redis_server) as redis:
        await redis.xgroup_create(key, "g", id="0")
        await redis.xreadgroup("g", "died", {key: ">"}, count=5)
        async with running(redis_server.port, key, intake, "&claim_idle_s=60") as source:
            await until(lambda: len(intake.records) == 5)
            await until(lambda: source.status().lag == 5)
            await redis.xgroup_destroy(key, "g")
            await until(lambda: len(intake.records) == 10)
    assert sorted(intake.data()) == sorted(numbered(0, 10))


async def test_resets_and_cuts_on_the_way(redis_server: RedisServer, tcp_proxy: type[TcpProxy]) -> None:
    key, intake = fresh(), FakeIntake()
    await add(redis_server, key, numbered(0, 3_000))
    async with tcp_proxy(redis_server.host, redis_server.port) as proxy:
        proxy.cut_after(20_000)
        async with running(proxy.port, key, intake) as source:
            await until(lambda: len(intake.records) == 3_000)
            for turn in range(3):
                proxy.reset()
                await add(redis_server, key, numbered(3_000 + turn, 1))
                await until(lambda wanted=3_001 + turn: len(intake.records) == wanted)
            await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 3_003)
    assert await pending(redis_server, key) == 0


async def test_a_key_that_is_no_stream_ends_it_in_words(redis_server: RedisServer) -> None:
    async with client(redis_server) as redis:
        await redis.set("plain", "x")
    source = open_source(f"redis://127.0.0.1:{redis_server.port}/plain", clock=SystemClock())
    with pytest.raises(SourceError, match="plain is no stream"):
        await source.run(FakeIntake())
