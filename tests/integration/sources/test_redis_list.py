"""Redis lists as a reliable queue, against a real server, with an intake that can be stuck or broken."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from backend.clock import SystemClock
from backend.sources.base import Source, SourceError
from backend.sources.registry import open_source, open_target
from tests.support.intake import FakeIntake, until
from tests.support.proxy import TcpProxy
from tests.support.redis_server import RedisServer, start_redis

_NUMBERS = itertools.count()


def fresh() -> str:
    return f"queue:{next(_NUMBERS)}"


@contextlib.asynccontextmanager
async def client(server: RedisServer) -> AsyncIterator[Any]:
    redis = Redis(host=server.host, port=server.port)
    try:
        yield redis
    finally:
        await redis.aclose()


@contextlib.asynccontextmanager
async def running(port: int, key: str, intake: FakeIntake, extra: str = "") -> AsyncIterator[Source]:
    source = open_source(f"redis://127.0.0.1:{port}/{key}?consumer=w{extra}", clock=SystemClock())
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


async def push(server: RedisServer, key: str, values: list[bytes]) -> None:
    async with client(server) as redis:
        await redis.rpush(key, *values)


async def held(server: RedisServer, key: str) -> tuple[int, int]:
    """How much waits in the list, and in the processing list."""
    async with client(server) as redis:
        return await redis.llen(key), await redis.llen(f"{key}:watchfloor:w")


async def test_a_list_is_known_by_its_type_and_emptied_once_in_order(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 5_000))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
        await push(redis_server, key, numbered(5_000, 1))  # the list was gone: one blocking move
        await until(lambda: len(intake.records) == 5_001)
        await until(lambda: source.status().caught_up)
        status = source.status()
        assert (status.state, status.lag, status.records, status.detail) == ("live", 0, 5_001, "")
    assert intake.data() == numbered(0, 5_001)
    assert [record.offset for record in intake.records] == list(range(5_001))
    assert await held(redis_server, key) == (0, 0)


async def test_pushed_on_the_left_and_taken_on_the_right(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    target = open_target(f"redis://127.0.0.1:{redis_server.port}/{key}?type=list&take=right")
    await target.open()
    await target.send(numbered(0, 700))
    await target.close()
    async with running(redis_server.port, key, intake, "&type=list&take=right") as source:
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 700)


async def test_the_target_pushes_to_a_key_that_is_a_list(redis_server: RedisServer) -> None:
    key = fresh()
    await push(redis_server, key, [b"first"])
    target = open_target(f"redis://127.0.0.1:{redis_server.port}/{key}")
    await target.open()
    await target.send([b"second", b"third"])
    await target.close()
    async with client(redis_server) as redis:
        assert await redis.lrange(key, 0, -1) == [b"first", b"second", b"third"]
    with pytest.raises(SourceError, match="maxlen"):
        open_target(f"redis://h/{key}?type=list&maxlen=5")


async def test_what_the_journal_does_not_hold_stays_in_redis(redis_server: RedisServer) -> None:
    """Killed before the commit: 300 pushed, 300 stored by the next run, none twice."""
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 300))
    intake.stored.clear()
    async with running(redis_server.port, key, intake):
        await until(lambda: bool(intake.batches))
        await asyncio.sleep(0.2)
        assert sum(await held(redis_server, key)) == 300
    again = FakeIntake()
    again.fail = 1
    async with running(redis_server.port, key, again) as source:
        await until(lambda: "no space left" in source.status().detail)
        assert sum(await held(redis_server, key)) == 300
        await until(lambda: source.status().caught_up)
    assert again.data() == numbered(0, 300)
    assert again.duplicates == 0
    assert await held(redis_server, key) == (0, 0)
    intake.stored.set()


async def test_killed_between_the_commit_and_the_cut_nothing_comes_twice(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 100))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
    async with client(redis_server) as redis:
        # As a kill would leave it: the journal holds records 100 to 139, the list was not cut yet.
        state = f"{key}:watchfloor:w:state"
        epoch = (await redis.hget(state, "epoch")).decode()
        await redis.rpush(f"{key}:watchfloor:w", *numbered(100, 60))
        intake.set_position(source.name, f"{key}/w#{epoch}", 140)
        async with running(redis_server.port, key, intake) as again:
            await until(lambda: again.status().caught_up)
        assert await redis.hget(state, "taken") == b"160"
    assert intake.data() == numbered(0, 100) + numbered(140, 20)


async def test_a_server_that_went_back_in_time_hides_no_new_item(redis_server: RedisServer) -> None:
    """Restored from an old snapshot, the counter would give old numbers to new items."""
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 100))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
    async with client(redis_server) as redis:
        await redis.hset(f"{key}:watchfloor:w:state", "taken", 20)
    await push(redis_server, key, numbered(100, 50))
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
        assert "came back with an older state" in source.status().detail
    assert intake.data() == numbered(0, 150)


async def test_stopped_again_and_again_loses_and_doubles_nothing(redis_server: RedisServer) -> None:
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 6_000))
    intake.commit_s = 0.02
    for turn in range(1, 5):
        async with running(redis_server.port, key, intake):
            await until(lambda wanted=turn * 900: len(intake.records) > wanted)
    async with running(redis_server.port, key, intake) as source:
        await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 6_000)


async def test_a_server_that_comes_back_empty_is_said() -> None:
    key, intake = fresh(), FakeIntake()
    with start_redis() as server:
        await push(server, key, numbered(0, 100))
        async with running(server.port, key, intake) as source:
            await until(lambda: source.status().caught_up)
            server.kill()
            await until(lambda: source.status().state == "reconnecting", 5.0, "loss noticed")
            server.start()
            await push(server, key, numbered(100, 20))
            await until(lambda: len(intake.records) == 120)
            await until(lambda: source.status().caught_up)
            assert "a gap is possible" in source.status().detail
    assert intake.data() == numbered(0, 120)
    assert intake.duplicates == 0


async def test_a_server_emptied_under_a_live_reader_doubles_nothing(redis_server: RedisServer) -> None:
    with start_redis() as server:
        key, intake = fresh(), FakeIntake()
        await push(server, key, numbered(0, 50))
        async with running(server.port, key, intake) as source, client(server) as redis:
            await until(lambda: source.status().caught_up)
            await redis.flushall()
            await push(server, key, numbered(50, 50))
            await until(lambda: len(intake.records) == 100)
            await until(lambda: source.status().caught_up)
            assert "a gap is possible" in source.status().detail
        assert intake.data() == numbered(0, 100)
        assert intake.duplicates == 0


async def test_a_server_that_kept_its_data_loses_nothing() -> None:
    key, intake = fresh(), FakeIntake()
    with start_redis(aof=True) as server:
        await push(server, key, numbered(0, 100))
        async with running(server.port, key, intake) as source:
            await until(lambda: source.status().caught_up)
            intake.stored.clear()
            await push(server, key, numbered(100, 20))
            await until(lambda: len(intake.batches) > 1)
            server.restart()
            intake.stored.set()
            await until(lambda: len(intake.records) == 120)
            await until(lambda: source.status().caught_up)
            assert source.status().detail == ""
    assert intake.data() == numbered(0, 120)


async def test_resets_and_cuts_on_the_way(redis_server: RedisServer, tcp_proxy: type[TcpProxy]) -> None:
    key, intake = fresh(), FakeIntake()
    await push(redis_server, key, numbered(0, 3_000))
    async with tcp_proxy(redis_server.host, redis_server.port) as proxy:
        proxy.cut_after(20_000)
        async with running(proxy.port, key, intake, "&type=list") as source:
            await until(lambda: len(intake.records) == 3_000)
            for turn in range(3):
                proxy.reset()
                await push(redis_server, key, numbered(3_000 + turn, 1))
                await until(lambda wanted=3_001 + turn: len(intake.records) == wanted)
            await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 3_003)
    assert intake.duplicates == 0


async def test_a_second_worker_of_the_same_name_ends_the_first_in_words(redis_server: RedisServer) -> None:
    key, one, two = fresh(), FakeIntake(), FakeIntake()
    uri = f"redis://127.0.0.1:{redis_server.port}/{key}?type=list&consumer=w"
    first = open_source(uri, clock=SystemClock())
    running_first = asyncio.create_task(first.run(one))
    await until(lambda: first.status().caught_up)
    async with running(redis_server.port, key, two, "&type=list") as second:
        await until(lambda: second.status().caught_up)
        await push(redis_server, key, numbered(0, 500))
        with pytest.raises(SourceError, match="a consumer= of its own"):
            for _ in range(500):
                if running_first.done():
                    break
                await push(redis_server, key, numbered(1_000, 1))
                await asyncio.sleep(0.02)
            await running_first
        await until(lambda: second.status().caught_up)
    both = set(one.data()) | set(two.data())
    assert both >= set(numbered(0, 500))


async def test_two_workers_share_and_what_a_dead_one_holds_is_said(redis_server: RedisServer) -> None:
    key, one, two = fresh(), FakeIntake(), FakeIntake()
    two.stored.clear()
    await push(redis_server, key, numbered(0, 3_000))
    port = redis_server.port
    async with running(port, key, two, "-2&claim_idle_s=1"):  # takes a batch and is killed with it
        await until(lambda: bool(two.batches))
    async with running(port, key, one, "&claim_idle_s=1") as source:
        await until(lambda: source.status().caught_up)
        await until(lambda: "whose worker is gone" in source.status().detail)
        assert f"{key}:watchfloor:w-2" in source.status().detail
    two.stored.set()
    late = FakeIntake()
    async with running(port, key, late, "-2") as source:
        await until(lambda: source.status().caught_up)
    assert sorted(one.data() + late.data()) == sorted(numbered(0, 3_000))


async def test_a_key_of_another_type_ends_it_in_words(redis_server: RedisServer) -> None:
    key = fresh()
    async with client(redis_server) as redis:
        await redis.set(key, "x")
    source = open_source(f"redis://127.0.0.1:{redis_server.port}/{key}?type=list", clock=SystemClock())
    with pytest.raises(SourceError, match="is no list"):
        await source.run(FakeIntake())


async def test_a_server_that_stands_still_for_20_s_is_noticed_and_survived() -> None:
    """A list and a stream side by side, in the middle of their work."""
    listed, streamed = FakeIntake(), FakeIntake()
    key, stream = fresh(), f"{fresh()}:stream"
    with start_redis() as server:
        async with client(server) as redis:
            for n in range(100):
                await redis.xadd(stream, {"data": b'{"n":%d}' % n})
        await push(server, key, numbered(0, 4_000))
        listed.commit_s = 0.2
        async with (
            running(server.port, key, listed) as one,
            running(server.port, stream, streamed) as two,
        ):
            await until(lambda: len(listed.records) > 100 and len(streamed.records) == 100)
            server.freeze()
            began = time.monotonic()
            for source in (one, two):
                await until(lambda s=source: s.status().state == "reconnecting", 9.0, "silence noticed")
            assert time.monotonic() - began < 5.5  # 4 s on a quiet machine
            await asyncio.sleep(20.0 - (time.monotonic() - began))
            assert "reconnecting" in {one.status().state, two.status().state}
            server.thaw()
            await until(lambda: one.status().caught_up and two.status().caught_up, 30.0, "caught up")
    assert listed.data() == numbered(0, 4_000)
    assert streamed.data() == numbered(0, 100)
    assert listed.duplicates == streamed.duplicates == 0
