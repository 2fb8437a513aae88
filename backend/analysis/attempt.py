"""Climbing down a fallback chain once: attempts in order, and what of them is shown."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from backend.alerts.text import SafeText, safe, safe_lines
from backend.analysis.call import STOPPED, Caller, CallResult, Purpose, Rung
from backend.analysis.model import (
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Delta,
    TranscriptEvent,
    Verdict,
    VerdictReady,
)
from backend.analysis.verdict_stream import NARRATIVE_CHARS, ReaderEvent, Reading
from backend.clock import Clock
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Usage

Emit = Callable[[TranscriptEvent], None]
Check = Callable[[Reading], tuple[str, ...]]
"""What of an accepted answer stands in no evidence."""

ERROR_CHARS = 200


class Reader(Protocol):
    """What turns text into events: `VerdictReader`, or the reader of follow-up answers."""

    @property
    def failed(self) -> bool:
        """Reading on is pointless."""
        ...

    def feed(self, text: str) -> list[ReaderEvent]:
        """Take some more."""
        ...

    def finish(self) -> Reading:
        """The answer has ended."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """An accepted answer."""

    reading: Reading
    provider: str
    model: str
    partial: bool
    ungrounded: tuple[str, ...]


class Climb:
    """One way down a chain for one turn; keeps what the attempts have in common."""

    def __init__(self, clock: Clock, caller: Caller, purpose: Purpose, turn: int, emit: Emit) -> None:
        self._clock = clock
        self._caller = caller
        self._purpose = purpose
        self._turn = turn
        self._emit = emit
        self._begun = clock.mono()
        self._number = 1
        self.attempts: list[Attempt] = []
        self.usage = Usage()
        self.cost_usd = 0.0
        self.saved_usd = 0.0
        self.first_token_ms = 0.0

    @property
    def elapsed_ms(self) -> float:
        """Since the climb began."""
        return (self._clock.mono() - self._begun) * 1000

    async def model(
        self,
        rung: Rung,
        request: ModelRequest,
        reader: Reader,
        accept: Callable[[Outcome, Reading], bool],
        check: Check,
    ) -> Answer | None:
        """Ask one model. None: it gave no answer to rely on, and `attempts` says why."""
        pane = _Pane(self, reader, rung.provider.provider, rung.provider.model)
        try:
            result = await self._caller.call(
                rung, request, self._purpose, on_start=pane.start, on_text=pane.text
            )
        except BaseException:
            pane.end("cancelled", SafeText(""))
            raise
        if result.passed_over:
            self._missed(rung.spec, result.words)
            return None
        self._add(result)
        reading = pane.finish()
        accepted = accept(result.outcome, reading)
        kind, words = _ending(result, reading, accepted)
        if not accepted:
            if pane.seen:
                pane.end(kind, safe(words, ERROR_CHARS), result)
                self._number += 1
            self._missed(rung.spec, words)
            return None
        ungrounded = check(reading)
        pane.end(kind, safe("" if kind == "complete" else words, ERROR_CHARS), result, ungrounded)
        return Answer(reading, pane.provider, pane.model, result.outcome.kind != "complete", ungrounded)

    async def playbook(
        self, chunks: AsyncIterator[Chunk], reader: Reader, name: tuple[str, str], check: Check
    ) -> Answer:
        """Let the built-in analyst answer. It is always accepted; the caller looks at what it reads."""
        pane = _Pane(self, reader, *name)
        try:
            pane.start()
            async for chunk in chunks:
                if isinstance(chunk, Ended):
                    break
                pane.text(chunk.text)
            reading = pane.finish()
            ungrounded = check(reading)
        except BaseException:
            pane.end("cancelled", SafeText(""))
            raise
        pane.end("invalid" if reading.problem else "complete", safe(reading.problem), None, ungrounded)
        return Answer(reading, *name, partial=False, ungrounded=ungrounded)

    def judged(self, verdict: Verdict, narrative: str, name: tuple[str, str]) -> Answer:
        """The built-in analyst's answer, taken as it is: where nobody watches, nothing need be streamed.

        It quotes only the alert and its evidence, so its words are not looked up in them again.
        """
        shown = safe_lines(narrative, NARRATIVE_CHARS)
        provider, model = name
        self.first_token_ms = self.first_token_ms or self.elapsed_ms
        self._emit(AttemptStarted(self._turn, provider, model, self._clock.wall_ms(), self._number))
        self._emit(VerdictReady(self._turn, verdict, provider, model, self.elapsed_ms))
        self._emit(Delta(self._turn, shown))
        self._emit(AttemptEnded(self._turn, provider, model, "complete", SafeText("")))
        return Answer(Reading((), verdict, shown), provider, model, partial=False, ungrounded=())

    def _missed(self, name: str, words: str) -> None:
        self.attempts.append(Attempt(name, safe(words, ERROR_CHARS)))

    def _add(self, result: CallResult) -> None:
        mine, its = self.usage, result.usage
        self.usage = Usage(
            mine.input_tokens + its.input_tokens,
            mine.output_tokens + its.output_tokens,
            mine.cache_read_tokens + its.cache_read_tokens,
            mine.cache_write_tokens + its.cache_write_tokens,
        )
        self.cost_usd += result.cost_usd
        self.saved_usd += result.saved_usd


class _Pane:
    """One attempt as the transcript shows it."""

    def __init__(self, climb: Climb, reader: Reader, provider: str, model: str) -> None:
        self._climb = climb
        self._reader = reader
        self.provider = provider
        self.model = model
        self._started: float | None = None
        self.seen = False

    def start(self) -> None:
        climb = self._climb
        if self._started is None:
            climb._emit(
                AttemptStarted(climb._turn, self.provider, self.model, climb._clock.wall_ms(), climb._number)
            )
        self._started = climb._clock.mono()

    def text(self, text: str) -> bool:
        if not self._climb.first_token_ms and text.strip():
            self._climb.first_token_ms = self._climb.elapsed_ms
        self._show(self._reader.feed(text))
        return not self._reader.failed

    def finish(self) -> Reading:
        reading = self._reader.finish()
        self._show(reading.events)
        return reading

    def end(
        self,
        outcome: str,
        detail: SafeText,
        result: CallResult | None = None,
        ungrounded: tuple[str, ...] = (),
    ) -> None:
        if self._started is None:
            return
        usage, cost = (result.usage, result.cost_usd) if result is not None else (Usage(), 0.0)
        self._climb._emit(
            AttemptEnded(
                self._climb._turn, self.provider, self.model, outcome, detail, usage, cost, ungrounded
            )
        )

    def _show(self, events: list[ReaderEvent] | tuple[ReaderEvent, ...]) -> None:
        for event in events:
            self.seen = True
            if isinstance(event, Delta):
                self._climb._emit(event)
            else:
                self._climb._emit(self._ready(event.verdict))

    def _ready(self, verdict: Verdict) -> VerdictReady:
        after_ms = (self._climb._clock.mono() - (self._started or 0.0)) * 1000
        return VerdictReady(self._climb._turn, verdict, self.provider, self.model, after_ms)


def _ending(result: CallResult, reading: Reading, accepted: bool) -> tuple[str, str]:
    """How the transcript calls an ending, and its words."""
    outcome = result.outcome
    whole = outcome.kind == "complete" or outcome is STOPPED
    if whole and not accepted:
        return "invalid", f"invalid: {reading.problem}"
    return outcome.kind, result.words
