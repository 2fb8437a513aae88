"""Transcript events written into a stream pane."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from backend.api import (
    AttemptEnded,
    AttemptStarted,
    Decided,
    Delta,
    Detail,
    QuestionAsked,
    TranscriptSlice,
    VerdictReady,
)
from console.view_models.detail import clock_words, verdict_card
from widgets.data import BlockKind, VerdictCard
from widgets.figures import usd
from widgets.safe import Shown, shown, shown_lines

_OUTCOMES = {
    "length": "cut off at its longest length",
    "filtered": "withheld by the vendor's filter",
    "truncated": "stream broke off",
    "idle": "fell silent",
    "deadline": "out of time",
    "cancelled": "stopped",
    "error": "failed",
    "invalid": "answer did not keep to its form",
}


class StreamView(Protocol):
    """What a stream pane takes."""

    def append(self, text: Shown, style: str = "") -> None:
        """More of the open paragraph."""
        ...

    def begin_block(self, kind: BlockKind, title: Shown, detail: Shown = ...) -> None:
        """A header line."""
        ...

    def add_verdict(self, card: VerdictCard) -> None:
        """A whole verdict."""
        ...

    def end_block(self) -> None:
        """The attempt has ended."""
        ...

    def set_ungrounded(self, words: Sequence[Shown]) -> None:
        """Words to strike through."""
        ...


class TranscriptWriter:
    """Writes one alert's transcript into a pane, event by event, and remembers how far it came."""

    def __init__(self, stream: StreamView) -> None:
        self._stream = stream
        self._ungrounded: list[Shown] = []
        self.cursor = 0
        self.known: frozenset[str] | None = None
        self.started = False
        self._facts_shown = False

    def write(self, piece: TranscriptSlice) -> None:
        """Everything new."""
        if piece.truncated and self.cursor:
            self._stream.begin_block("note", Shown("earlier text is no longer kept"))
        self.cursor = piece.cursor
        decided = {event.turn for event in piece.events if isinstance(event, VerdictReady)}
        for event in piece.events:
            self.started = True
            if isinstance(event, Delta) and event.kind == "facts" and event.turn in decided:
                continue  # the verdict's card, which comes with them, says the same
            self._one(event)

    def restore(self, detail: Detail) -> None:
        """A finished analysis whose transcript is gone (another session wrote it): its verdict and text."""
        analysis = detail.analysis
        if analysis is None or self.started:
            return
        self.started = True
        model = f"{analysis.provider}:{analysis.model}" if analysis.model else analysis.provider
        self._stream.begin_block("attempt", shown(model), Shown("earlier"))
        known = frozenset(item.id for item in detail.evidence)
        self._stream.add_verdict(
            verdict_card(analysis.verdict, known=known, model=model, after_ms=None, row=detail.row)
        )
        if analysis.narrative:
            self._stream.append(shown_lines(analysis.narrative))
        self._stream.end_block()
        self._strike(analysis.guardrails.ungrounded)

    def _one(self, event: object) -> None:
        stream = self._stream
        match event:
            case AttemptStarted():
                again = f"attempt {event.number} · " if event.number > 1 else ""
                again += f"{event.note} · " if event.note else ""
                stream.begin_block(
                    "attempt",
                    shown(_name(event.provider, event.model)),
                    shown(again + clock_words(event.wall_ms)),
                )
            case Delta(text=text, kind=kind):
                self._facts_shown = self._facts_shown or kind == "facts"
                stream.append(shown_lines(text), {"facts": "muted", "raw": "stream-code"}.get(kind, ""))
            case VerdictReady():
                card = verdict_card(
                    event.verdict,
                    known=self.known,
                    model=_name(event.provider, event.model),
                    after_ms=event.after_ms,
                )
                # Facts that were watched coming stand right above: the card need not say them again.
                stream.add_verdict(dataclasses.replace(card, facts=()) if self._facts_shown else card)
                self._facts_shown = False
            case AttemptEnded():
                self._ended(event)
            case QuestionAsked():
                stream.begin_block(
                    "question", shown(event.text), shown(f"{event.actor} · {clock_words(event.wall_ms)}")
                )
            case Decided():
                stream.begin_block(
                    "audit", shown(event.what), shown(f"{event.actor} · {clock_words(event.wall_ms)}")
                )

    def _ended(self, event: AttemptEnded) -> None:
        stream = self._stream
        stream.end_block()
        if event.outcome != "complete":
            title = _OUTCOMES.get(event.outcome, event.outcome)
            spent = f" · {usd(event.cost_usd)}" if event.cost_usd > 0 else ""
            stream.begin_block(
                "error", shown(f"{_name(event.provider, event.model)} {title}"), shown(event.detail + spent)
            )
        self._strike(event.ungrounded)

    def _strike(self, words: Sequence[str]) -> None:
        fresh = [shown(word) for word in words if shown(word) not in self._ungrounded]
        if fresh:
            self._ungrounded += fresh[: max(0, 200 - len(self._ungrounded))]
            self._stream.set_ungrounded(tuple(self._ungrounded))


def _name(provider: str, model: str) -> str:
    return f"{provider}:{model}" if model else provider
