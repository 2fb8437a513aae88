"""The limits around providers that behave in every way one can."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest

from backend.clock import SystemClock
from backend.providers.base import Chunk, Ended, Message, ModelRequest, Outcome, Text, Usage
from backend.providers.limits import Limits, limited

QUESTION = ModelRequest("", (Message("user", "?"),))
DONE = Ended(Outcome("complete"), Usage(3, 4))
WIDE = Limits(first_token_s=5, idle_s=5, total_s=5)


class FakeProvider:
    """Runs a generator function as its stream and notes when that was closed."""

    provider = "fake"
    model = "fake-1"

    def __init__(self, script: Callable[[], AsyncGenerator[Chunk, None]]) -> None:
        self._script = script
        self.closed = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        try:
            async for chunk in self._script():
                yield chunk
        finally:
            self.closed += 1

    async def close(self) -> None:
        pass


async def hear(script: Callable[[], AsyncGenerator[Chunk, None]], limits: Limits = WIDE) -> list[Chunk]:
    provider = FakeProvider(script)
    chunks = [chunk async for chunk in limited(provider, QUESTION, limits=limits, clock=SystemClock())]
    assert provider.closed == 1
    assert sum(isinstance(chunk, Ended) for chunk in chunks) == 1
    return chunks


def outcome(chunks: list[Chunk]) -> Outcome:
    assert isinstance(chunks[-1], Ended)
    return chunks[-1].outcome


async def test_all_well_passes_through() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield Text("a")
        yield Text("b")
        yield DONE

    assert await hear(script) == [Text("a"), Text("b"), DONE]


async def test_nothing_comes_after_the_end() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield DONE
        yield Text("late")

    assert await hear(script) == [DONE]


async def test_slow_but_steady_is_not_idle() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        for _ in range(6):
            await asyncio.sleep(0.1)
            yield Text("x")
        yield DONE

    chunks = await hear(script, Limits(first_token_s=0.5, idle_s=0.5, total_s=5))
    assert outcome(chunks).kind == "complete"


async def test_first_token() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        await asyncio.sleep(30)
        yield Text("x")

    found = outcome(await hear(script, Limits(first_token_s=0.05, idle_s=9, total_s=9)))
    assert (found.kind, found.retryable, found.detail) == ("idle", True, "no first token within 0.05 s")


async def test_idle_counts_from_the_last_text() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield Text("x")
        await asyncio.sleep(30)

    chunks = await hear(script, Limits(first_token_s=9, idle_s=0.05, total_s=9))
    assert chunks[0] == Text("x")
    assert outcome(chunks).detail == "no more text within 0.05 s"


async def test_total() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        while True:
            await asyncio.sleep(0.01)
            yield Text("x")

    chunks = await hear(script, Limits(first_token_s=9, idle_s=9, total_s=0.2))
    assert outcome(chunks).kind == "deadline"
    assert Text("x") in chunks


async def test_total_ends_a_stream_that_never_waits() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        while True:
            yield Text("x")

    assert outcome(await hear(script, Limits(first_token_s=9, idle_s=9, total_s=0.1))).kind == "deadline"


async def test_a_slow_consumer_is_not_the_vendors_silence() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield Text("x")
        await asyncio.sleep(0.01)
        yield DONE

    limits = Limits(first_token_s=0.3, idle_s=0.3, total_s=9)
    heard = []
    async for chunk in limited(FakeProvider(script), QUESTION, limits=limits, clock=SystemClock()):
        heard.append(chunk)
        await asyncio.sleep(0.5)
    assert heard == [Text("x"), DONE]


@pytest.mark.parametrize("wrong", [RuntimeError("boom"), TimeoutError("its own"), KeyError("x")], ids=repr)
async def test_a_provider_that_raises(wrong: Exception) -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield Text("x")
        raise wrong

    chunks = await hear(script)
    assert chunks[0] == Text("x")
    found = outcome(chunks)
    assert (found.kind, found.error_class) == ("error", "protocol")
    assert type(wrong).__name__ in found.detail


async def test_a_provider_that_stops_without_an_end() -> None:
    async def script() -> AsyncGenerator[Chunk, None]:
        yield Text("x")

    found = outcome(await hear(script))
    assert (found.kind, found.error_class) == ("error", "protocol")


async def test_a_provider_that_cannot_even_begin() -> None:
    class Broken(FakeProvider):
        def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
            raise ValueError("no")

    broken = Broken(lambda: FakeProvider(lambda: None).stream(QUESTION))  # type: ignore[arg-type,return-value]  # never called
    chunks = [chunk async for chunk in limited(broken, QUESTION, limits=WIDE, clock=SystemClock())]
    assert [type(chunk) for chunk in chunks] == [Ended]
    assert outcome(chunks).error_class == "protocol"


async def test_a_stream_that_will_not_close_is_left() -> None:
    closing = asyncio.Event()

    class Stuck(AsyncIterator[Chunk]):
        usage = Usage(7, 8)

        async def __anext__(self) -> Chunk:
            return DONE

        async def aclose(self) -> None:
            closing.set()
            await asyncio.sleep(60)

    class StuckProvider(FakeProvider):
        def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:  # type: ignore[override]  # any iterator will do
            return Stuck()

    stuck = StuckProvider(lambda: None)  # type: ignore[arg-type,return-value]  # never called
    chunks = [chunk async for chunk in limited(stuck, QUESTION, limits=WIDE, clock=SystemClock())]
    assert closing.is_set()
    assert chunks == [DONE]


async def test_usage_is_told_by_a_stream_that_was_cut_short() -> None:
    class Counting(AsyncIterator[Chunk]):
        usage = Usage(7, 8)

        async def __anext__(self) -> Chunk:
            await asyncio.sleep(60)
            return DONE

    class CountingProvider(FakeProvider):
        def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:  # type: ignore[override]  # any iterator will do
            return Counting()

    provider = CountingProvider(lambda: None)  # type: ignore[arg-type,return-value]  # never called
    limits = Limits(0.05, 9, 9)
    (last,) = [chunk async for chunk in limited(provider, QUESTION, limits=limits, clock=SystemClock())]
    assert isinstance(last, Ended)
    assert last.usage == Usage(7, 8)


async def endless() -> AsyncGenerator[Chunk, None]:
    yield Text("x")
    await asyncio.sleep(60)


async def test_closing_closes_the_provider() -> None:
    provider = FakeProvider(endless)
    async with contextlib.aclosing(limited(provider, QUESTION, limits=WIDE, clock=SystemClock())) as chunks:
        await anext(chunks)
        assert provider.closed == 0
    assert provider.closed == 1


async def test_cancelling_is_not_swallowed_and_closes_the_provider() -> None:
    provider = FakeProvider(endless)
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in limited(provider, QUESTION, limits=WIDE, clock=SystemClock()):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.closed == 1


async def test_a_cancellation_that_falls_together_with_a_limit_stays_one() -> None:
    async def stubborn() -> AsyncGenerator[Chunk, None]:
        try:
            await asyncio.sleep(60)
        finally:  # takes its time to end, in which the consumer is cancelled as well
            task.cancel()
            await asyncio.sleep(0)
        yield DONE

    async def consume() -> None:
        async for _ in limited(
            FakeProvider(stubborn), QUESTION, limits=Limits(0.05, 9, 9), clock=SystemClock()
        ):
            pass

    task = asyncio.create_task(consume())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_provider_that_swallows_its_cancellation() -> None:
    async def deaf() -> AsyncGenerator[Chunk, None]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        yield Text("late")
        await asyncio.sleep(60)

    chunks = await hear(deaf, Limits(0.05, 0.05, 9))
    assert chunks[0] == Text("late")
    assert outcome(chunks).detail == "no more text within 0.05 s"
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_a_limit_leaves_the_consumer_uncancelled_and_no_task_behind() -> None:
    for _ in range(3):
        assert outcome(await hear(endless, Limits(9, 0.02, 9))).kind == "idle"
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {current}


async def test_limits_hold_in_simulated_time() -> None:
    """A minute of silence and an hour of dripping, on a clock that jumps from timer to timer."""

    class Jumping(SystemClock):
        now = 0.0

        def mono(self) -> float:
            return self.now

        async def sleep(self, seconds: float) -> None:
            self.now += seconds
            await asyncio.sleep(0)

    clock = Jumping()

    async def drip() -> AsyncGenerator[Chunk, None]:
        while True:
            await clock.sleep(5)
            yield Text("x")

    limits = Limits(first_token_s=60, idle_s=60, total_s=3600)
    chunks = [c async for c in limited(FakeProvider(drip), QUESTION, limits=limits, clock=clock)]
    assert outcome(chunks).kind == "deadline"
    assert len(chunks) > 50
