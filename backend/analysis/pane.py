"""One attempt as the transcript shows it, or holds it back while another is shown."""

from collections.abc import Callable
from typing import Protocol

from backend.alerts.text import SafeText
from backend.analysis.call import CallResult
from backend.analysis.model import AttemptEnded, AttemptStarted, Delta, TranscriptEvent, VerdictReady
from backend.analysis.verdict_stream import ReaderEvent, Reading
from backend.clock import Clock
from backend.providers.base import Usage

Emit = Callable[[TranscriptEvent], None]

RAW_KEPT = 4_000
"""Characters kept of what the model wrote, word for word: what a repair shows it of its own answer."""


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


class Watcher(Protocol):
    """Who is told how an attempt comes on, before the transcript is."""

    def wrote(self) -> None:
        """Its first text has come."""
        ...

    def readable(self) -> None:
        """There is something to read in it."""
        ...

    def verdict(self) -> None:
        """Its verdict line is whole and valid."""
        ...


class Pane:
    """One attempt. While it is hidden its events are held back; showing it tells them all.

    What is held back is bounded by the reader: an object or raw text of a few thousand characters, for with
    its verdict an attempt is shown.
    """

    def __init__(
        self,
        clock: Clock,
        emit: Emit,
        reader: Reader,
        turn: int,
        name: tuple[str, str],
        *,
        note: str = "",
    ) -> None:
        """`name` is provider and model; `note` says in a word what kind of attempt it is."""
        self._clock = clock
        self._emit = emit
        self._reader = reader
        self._turn = turn
        self.provider, self.model = name
        self._note = note
        self._number = 1
        self._started: float | None = None
        self._told_start = False
        self._shown = False
        self._ended = False
        self._held: list[TranscriptEvent] = []
        self.watcher: Watcher | None = None
        self.wrote = False
        """Some text has come, readable or not."""
        self.seen = False
        """Something readable has come; once shown, it stays on screen."""
        self.raw = ""
        """What the model wrote, as far as it is kept."""

    def show(self, number: int) -> None:
        """Be the attempt on screen, as the turn's `number`th."""
        self._number = number
        self._shown = True
        self._tell_start()
        held, self._held = self._held, []
        for event in held:
            self._emit(event)

    def hide(self) -> None:
        """Be no longer on screen; only for an attempt of which nothing was to be read there."""
        self._shown = self._told_start = False

    def start(self) -> None:
        """The call has been sent. After a rate limit that is waited for it is sent again."""
        self._started = self._clock.mono()
        self._tell_start()

    def text(self, text: str) -> bool:
        """Some more has come; False where reading on is pointless."""
        if len(self.raw) < RAW_KEPT:
            self.raw += text[: RAW_KEPT - len(self.raw)]
        if not self.wrote and text.strip():
            self.wrote = True
            if self.watcher is not None:
                self.watcher.wrote()
        self._show(self._reader.feed(text))
        return not self._reader.failed

    def finish(self) -> Reading:
        """The answer has ended, well or not."""
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
        """Tell how it ended, where it is on screen and has not ended."""
        if not self._told_start or self._ended:
            return
        self._ended = True
        usage, cost = (result.usage, result.cost_usd) if result is not None else (Usage(), 0.0)
        self._emit(
            AttemptEnded(self._turn, self.provider, self.model, outcome, detail, usage, cost, ungrounded)
        )

    def _tell_start(self) -> None:
        if self._shown and self._started is not None and not self._told_start:
            self._told_start = True
            began = AttemptStarted(
                self._turn, self.provider, self.model, self._clock.wall_ms(), self._number, self._note
            )
            self._emit(began)

    def _show(self, events: list[ReaderEvent] | tuple[ReaderEvent, ...]) -> None:
        for event in events:
            if not self.seen:
                self.seen = True
                if self.watcher is not None:
                    self.watcher.readable()
            if isinstance(event, Delta):
                self._put(event)
            else:
                if self.watcher is not None:
                    self.watcher.verdict()
                after_ms = (self._clock.mono() - (self._started or 0.0)) * 1000
                self._put(VerdictReady(self._turn, event.verdict, self.provider, self.model, after_ms))

    def _put(self, event: TranscriptEvent) -> None:
        if self._shown:
            self._emit(event)
        else:
            self._held.append(event)
