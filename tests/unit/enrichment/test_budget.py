"""All enrichers inside one budget."""

import asyncio
from collections.abc import Sequence

import pytest

from backend.alerts.model import Alert, Head
from backend.alerts.text import safe
from backend.clock import LoopClock, SystemClock
from backend.enrichment.base import Enricher, Finding
from backend.enrichment.budget import LATE_LIMIT_S, Gathered, Tally, gather

ALERT = Alert(head=Head(uid="1", format="ecs", time_ms=0, severity_id=3, title=safe("x")), raw=b"")


class Fake:
    """Answers after a time, or with an error."""

    def __init__(self, name: str, after: float = 0.0, error: Exception | None = None) -> None:
        self.name = name
        self._after = after
        self._error = error
        self.calls = 0
        self.cancelled = False

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        self.calls += 1
        try:
            if self._after:
                await asyncio.sleep(self._after)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self._error:
            raise self._error
        return [Finding("related", safe(f"{self.name} of {alert.head.uid}"))]


class Quick(Fake):
    """Answers from memory, unless told that it can't."""

    known = True

    def enrich_now(self, alert: Alert) -> Sequence[Finding] | None:
        if self._error:
            raise self._error
        return [Finding("related", safe(f"{self.name} at once"))] if self.known else None


async def run(*enrichers: Enricher, budget_s: float = 0.1, tally: Tally | None = None) -> Gathered:
    return await gather(enrichers, ALERT, clock=SystemClock(), budget_s=budget_s, tally=tally)


async def test_all_answer() -> None:
    got = await run(Fake("a"), Fake("b", 0.01), Quick("c"), budget_s=5)
    assert list(got.findings) == ["a", "b", "c"]
    assert [one.text for one in got.all()] == ["a of 1", "b of 1", "c at once"]
    assert (got.missing, got.late, got.failed) == ((), [], {})
    assert set(got.took_ms) == {"a", "b", "c"}
    assert got.took_ms["b"] >= 5


async def test_they_run_side_by_side() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    got = await run(*(Fake(str(n), 0.3) for n in range(8)), budget_s=5)
    assert len(got.findings) == 8
    assert loop.time() - start < 1.5


async def test_what_is_late_is_named_and_joins_later() -> None:
    tally = Tally()
    got = await run(Fake("slow", 0.3), Fake("fast"), budget_s=0.05, tally=tally)
    assert list(got.findings) == ["fast"]
    assert got.missing == ("slow",)
    assert tally.hanging["slow"] == 1
    (task,) = got.late
    answer = await task
    assert (answer.name, answer.findings[0].text, answer.error) == ("slow", "slow of 1", "")
    await asyncio.sleep(0)
    assert (tally.late["slow"], tally.hanging["slow"], tally.answered["slow"]) == (1, 0, 1)


async def test_one_that_raises_is_named_and_counted() -> None:
    tally = Tally()
    bad = Fake("bad", error=ValueError("no\nsuch thing"))
    got = await run(bad, Quick("worse", error=KeyError("x")), Fake("good"), tally=tally)
    assert got.failed == {"bad": "ValueError: no such thing", "worse": "KeyError: 'x'"}
    assert got.missing == ("bad", "worse")
    assert list(got.findings) == ["good"]
    assert got.late == []
    assert tally.failed == {"bad": 1, "worse": 1}
    assert tally.answered == {"good": 1}


async def test_one_that_fails_late_never_raises() -> None:
    tally = Tally()
    got = await run(Fake("bad", 0.1, ValueError("x")), budget_s=0.01, tally=tally)
    assert got.missing == ("bad",)
    assert (await got.late[0]).error == "ValueError: x"
    await asyncio.sleep(0)
    assert tally.failed["bad"] == 1


async def test_an_answer_from_memory_needs_no_task() -> None:
    quick = Quick("q")
    before = asyncio.all_tasks()
    got = await run(quick)
    assert got.findings
    assert quick.calls == 0
    assert asyncio.all_tasks() == before
    quick.known = False
    assert (await run(quick)).all()[0].text == "q of 1"
    assert quick.calls == 1


async def test_an_enricher_that_hangs_is_passed_over_until_it_ends() -> None:
    tally = Tally(max_late=2)
    hanging = Fake("h", 0.3)
    for _ in range(5):
        got = await run(hanging, budget_s=0.005, tally=tally)
        assert got.missing == ("h",)
    assert hanging.calls == 2
    assert tally.passed_over["h"] == 3
    async with asyncio.timeout(20):
        while tally.hanging["h"]:
            await asyncio.sleep(0.02)
    assert (await run(hanging, budget_s=5, tally=tally)).findings


async def test_cancelling_cancels_what_it_started() -> None:
    slow = Fake("slow", 30)
    task = asyncio.create_task(run(slow, budget_s=20))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert slow.cancelled


async def test_nobody_to_ask() -> None:
    assert await run() == Gathered({}, (), [], {}, {})


class _VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._offset = 0.0

    def time(self) -> float:
        return super().time() + self._offset

    def jump(self, seconds: float) -> None:
        self._offset += seconds


def test_budget_and_limit_follow_the_clock_they_are_given() -> None:
    loop = _VirtualLoop()
    endless = Fake("endless", 1e6)

    async def scenario() -> tuple[Gathered, float]:
        clock = LoopClock(asyncio.get_running_loop())
        work = asyncio.create_task(gather([endless], ALERT, clock=clock, budget_s=3600))
        while not endless.calls:
            await asyncio.sleep(0)
        assert not work.done()
        loop.jump(3600)
        got = await asyncio.wait_for(work, 20)
        loop.jump(LATE_LIMIT_S + 1)
        answer = await asyncio.wait_for(got.late[0], 20)
        assert answer.error.startswith("TimeoutError")
        return got, answer.took_ms

    try:
        got, took_ms = loop.run_until_complete(scenario())
    finally:
        loop.close()
    assert got.missing == ("endless",)
    assert took_ms >= 3_600_000
    assert endless.cancelled
