"""Two models side by side: who is shown, who wins, and what the loser leaves behind."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from backend.analysis.breaker import COOL_OFF_S, SLOW
from backend.analysis.model import Analysis, AttemptEnded, AttemptStarted, Delta, VerdictReady
from backend.analysis.race import LOST
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Text, Usage
from backend.providers.prices import Price
from tests.unit.analysis.builders import (
    COMPLETE,
    NARRATIVE,
    OVERLOADED,
    RESET,
    FakeClock,
    FakeModel,
    Rig,
    answer,
    line,
)

PRICE = Price(10.0, 50.0, 1.0, 12.5, known=True)
HALF = line()[:100]
"""Its first fact can be read, its verdict is not whole."""


class HeldClock(FakeClock):
    """Sleeping lasts until the test says that its time is over."""

    def __init__(self) -> None:
        super().__init__()
        self.sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        entry = (self.now + seconds, over)
        self.sleepers.append(entry)
        try:
            await over.wait()
        finally:
            self.sleepers.remove(entry)

    async def after(self, seconds: float) -> None:
        await settle()
        self.pass_s(seconds)
        for due, over in self.sleepers:
            if due <= self.now:
                over.set()
        await settle()


class Told(FakeModel):
    """Writes what the test tells it to, when it tells it."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self._queue: asyncio.Queue[Chunk] = asyncio.Queue()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        try:
            while True:
                yield await self._queue.get()
        finally:
            self.closed += 1

    async def says(self, text: str) -> None:
        self._queue.put_nowait(Text(text))
        await settle()

    async def ends(self, outcome: Outcome = COMPLETE) -> None:
        self._queue.put_nowait(Ended(outcome, Usage(100, 50)))
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Course:
    """A race with two or three models under the test's hand."""

    def __init__(self, *names: str, **options: object) -> None:
        self.models = [Told(name) for name in names]
        self.clock = HeldClock()
        self.rig = Rig(*self.models, price=PRICE, clock=self.clock, **{"hedge_after_s": 2.0, **options})  # type: ignore[arg-type]  # options pass through by name
        self.task: asyncio.Task[Analysis] | None = None

    async def begin(self, lane: str = "critical", **fields: object) -> None:
        self.task = asyncio.create_task(self.rig.run(lane=lane, left_s=60.0, **fields))
        await settle()

    async def done(self) -> Analysis:
        assert self.task is not None
        return await asyncio.wait_for(self.task, 20)

    def began(self) -> list[tuple[str, int]]:
        return [(e.model, e.number) for e in self.rig.events if isinstance(e, AttemptStarted)]

    def ended(self) -> list[tuple[str, str]]:
        return [(e.model, e.outcome) for e in self.rig.events if isinstance(e, AttemptEnded)]

    def text(self) -> str:
        return "".join(e.text for e in self.rig.events if isinstance(e, Delta))


async def test_while_the_first_is_quick_nobody_else_is_asked() -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin()
    await course.clock.after(1.9)
    await first.says("{")
    await course.clock.after(30.0)
    await first.says(answer()[1:])
    await first.ends()
    analysis = await course.done()
    assert (analysis.model, analysis.degraded, analysis.attempts) == ("best", False, ())
    assert second.requests == []
    assert course.clock.sleepers == [], "the watch has ended"


async def test_the_second_starts_when_the_first_is_slow_and_wins_unseen() -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    assert len(second.requests) == 1
    assert course.began() == [("best", 1)], "a runner with nothing to show is not shown"
    await second.says(answer())
    assert first.closed == 1, "the loser's connection is closed at once"
    await second.ends()
    analysis = await course.done()
    assert (analysis.model, analysis.degraded, analysis.partial) == ("fast", True, False)
    assert [(a.model, a.error) for a in analysis.attempts] == [("fake:best", LOST)]
    assert course.began() == [("best", 1), ("fast", 1)], "a change before the first content is unseen"
    assert course.ended() == [("fast", "complete")]


async def test_the_losers_cost_is_booked_and_counted_and_its_breaker_says_nothing() -> None:
    course = Course("best", "fast", slots=1)
    first, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    await second.says(answer())
    await second.ends()
    analysis = await course.done()
    settled = {entry.model: entry for entry in course.rig.entries if entry.settled}
    assert settled["fake:best"].outcome == "cancelled"
    assert settled["fake:best"].estimated
    assert settled["fake:best"].usd > 0
    assert (settled["fake:best"].kind, settled["fake:fast"].kind) == ("analysis", "hedge")
    assert analysis.cost_usd == pytest.approx(sum(entry.usd for entry in settled.values()))
    for _ in range(SLOW - 2):
        await outrun(course)
    assert first.closed == len(first.requests) == SLOW - 1, "its slot was free each time"
    assert course.rig.rungs[0].breaker.state == "ready"


async def outrun(course: Course, silent_s: float = 2.0) -> Analysis:
    """One race that the second model wins, while the first says nothing."""
    await course.begin()
    await course.clock.after(silent_s)
    await course.models[1].says(answer())
    await course.models[1].ends()
    return await course.done()


async def test_a_model_that_only_hangs_is_left_alone_after_a_few_races_and_tried_by_one_probe() -> None:
    course = Course("best", "fast")
    first, second = course.models
    breaker = course.rig.rungs[0].breaker
    for _ in range(SLOW):
        await outrun(course)
    assert breaker.state == "cooling"
    assert breaker.detail.startswith("silent for 2 s while another model answered; next try in")
    await course.begin()
    await second.says(answer())  # nobody waits for the first any more
    await second.ends()
    analysis = await course.done()
    assert (analysis.model, len(first.requests)) == ("fast", SLOW)
    assert "cooling: silent for 2 s" in analysis.attempts[0].error
    course.clock.pass_s(COOL_OFF_S * 1.2)
    await outrun(course)
    assert len(first.requests) == SLOW + 1
    assert breaker.blocked(), "a probe that is outrun in silence has failed"
    course.clock.pass_s(COOL_OFF_S * 2 * 1.2)
    await course.begin()
    await first.says(answer())
    await first.ends()
    assert (await course.done()).model == "best"
    assert breaker.detail == "", "it is back"


async def test_a_model_that_had_begun_to_write_or_wrote_in_between_is_not_slow() -> None:
    course = Course("best", "fast")
    first, second = course.models
    for _ in range(SLOW + 1):
        await course.begin()
        await course.clock.after(2.0)
        await first.says("{")
        await second.says(answer())
        await second.ends()
        assert (await course.done()).model == "fast"
    for _ in range(SLOW - 1):
        await outrun(course)
    await course.begin()
    await first.says(answer())
    await first.ends()
    assert (await course.done()).model == "best"
    for _ in range(SLOW - 1):
        await outrun(course)
    assert course.rig.rungs[0].breaker.state == "ready", "it answered in between"


async def test_an_impatient_hedge_is_not_held_against_the_model() -> None:
    course = Course("best", "fast", hedge_after_s=0.5)
    for _ in range(SLOW + 1):
        await outrun(course, 0.5)  # it has ten seconds for its first word, two of which it may be silent
    assert course.rig.rungs[0].breaker.state == "ready"


async def test_a_person_who_gives_up_says_nothing_about_the_model() -> None:
    course = Course("best", "fast")
    for _ in range(SLOW + 1):
        await course.begin()
        await course.clock.after(9.0)
        assert course.task is not None
        course.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await course.task
    assert [rung.breaker.state for rung in course.rig.rungs] == ["ready", "ready"]


async def test_the_first_to_write_is_shown_and_the_first_verdict_wins() -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    await second.says(HALF)
    assert course.began()[-1] == ("fast", 1)
    await first.says(answer())
    assert second.closed == 1
    await first.ends()
    analysis = await course.done()
    assert (analysis.model, analysis.degraded, analysis.narrative) == ("best", False, NARRATIVE)
    assert course.began() == [("best", 1), ("fast", 1), ("best", 2)], "after content it is a new attempt"
    assert course.ended() == [("fast", "cancelled"), ("best", "complete")]
    assert course.text().count("412 failed logins") == 2


async def test_the_one_not_shown_writes_unseen() -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    await first.says(HALF)
    await second.says(HALF + "x")
    assert course.text().count("412 failed logins") == 1
    await first.says(answer()[100:])
    await first.ends()
    analysis = await course.done()
    assert (analysis.model, analysis.degraded) == ("best", False)
    assert course.began() == [("best", 1)]
    assert course.ended() == [("best", "complete")]
    assert second.closed == 1
    assert [a.model for a in analysis.attempts] == ["fake:fast"]


async def test_where_one_breaks_the_other_goes_on() -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    await second.says(HALF)
    await second.ends(RESET)
    assert course.ended() == [("fast", "error")]
    await first.says(answer())
    await first.ends()
    analysis = await course.done()
    assert analysis.model == "best"
    assert course.began() == [("best", 1), ("fast", 1), ("best", 2)]
    assert course.ended() == [("fast", "error"), ("best", "complete")]


async def test_both_break_and_the_third_answers() -> None:
    course = Course("best", "fast", "local")
    first, second, third = course.models
    await course.begin()
    await course.clock.after(2.0)
    await first.ends(OVERLOADED)
    await second.ends(RESET)
    assert len(third.requests) == 1
    await third.says(answer())
    await third.ends()
    analysis = await course.done()
    assert (analysis.model, len(analysis.attempts)) == ("local", 2)
    assert course.ended() == [("local", "complete")]


async def test_never_more_than_two_at_once() -> None:
    course = Course("best", "fast", "local")
    *_, third = course.models
    await course.begin()
    await course.clock.after(2.0)
    await course.clock.after(60.0)
    assert third.requests == []
    assert course.task is not None
    course.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await course.task
    assert [model.closed for model in course.models] == [1, 1, 0]
    assert all(entry.settled for entry in {e.id: e for e in course.rig.entries}.values())


async def test_where_the_second_fails_while_the_first_is_silent_the_third_takes_its_place() -> None:
    course = Course("best", "fast", "local")
    first, second, third = course.models
    await course.begin()
    await course.clock.after(2.0)
    await second.ends(OVERLOADED)
    assert len(third.requests) == 1
    assert first.closed == 0
    await third.says(answer())
    await third.ends()
    assert (await course.done()).model == "local"


async def test_a_hedge_never_goes_beyond_the_budget() -> None:
    measure = Rig(FakeModel(([], RESET)), price=PRICE)
    await measure.run()
    course = Course("best", "fast", usd_per_hour=measure.entries[0].usd * 1.5)
    first, second = course.models
    await course.begin()
    assert len(first.requests) == 1
    await course.clock.after(2.0)
    assert second.requests == []
    await first.says(answer())
    await first.ends()
    analysis = await course.done()
    assert analysis.model == "best"
    assert "budget is spent" in analysis.attempts[0].error


@pytest.mark.parametrize("kind", ["speculation", "warm"])
async def test_what_nobody_asked_for_is_not_hurried(kind: str) -> None:
    course = Course("best", "fast")
    first, second = course.models
    await course.begin(kind=kind)
    await course.clock.after(60.0)
    assert second.requests == []
    await first.says(answer())
    await first.ends()
    assert (await course.done()).model == "best"


async def test_a_winner_that_breaks_later_gives_its_verdict_marked_partial() -> None:
    course = Course("best", "fast")
    _, second = course.models
    await course.begin()
    await course.clock.after(2.0)
    await second.says(f"{line()}\n\nMany logins")
    await second.ends(RESET)
    analysis = await course.done()
    assert (analysis.model, analysis.partial, analysis.narrative) == ("fast", True, "Many logins")
    assert sum(isinstance(event, VerdictReady) for event in course.rig.events) == 1


async def test_a_loser_that_swallows_its_cancellation_changes_nothing() -> None:
    class Stubborn(Told):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
            self.requests.append(request)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield Text(answer(verdict="Benign"))
                yield Ended(COMPLETE)

    course = Course("best", "fast")
    stubborn = Stubborn("best")
    swap: Callable[[str, object], None] = lambda name, value: object.__setattr__(  # noqa: E731
        course.rig.rungs[0], name, value
    )
    swap("provider", stubborn)
    await course.begin()
    await course.clock.after(2.0)
    await course.models[1].says(answer())
    await course.models[1].ends()
    analysis = await course.done()
    assert (analysis.model, analysis.verdict.verdict) == ("fast", "True Positive")
    assert sum(isinstance(event, VerdictReady) for event in course.rig.events) == 1
