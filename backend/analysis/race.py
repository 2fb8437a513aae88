"""Down the models of a chain: one after the other, or, where the first is slow, two side by side.

**Who wins.** The first whole verdict line decides, for it is what later stages and the analyst wait for; a
model that has begun to write may still trickle or fall silent. Until then the first to give something
readable is on screen and the other writes unseen. Where that one's verdict is whole first, it takes the
screen as a new attempt. The loser's task is cancelled: its connection is closed, its slot freed, its cost
booked. Being slower says nothing about being down, so the breaker is told nothing, unless the loser had been
silent for long: several of that kind in a row open it, for nobody else would notice a model that only hangs.

**Repair.** An answer that came whole but breaks the form is worth one more request to the same model, once a
climb, when no other is still writing.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from backend.alerts.text import SafeText, safe
from backend.analysis.attempt import ERROR_CHARS, Answer, Check, Climb
from backend.analysis.call import STOPPED, CallResult, Rung
from backend.analysis.ledger import CallKind
from backend.analysis.pane import Pane, Reader
from backend.analysis.repair import build_repair
from backend.analysis.verdict_stream import Reading
from backend.providers.base import ModelRequest, Outcome

HEDGE_SHARE = 0.2
"""Of the first model's time for its first token, how long it may be silent before the next one is started
beside it: 2 s of the default 10 s, the stage's own budget for a first useful token. A model that is well
has begun to
answer by then (0.5 to 1.5 s is usual), so few calls are doubled."""
LOST = "given up: another model's verdict was there first"


@dataclass(frozen=True)
class Asking:
    """What the models are asked and how their answers are taken."""

    request: Callable[[Rung], ModelRequest]
    reader: Callable[[Rung], Reader]
    accept: Callable[[Outcome, Reading], bool]
    check: Check
    mends: bool = False
    """An answer that breaks the form is worth a repair."""


class _Runner:
    """One model at work on an answer; tells the race how it comes on."""

    def __init__(self, race: "Race", rung: Rung, request: ModelRequest, kind: CallKind) -> None:
        climb = race.climb
        self._race = race
        self.rung = rung
        self.request = request
        self.kind = kind
        self.lost = False
        self.late = False
        """It was silent for so long that another was started beside it."""
        self.pane = Pane(
            climb.clock,
            climb.emit,
            race.asking.reader(rung),
            climb.turn,
            (rung.provider.provider, rung.provider.model),
            note="repair" if kind == "repair" else "",
        )
        self.pane.watcher = self
        self.called = False
        purpose = msgspec.structs.replace(climb.purpose, kind=kind)
        self.task = asyncio.create_task(
            climb.caller.call(
                rung,
                request,
                purpose,
                on_start=self.pane.start,
                on_text=self._text,
                on_settled=self._settled,
                outrun=lambda: self.lost,
            )
        )

    def wrote(self) -> None:
        self._race.wrote()

    def readable(self) -> None:
        self._race.readable(self)

    def verdict(self) -> None:
        self._race.decided(self)

    def _text(self, text: str) -> bool:
        # Cancelling takes a moment, and a library may swallow it.
        return not self.lost and self.pane.text(text)

    def _settled(self, result: CallResult) -> None:
        self.called = True
        self._race.climb.settled(result)


class Race:
    """One way down a chain's models. Run it once."""

    def __init__(
        self, climb: Climb, chain: Sequence[Rung], asking: Asking, hedge_after_s: float | None = None
    ) -> None:
        """`hedge_after_s`: after so long without a word from a model the next one starts beside it."""
        self.climb = climb
        self.asking = asking
        self._chain = tuple(chain)
        self._rungs: Iterator[Rung] = iter(self._chain)
        self._hedge_after_s = hedge_after_s
        self._running: list[_Runner] = []
        self._on_screen: _Runner | None = None
        self._timer: asyncio.Task[None] | None = None
        self._mended = not asking.mends
        self._broken: tuple[_Runner, str] | None = None

    async def run(self) -> Answer | None:
        """The first answer to rely on. None: there is none, and the climb's `attempts` say why."""
        try:
            while self._running or self._begin():
                answer = await self._step()
                if answer is not None:
                    return answer
            return None
        finally:
            await self._stop()

    # --- what the runners tell, between two steps --------------------------------------------------------

    def wrote(self) -> None:
        """A runner gives text: nothing is late any more."""
        self.climb.wrote()
        self._unwatch()

    def readable(self, runner: _Runner) -> None:
        """It has something to show; it is shown unless another's words already are."""
        if self._on_screen is None or not self._on_screen.pane.seen:
            self._show(runner)

    def decided(self, winner: _Runner) -> None:
        """It has its verdict: the other, if there is one, has lost."""
        for runner in self._running:
            if runner is not winner and not runner.lost:
                runner.lost = True
                runner.task.cancel()
        self._show(winner)

    # --- the course of it ---------------------------------------------------------------------------------

    def _begin(self) -> bool:
        """Start the next attempt: a repair where one is due, else the next rung. False at the chain's end."""
        if self._broken is not None:
            (runner, problem), self._broken = self._broken, None
            if runner.rung.gate.repairs.spend():
                self._mended = True
                self._start(runner.rung, build_repair(runner.request, runner.pane.raw, problem), "repair")
                return True
        rung = next(self._rungs, None)
        if rung is None:
            return False
        self._start(rung, self.asking.request(rung), self.climb.purpose.kind)
        return True

    def _start(self, rung: Rung, request: ModelRequest, kind: CallKind) -> None:
        runner = _Runner(self, rung, request, kind)
        self._running.append(runner)
        if self._on_screen is None:
            self._show(runner)

    async def _step(self) -> Answer | None:
        self._watch()
        waiting: set[asyncio.Task[CallResult] | asyncio.Task[None]] = {r.task for r in self._running}
        if self._timer is not None:
            waiting.add(self._timer)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for runner in [runner for runner in self._running if runner.task.done()]:
            self._running.remove(runner)
            answer = self._taken(runner)
            if answer is not None:
                return answer
        if self._timer is not None and self._timer.done():
            self._timer = None
            for runner in self._running:
                runner.late = not runner.pane.wrote
        return None

    def _taken(self, runner: _Runner) -> Answer | None:
        """What an attempt that is over comes to."""
        if runner.lost:
            self._gave_up(runner)
            return None
        result = runner.task.result()
        if result.passed_over:
            self._leave(runner)
            self.climb.missed(runner.rung.spec, result.words)
            return None
        reading = runner.pane.finish()
        accepted = self.asking.accept(result.outcome, reading)
        kind, words = _ending(result, reading, accepted)
        if not accepted:
            self._failed(runner, result, reading, (kind, words))
            return None
        self._show(runner)
        ungrounded = self.asking.check(reading)
        detail = safe("" if kind == "complete" else words, ERROR_CHARS)
        runner.pane.end(kind, detail, result, ungrounded)
        partial = result.outcome.kind != "complete"
        name = runner.pane.provider, runner.pane.model
        return Answer(reading, *name, partial, ungrounded, planned=runner.rung is self._chain[0])

    def _failed(self, runner: _Runner, result: CallResult, reading: Reading, ending: tuple[str, str]) -> None:
        kind, words = ending
        self.climb.missed(runner.rung.spec, words)
        broken = result.outcome.kind in ("complete", "length") or result.outcome is STOPPED
        self.climb.unusable = self.climb.unusable or broken or result.outcome.kind == "filtered"
        mend = broken and not self._mended and self._broken is None and bool(runner.pane.raw.strip())
        if mend:
            self._broken = runner, _problem(result.outcome, reading)
        # What a repair answers must be on screen, even where nothing of it could be read.
        if self._on_screen is runner and (runner.pane.seen or mend):
            runner.pane.end(kind, safe(words, ERROR_CHARS), result)
            self.climb.number += 1
        self._leave(runner)

    # --- the screen and the watch -------------------------------------------------------------------------

    def _show(self, runner: _Runner) -> None:
        """Put a runner on screen in place of the one that is."""
        before = self._on_screen
        if before is runner:
            return
        if before is not None:
            if before.pane.seen:
                words = f"{runner.rung.spec} had its verdict first"
                before.pane.end("cancelled", safe(words, ERROR_CHARS))
                self.climb.number += 1
            before.pane.hide()
        self._on_screen = runner
        runner.pane.show(self.climb.number)

    def _leave(self, runner: _Runner) -> None:
        """A runner is over; the one still at work, if there is one, takes the screen."""
        if self._on_screen is runner:
            runner.pane.hide()
            self._on_screen = None
            if self._running:
                self._show(self._running[0])

    def _watch(self) -> None:
        """Give the one at work its time for a first word; where it had that, start the next beside it."""
        if self._hedge_after_s is None or self._timer is not None or len(self._running) != 1:
            return
        runner = self._running[0]
        if runner.pane.wrote or runner.kind == "repair":
            return
        if not runner.late:
            self._timer = asyncio.create_task(self.climb.clock.sleep(self._hedge_after_s))
            return
        rung = next(self._rungs, None)
        if rung is not None:
            self._start(rung, self.asking.request(rung), "hedge")

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gave_up(self, runner: _Runner) -> None:
        self._leave(runner)
        if runner.called:
            self.climb.missed(runner.rung.spec, LOST)

    async def _stop(self) -> None:
        """End whatever still runs and wait until it is closed and booked."""
        self._unwatch()
        left, self._running = self._running, []
        for runner in left:
            runner.task.cancel()
        if left:
            await asyncio.wait({runner.task for runner in left})
        for runner in left:
            if runner.lost:
                self._gave_up(runner)
        if self._on_screen is not None:
            self._on_screen.pane.end("cancelled", SafeText(""))


def _problem(outcome: Outcome, reading: Reading) -> str:
    """What is wrong with an answer, as the model is told."""
    if outcome.kind == "length":
        return "it was cut off at its length limit before the JSON object was whole"
    return reading.problem or "it holds no verdict"


def _ending(result: CallResult, reading: Reading, accepted: bool) -> tuple[str, str]:
    """How the transcript calls an ending, and its words."""
    outcome = result.outcome
    whole = outcome.kind == "complete" or outcome is STOPPED
    if whole and not accepted:
        return "invalid", f"invalid: {reading.problem}"
    return outcome.kind, result.words
