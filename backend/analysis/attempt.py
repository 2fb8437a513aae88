"""Climbing down a fallback chain once: what its attempts came to together, and the built-in analyst's own."""

from collections.abc import AsyncIterator, Callable

import msgspec

from backend.alerts.text import SafeText, safe, safe_lines
from backend.analysis.accounting import added
from backend.analysis.call import Caller, CallResult, Purpose
from backend.analysis.model import Attempt, AttemptEnded, AttemptStarted, Delta, Verdict, VerdictReady
from backend.analysis.pane import Emit, Pane, Reader
from backend.analysis.verdict_stream import NARRATIVE_CHARS, Reading
from backend.clock import Clock
from backend.providers.base import Chunk, Ended, Usage

Check = Callable[[Reading], tuple[str, ...]]
"""What of an accepted answer stands in no evidence."""

ERROR_CHARS = 200


class Answer(msgspec.Struct, frozen=True):
    """An accepted answer."""

    reading: Reading
    provider: str
    model: str
    partial: bool
    ungrounded: tuple[str, ...]
    planned: bool = False
    """The model that was to answer did."""


class Climb:
    """One way down a chain for one turn; keeps what the attempts have in common."""

    def __init__(self, clock: Clock, caller: Caller, purpose: Purpose, turn: int, emit: Emit) -> None:
        self.clock = clock
        self.caller = caller
        self.purpose = purpose
        self.turn = turn
        self.emit = emit
        self._begun = clock.mono()
        self.number = 1
        """Which attempt the next one on screen is."""
        self.attempts: list[Attempt] = []
        self.unusable = False
        """A model did answer, but not in the form, or refused to: no answer may be made up for it."""
        self.usage = Usage()
        self.cost_usd = 0.0
        self.saved_usd = 0.0
        self.first_token_ms = 0.0

    @property
    def elapsed_ms(self) -> float:
        """Since the climb began."""
        return (self.clock.mono() - self._begun) * 1000

    def settled(self, result: CallResult) -> None:
        """Count what a call came to, whoever wins."""
        self.usage = added(self.usage, result.usage)
        self.cost_usd += result.cost_usd
        self.saved_usd += result.saved_usd

    def wrote(self) -> None:
        """Text has come from some attempt."""
        self.first_token_ms = self.first_token_ms or self.elapsed_ms

    def missed(self, name: str, words: str) -> None:
        """An attempt that gave no verdict, and why."""
        self.attempts.append(Attempt(name, safe(words, ERROR_CHARS)))

    async def playbook(
        self, chunks: AsyncIterator[Chunk], reader: Reader, name: tuple[str, str], check: Check
    ) -> Answer:
        """Let the built-in analyst answer. It is always accepted; the caller looks at what it reads."""
        pane = Pane(self.clock, self.emit, reader, self.turn, name)
        pane.show(self.number)
        try:
            pane.start()
            async for chunk in chunks:
                if isinstance(chunk, Ended):
                    break
                self.wrote()
                pane.text(chunk.text)
            reading = pane.finish()
            ungrounded = check(reading)
        except BaseException:
            pane.end("cancelled", SafeText(""))
            raise
        pane.end("invalid" if reading.problem else "complete", safe(reading.problem), None, ungrounded)
        return Answer(reading, *name, partial=False, ungrounded=ungrounded)

    def judged(self, verdict: Verdict, narrative: str, name: tuple[str, str]) -> Answer:
        """A verdict that needs no writing, taken as it is: nothing need be streamed.

        The built-in analyst's and a cached one: their words are not looked up in the evidence again.
        """
        shown = safe_lines(narrative, NARRATIVE_CHARS)
        provider, model = name
        self.wrote()
        self.emit(AttemptStarted(self.turn, provider, model, self.clock.wall_ms(), self.number))
        self.emit(VerdictReady(self.turn, verdict, provider, model, self.elapsed_ms))
        self.emit(Delta(self.turn, shown))
        self.emit(AttemptEnded(self.turn, provider, model, "complete", SafeText("")))
        return Answer(Reading((), verdict, shown), provider, model, partial=False, ungrounded=())
