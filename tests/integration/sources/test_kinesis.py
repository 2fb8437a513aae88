"""The Kinesis source and target over HTTP: against moto, and against a server that fails as Kinesis does."""

import sys
from collections import defaultdict
from collections.abc import Iterator

import pytest

from backend.alerts.model import Record
from backend.clock import SystemClock
from backend.sources.base import SourceError
from backend.sources.kinesis_client import KinesisClient
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source, open_target
from backend.sources.uri import parse_address
from tests.support.intake import FakeIntake, until
from tests.support.kinesis import FakeKinesis, start_moto
from tests.support.listening import running
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy

LOGIN = SourceOptions(username="AKIATEST", password="secret")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with start_moto() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls as often as loopback can take."""
    monkeypatch.setattr("backend.sources.kinesis_shard.BUSY_S", 0.01)
    monkeypatch.setattr("backend.sources.kinesis_shard.IDLE_S", 0.05)
    monkeypatch.setattr("backend.sources.kinesis_session.DISCOVER_EVERY_S", 0.5)


def address(endpoint: str, stream: str = "alerts", extra: str = "") -> str:
    return f"kinesis://eu-west-1/{stream}?endpoint={endpoint}{extra}"


def numbered(start: int, count: int) -> list[bytes]:
    return [b'{"n":%d,"host":"h%d"}' % (n, n % 7) for n in range(start, start + count)]


def key_of(data: bytes) -> bytes:
    return data.rpartition(b":")[2]


def in_order_by_key(records: list[Record]) -> bool:
    """Whether the records of each key came in the order in which they were written."""
    by_key: dict[bytes | None, list[int]] = defaultdict(list)
    for record in records:
        by_key[record.key].append(int(record.data.split(b":")[1].split(b",")[0]))
    return all(numbers == sorted(numbers) for numbers in by_key.values())


def fill(server: FakeKinesis, start: int, count: int) -> None:
    for data in numbered(start, count):
        server.put(key_of(data).decode(), data)


async def create(endpoint: str, stream: str, shards: int) -> KinesisClient:
    client = KinesisClient(parse_address(address(endpoint, stream)), LOGIN)
    await client.open()
    await client.call("create_stream", StreamName=stream, ShardCount=shards)
    return client


async def test_moto_everything_arrives_once_and_a_restart_goes_on(moto: str) -> None:
    client = await create(moto, "alerts", 3)
    intake = FakeIntake()
    target = open_target(address(moto, extra="&key=host"), options=LOGIN)
    await target.open()
    await target.send(numbered(0, 1_200))
    async with running(address(moto), intake, LOGIN) as source:
        await until(lambda: source.status().caught_up and len(intake.records) == 1_200)
        status = source.status()
        assert (status.state, status.lag, status.detail) == ("live", 0, "")
    await target.send(numbered(1_200, 300))
    async with running(address(moto), intake, LOGIN) as source:
        await until(lambda: source.status().caught_up and len(intake.records) == 1_500)
    await target.close()
    assert sorted(intake.data()) == sorted(numbered(0, 1_500))
    assert intake.duplicates == 0
    assert in_order_by_key(intake.records)
    assert len({record.partition for record in intake.records}) == 3
    client.close()


async def test_moto_a_stream_that_was_split_is_read_to_its_tip(moto: str) -> None:
    """moto ends no closed shard, so that it is closed has to be seen in the list of shards."""
    client = await create(moto, "growing", 1)
    target = open_target(address(moto, "growing", "&key=host"), options=LOGIN)
    await target.open()
    await target.send(numbered(0, 200))
    await target.close()
    parent = {"StreamName": "growing", "ShardToSplit": "shardId-000000000000"}
    await client.call("split_shard", **parent, NewStartingHashKey=str(2**127))
    client.close()
    intake = FakeIntake()
    async with running(address(moto, "growing"), intake, LOGIN) as source:
        await until(lambda: source.status().caught_up)  # the children are read too
    assert intake.data() == numbered(0, 200)


async def test_parents_before_children_through_splits_and_merges() -> None:
    intake = FakeIntake()
    intake.commit_s = 0.05
    async with FakeKinesis(shards=2) as server:
        fill(server, 0, 3_000)
        server.split("shardId-000000000000")
        fill(server, 3_000, 1_000)
        async with running(address(server.endpoint), intake, LOGIN, live=False) as source:
            await until(lambda: len(intake.records) > 1_500)
            server.merge("shardId-000000000003", "shardId-000000000001")
            fill(server, 4_000, 1_000)
            await until(lambda: source.status().caught_up and len(intake.records) == 5_000)
            assert source.status().detail == ""
        async with running(address(server.endpoint), intake, LOGIN) as source:
            fill(server, 5_000, 100)
            await until(lambda: source.status().caught_up and len(intake.records) == 5_100)
    assert sorted(intake.data()) == sorted(numbered(0, 5_100))
    assert intake.duplicates == 0
    assert in_order_by_key(intake.records)
    assert {record.partition[-1] for record in intake.records} == {"0", "1", "2", "3", "4"}


async def test_expired_iterators_and_throttling_lose_and_double_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.sources.kinesis_session.DISCOVER_EVERY_S", 60.0)
    intake = FakeIntake()
    async with FakeKinesis(shards=2) as server:
        fill(server, 0, 4_000)
        async with running(address(server.endpoint), intake, LOGIN, live=False) as source:
            for wanted in (500, 1_500, 2_500):
                await until(lambda wanted=wanted: len(intake.records) > wanted)
                server.expire()
            server.throttle = 6
            fill(server, 4_000, 500)
            await until(lambda: "Kinesis throttles us" in source.status().detail)
            assert source.status().state == "lagging"
            await until(lambda: source.status().caught_up and len(intake.records) == 4_500)
            assert source.status().detail == ""
            assert server.calls.count("ListShards") == 1  # nothing was built anew
    assert sorted(intake.data()) == sorted(numbered(0, 4_500))
    assert intake.duplicates == 0
    assert in_order_by_key(intake.records)


async def test_killed_before_the_commit_it_reads_again_from_the_journals_place() -> None:
    intake = FakeIntake()
    async with FakeKinesis() as server:
        fill(server, 0, 300)
        intake.stored.clear()
        async with running(address(server.endpoint), intake, LOGIN, live=False) as source:
            await until(lambda: bool(intake.batches))
            assert not source.status().caught_up
        again = FakeIntake()
        again.fail = 1
        async with running(address(server.endpoint), again, LOGIN, live=False) as source:
            await until(lambda: "no space left" in source.status().detail)
            await until(lambda: source.status().caught_up)
    assert again.data() == numbered(0, 300)
    intake.stored.set()


async def test_a_stuck_pipeline_is_a_pause() -> None:
    intake = FakeIntake()
    intake.room.clear()
    async with FakeKinesis() as server:
        fill(server, 0, 5_000)
        async with running(address(server.endpoint), intake, LOGIN, live=False) as source:
            await until(lambda: source.status().state == "paused")
            assert server.calls.count("GetRecords") == 1
            server.expire()  # it was longer than five minutes
            intake.room.set()
            await until(lambda: source.status().caught_up)
    assert intake.data() == numbered(0, 5_000)


async def test_a_lost_and_a_silent_endpoint_are_noticed_and_survived(tcp_proxy: type[TcpProxy]) -> None:
    intake = FakeIntake()
    async with FakeKinesis() as server, tcp_proxy("127.0.0.1", server.port) as proxy:
        proxy.refuse = True
        fill(server, 0, 2_000)
        uri = address(f"http://127.0.0.1:{proxy.port}")
        async with running(uri, intake, LOGIN, live=False) as source:
            await until(lambda: source.status().state == "reconnecting", 6.0, "nobody there")
            proxy.heal()
            await until(lambda: source.status().caught_up and len(intake.records) == 2_000)
            proxy.blackhole = True
            await until(lambda: source.status().state == "reconnecting", 7.0, "silence noticed")
            proxy.heal()
            proxy.reset()
            fill(server, 2_000, 500)
            await until(lambda: source.status().caught_up and len(intake.records) == 2_500)
    assert intake.data() == numbered(0, 2_500)
    assert intake.duplicates == 0


async def test_a_stream_created_anew_is_said_and_read_from_its_beginning() -> None:
    intake = FakeIntake()
    async with FakeKinesis() as server:
        fill(server, 0, 100)
        async with running(address(server.endpoint), intake, LOGIN) as source:
            await until(lambda: len(intake.records) == 100)
            server.recreate()
            fill(server, 100, 50)
            await until(lambda: len(intake.records) == 150)
            assert "a gap is possible" in source.status().detail
    assert intake.data() == numbered(0, 150)


async def test_what_waiting_does_not_mend_ends_it_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = FakeIntake()
    async with FakeKinesis() as server:
        for uri, refuse, words in [
            (address(server.endpoint, "alrets"), "", "no stream alrets"),
            (address(server.endpoint), "AccessDeniedException", "refuses the login"),
            (address("nonsense"), "", "nonsense"),
        ]:
            server.refuse = refuse
            with pytest.raises(SourceError, match=words) as caught:
                await open_source(uri, clock=SystemClock(), options=LOGIN).run(intake)
            assert "\n" not in str(caught.value)
            with pytest.raises(SourceError):
                await open_target(uri, options=LOGIN).open()
    with pytest.raises(SourceError, match="access key id and secret"):
        open_source(address("http://h"), clock=SystemClock(), options=SourceOptions(username="x"))
    for module in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(SourceError, match=r"pip install 'watchfloor\[kinesis\]'"):
        await open_source(address("http://h"), clock=SystemClock(), options=LOGIN).run(intake)


async def test_the_target_sends_again_what_was_not_taken() -> None:
    async with FakeKinesis(shards=2) as server:
        target = open_target(address(server.endpoint, extra="&key=host"), options=LOGIN)
        await target.open()
        server.fail_puts = 400
        sent = [*numbered(0, 1_200), b"no json"]
        await target.send(sent)
        await target.send([b"x" * 1_000_000] * 6)  # more than one call may hold
        await target.close()
        records = server.records()
    assert sorted(data for _, data in records[:1_201]) == sorted(sent)
    assert {key for key, data in records if data != b"no json" and data[:1] != b"x"} == {
        f"h{n}" for n in range(7)
    }
    assert [len(data) for _, data in records[1_201:]] == [1_000_000] * 6
    assert server.calls.count("PutRecords") >= 5


async def test_a_target_without_an_endpoint_says_so() -> None:
    target = open_target(address(f"http://127.0.0.1:{free_port()}"), options=LOGIN)
    with pytest.raises(SourceError, match="no Kinesis"):
        await target.open()
