import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.actions.base import Parcel, Sink, SinkError
from backend.actions.file import FileSink
from backend.actions.registry import open_sink
from backend.clock import SystemClock
from backend.journal import outcomes
from backend.journal.store import Journal
from backend.pipeline import outbox as module
from backend.pipeline.outbox import Outbox
from tests.support.intake import until
from tests.unit.pipeline.builders import entry, open_journal, result, stored


class Recorder:
    """A sink that fails as told, and takes whole batches or nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[str] = []
        self.tries = 0
        self.fail: Exception | None = None
        self.hang = False

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        self.tries += 1
        if self.hang:
            await asyncio.sleep(3600)
        if self.fail is not None:
            raise self.fail
        self.got.extend(parcel.key for parcel in parcels)

    async def close(self) -> None:
        pass


@asynccontextmanager
async def running(journal: Journal, *sinks: Sink) -> AsyncIterator[Outbox]:
    outbox = Outbox(journal, {sink.name: sink for sink in sinks}, SystemClock())
    task = asyncio.create_task(outbox.run())
    try:
        yield outbox
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.02)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with open_journal(tmp_path) as opened:
        yield opened


async def owe(journal: Journal, keys: Sequence[str], sinks: Sequence[str], first: int = 0) -> None:
    ids = await stored(journal, [entry(first + n) for n in range(len(keys))])
    for alert_id, key in zip(ids, keys, strict=True):
        deliveries = [outcomes.Delivery(sink, f"{key}:{sink}", key.encode()) for sink in sinks]
        put = functools.partial(
            outcomes.put_result, alert_id=alert_id, result=result(), deliveries=deliveries
        )
        await (await journal.write(put))


async def left(journal: Journal, sink: str) -> int:
    return len(await journal.read(lambda reader: reader.owed([sink])))


async def test_what_is_owed_is_delivered_in_order_and_forgotten(journal: Journal) -> None:
    sink = Recorder("a")
    await owe(journal, ["k1", "k2"], ["a"])
    async with running(journal, sink) as outbox:
        await until(lambda: outbox.empty, 20)
        assert sink.got == ["k1:a", "k2:a"]
        await owe(journal, ["k3"], ["a"], first=2)
        outbox.kick()
        assert not outbox.empty
        await until(lambda: outbox.empty, 20)
    assert sink.got == ["k1:a", "k2:a", "k3:a"]
    assert await left(journal, "a") == 0


@pytest.mark.parametrize("error", [SinkError("sink a: refused; start it"), KeyError("a bug of its own")])
async def test_a_failing_sink_is_told_of_tried_again_and_holds_up_nobody(
    journal: Journal, error: Exception
) -> None:
    bad, good = Recorder("a"), Recorder("b")
    bad.fail = error
    await owe(journal, ["k1", "k2"], ["a", "b"])
    async with running(journal, bad, good) as outbox:
        await until(lambda: len(good.got) == 2 and bad.tries >= 3, 20)
        assert list(outbox.trouble) == ["a"]
        assert ("start it" in outbox.trouble["a"]) == isinstance(error, SinkError)
        assert not outbox.empty
        bad.fail = None
        await until(lambda: outbox.empty, 20)
    assert bad.got == ["k1:a", "k2:a"]
    assert outbox.trouble == {}


async def test_a_sink_that_hangs_holds_up_nobody_and_is_cut_off(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELIVERY_TIMEOUT_S", 0.1)
    stuck, good = Recorder("a"), Recorder("b")
    stuck.hang = True
    await owe(journal, ["k1"], ["a", "b"])
    async with running(journal, stuck, good) as outbox:
        await until(lambda: len(good.got) == 1 and "a" in outbox.trouble, 20)
        assert "no answer" in outbox.trouble["a"]
        stuck.hang = False
        await until(lambda: outbox.empty, 20)
    assert stuck.got == ["k1:a"]


async def test_deliveries_survive_a_restart(journal: Journal) -> None:
    bad = Recorder("a")
    bad.fail = SinkError("down")
    await owe(journal, ["k1"], ["a"])
    async with running(journal, bad):
        await until(lambda: bad.tries > 0, 20)
    again = Recorder("a")
    async with running(journal, again) as outbox:
        await until(lambda: outbox.empty, 20)
    assert again.got == ["k1:a"]


async def test_without_sinks_nothing_is_owed(journal: Journal) -> None:
    outbox = Outbox(journal, {}, SystemClock())
    outbox.kick()
    assert outbox.empty


async def test_the_file_sink_appends_whole_lines(tmp_path: Path) -> None:
    sink = open_sink(f"file://{tmp_path}/new%20folder/out.ndjson")
    assert isinstance(sink, FileSink)
    await sink.deliver([Parcel("k1", b'{"n":1}'), Parcel("k2", b'{"n":2}')])
    await sink.deliver([Parcel("k3", b'{"n":3}')])
    assert (tmp_path / "new folder/out.ndjson").read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'


async def test_the_file_sink_says_what_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match=r"taken/out.*(Not a directory|File exists)"):
        await FileSink(tmp_path / "taken" / "out").deliver([Parcel("k", b"{}")])


def test_an_unknown_kind_of_sink_is_refused_in_a_line() -> None:
    with pytest.raises(SinkError, match=r"smtp.*known are file"):
        open_sink("smtp://mail.example")
