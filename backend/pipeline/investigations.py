"""Transcripts and details of the alerts that are being looked at, by a model or by a person."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
import structlog

from backend.alerts.model import Alert, Head
from backend.alerts.text import SafeText, safe, safe_lines
from backend.analysis.model import (
    AttemptEnded,
    AttemptStarted,
    Decided,
    Delta,
    QuestionAsked,
    TranscriptEvent,
    VerdictReady,
)
from backend.analysis.transcript import Transcript
from backend.api import Detail, NoteView, TranscriptSlice
from backend.enrichment.base import Evidence
from backend.journal.reader import AlertRow
from backend.journal.store import Journal
from backend.journal.stored import MACHINE, Decision
from backend.pipeline.board import Board
from backend.pipeline.fold_details import fold_of, seen_before

KEPT = 512
"""Transcripts in memory; older ones are rebuilt from the journal when they are opened again."""
RAW_SHOWN = 64 * 1024
"""Bytes of a raw record that are shown; all of them are kept."""

INDENTED_SHOWN = 8 * RAW_SHOWN
"""Bytes above which an indented record is shown as it came."""

BuildAlert = Callable[[bytes, Head, str], Alert]
"""(raw bytes, head, source name) to the whole alert."""

log = structlog.get_logger("investigations")

_NOTHING = TranscriptSlice((), 0, live=False)


class Investigations:
    """Written on the engine's loop; `transcript` and `detail` may be called from any thread."""

    def __init__(self, journal: Journal, board: Board, build_alert: BuildAlert) -> None:
        """`build_alert` makes a whole alert of its raw bytes, its head and its source's name."""
        self._journal = journal
        self._board = board
        self._build_alert = build_alert
        self._transcripts: OrderedDict[int, Transcript] = OrderedDict()
        self._watched: dict[int, int] = {}
        self._details: dict[int, Detail] = {}
        self._evidence: dict[int, tuple[tuple[Evidence, ...], tuple[str, ...]]] = {}
        self._publishing: dict[int, asyncio.Task[None]] = {}
        self._outdated: set[int] = set()

    def detail(self, alert_id: int) -> Detail | None:
        """The published detail of a watched alert; None while it loads."""
        return self._details.get(alert_id)

    def slice(self, alert_id: int, cursor: int) -> TranscriptSlice:
        """What is new in a transcript."""
        transcript = self._transcripts.get(alert_id)
        return transcript.since(cursor) if transcript is not None else _NOTHING

    def writing(self, alert_id: int) -> Transcript:
        """The transcript of an alert, to be appended to."""
        transcript = self._transcripts.get(alert_id)
        if transcript is None:
            transcript = self._transcripts[alert_id] = Transcript()
            self._forget()
        self._transcripts.move_to_end(alert_id)
        return transcript

    def watched(self, alert_id: int) -> bool:
        """Whether somebody has the alert open."""
        return alert_id in self._watched

    @property
    def being_read(self) -> bool:
        """Whether somebody has an alert open whose answer is being written."""
        open_now = (self._transcripts.get(alert_id) for alert_id in self._watched)
        return any(transcript is not None and transcript.live for transcript in open_now)

    def watch(self, alert_id: int) -> None:
        """Keep an alert's detail published from now on."""
        self._watched[alert_id] = self._watched.get(alert_id, 0) + 1
        self.changed(alert_id)

    def unwatch(self, alert_id: int) -> None:
        """One fewer looks at it."""
        left = self._watched.get(alert_id, 0) - 1
        if left > 0:
            self._watched[alert_id] = left
        else:
            self._watched.pop(alert_id, None)
            self._details.pop(alert_id, None)

    def found(self, alert_id: int, evidence: tuple[Evidence, ...], missing: tuple[str, ...]) -> None:
        """Evidence is known before the verdict is."""
        self._evidence[alert_id] = (evidence, missing)
        self.changed(alert_id)

    def settled(self, alert_id: int) -> None:
        """The verdict is in the journal."""
        self._evidence.pop(alert_id, None)
        self.changed(alert_id)

    def tell(self, alert_id: int, event: Decided, *, analysed: bool) -> None:
        """Add what a person did to the transcript; one not in memory is rebuilt with it when it is opened."""
        if alert_id in self._transcripts or not analysed:
            self.writing(alert_id).append(event)
        self.changed(alert_id)

    def changed(self, alert_id: int) -> None:
        """Something about an alert changed: publish it anew if it is watched.

        One publishing at a time per alert, so that an older state never replaces a newer one.
        """
        if alert_id not in self._watched:
            return
        self._outdated.add(alert_id)
        if alert_id not in self._publishing:
            task = asyncio.get_running_loop().create_task(self._keep_published(alert_id))
            self._publishing[alert_id] = task
            task.add_done_callback(lambda _done: self._publishing.pop(alert_id, None))

    async def load(self, alert_id: int) -> None:
        """Have the transcript in memory, told again from the journal if need be."""
        if alert_id in self._transcripts:
            return
        row = await self._journal.read(lambda reader: reader.alert(alert_id))
        if row is not None and row.result is not None:
            decisions = await self._journal.read(lambda reader: reader.decisions([alert_id]))
            turns = await self._journal.read(lambda reader: reader.turns(alert_id))
            self._rebuild(alert_id, row, decisions, turns)

    async def close(self) -> None:
        """Give up what is being published."""
        tasks = list(self._publishing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_published(self, alert_id: int) -> None:
        while alert_id in self._outdated:
            self._outdated.discard(alert_id)
            try:
                await self._publish(alert_id)
            except Exception:  # the pane keeps what it shows; the next change tries again
                log.exception("detail could not be published", alert_id=alert_id)

    async def _publish(self, alert_id: int) -> None:
        await self.load(alert_id)
        row = await self._journal.read(lambda reader: reader.alert(alert_id))
        if row is None:
            return
        decisions = await self._journal.read(lambda reader: reader.decisions([alert_id]))
        fold = await self._journal.read(lambda reader: fold_of(reader, row))
        seen = await self._journal.read(lambda reader: seen_before(reader, row))
        detail = await asyncio.to_thread(self._detail, row, decisions)
        if detail is not None:
            detail = msgspec.structs.replace(detail, fold=fold, seen=seen)
        if detail is not None and alert_id in self._watched:
            self._details[alert_id] = detail

    def _detail(self, row: AlertRow, decisions: Sequence[Decision]) -> Detail | None:
        board_row = self._board.get(row.id)
        if board_row is None:
            return None
        pending, missing = self._evidence.get(row.id, ((), ()))
        result = row.result
        return Detail(
            row=board_row,
            alert=self._build_alert(row.raw, row.head, row.source),
            evidence=pending or (result.evidence if result is not None else ()),
            analysis=result.analysis if result is not None else None,
            latency_ms=result.latency_ms if result is not None else {},
            trail=tuple(_note(d) for d in decisions),
            raw_text=raw_text(row.raw),
            missing=missing or (result.missing if result is not None else ()),
        )

    def _rebuild(
        self,
        alert_id: int,
        row: AlertRow,
        decisions: Sequence[Decision],
        turns: Sequence[TranscriptEvent],
    ) -> None:
        """Tell again from the journal what an earlier process, or an earlier hour, wrote."""
        result = row.result
        if result is None or alert_id in self._transcripts:
            return
        analysis = result.analysis
        transcript = self.writing(alert_id)
        by = (analysis.provider, analysis.model)
        started_ms = result.verdict_ms - int(analysis.analyse_ms)
        transcript.append(AttemptStarted(0, *by, started_ms, len(analysis.attempts) + 1))
        transcript.append(VerdictReady(0, analysis.verdict, *by, analysis.first_token_ms))
        if analysis.narrative:
            transcript.append(Delta(0, analysis.narrative))
        outcome = "truncated" if analysis.partial else "complete"
        transcript.append(
            AttemptEnded(
                0,
                *by,
                outcome,
                SafeText(""),
                analysis.usage,
                analysis.cost_usd,
                analysis.guardrails.ungrounded,
            )
        )
        for event in in_order(turns, decisions):
            transcript.append(event)
        transcript.finish()

    def _forget(self) -> None:
        while len(self._transcripts) > KEPT:
            oldest = (
                alert_id
                for alert_id, transcript in self._transcripts.items()
                if not transcript.live and alert_id not in self._watched
            )
            alert_id = next(oldest, None)
            if alert_id is None:
                return
            del self._transcripts[alert_id]


def raw_text(raw: bytes) -> SafeText:
    """A raw record for reading: indented where it is JSON, safe to show, capped."""
    shown = raw[:RAW_SHOWN]
    if shown.lstrip()[:1] in (b"{", b"[") and len(raw) <= RAW_SHOWN:
        try:
            shown = msgspec.json.format(raw, indent=2)
        except (msgspec.DecodeError, RecursionError):
            shown = raw
        if len(shown) > INDENTED_SHOWN:
            shown = raw  # nested so deeply that most of it would be indentation
    text = safe_lines(shown.decode("utf-8", "replace"))
    if len(raw) > RAW_SHOWN:
        text = SafeText(f"{text}\n… {len(raw) - RAW_SHOWN:,} more bytes, kept in the journal")
    return text


def in_order(turns: Sequence[TranscriptEvent], decisions: Sequence[Decision]) -> list[TranscriptEvent]:
    """Questions with their answers, and what people did, by the time of each."""
    told: list[tuple[int, list[TranscriptEvent]]] = []
    for event in turns:
        if isinstance(event, QuestionAsked) or not told:
            told.append((event.wall_ms if isinstance(event, QuestionAsked) else 0, []))
        told[-1][1].append(event)
    told.extend((d.wall_ms, [Decided(in_words(d), d.actor, d.wall_ms)]) for d in decisions)
    told.sort(key=lambda one: one[0])
    return [event for _, events in told for event in events]


def _note(decision: Decision) -> NoteView:
    return NoteView(decision.wall_ms, decision.actor, in_words(decision), safe(decision.note))


def told(decision: Decision) -> Decided:
    """A decision as the transcript shows it."""
    return Decided(in_words(decision), decision.actor, decision.wall_ms)


def in_words(decision: Decision) -> SafeText:
    """What a person did, as the transcript and the trail say it."""
    if decision.kind in ("approve", "deny"):
        word = "approved" if decision.kind == "approve" else "denied"
        done = "; recorded, no sink carries it out" if decision.kind == "approve" else ""
        note = f": {decision.note}" if decision.note else ""
        undone = " (undone)" if decision.undone_ms is not None else ""
        return safe(f"{word} {decision.disposition}{note}{done}{undone}")
    closed = "closed by machine" if decision.actor == MACHINE else "closed it"
    words = {
        "claim": "claimed it",
        "decide": f"{closed} as {decision.disposition}",
        "reopen": "reopened what the machine had closed",
        "note": "wrote a note",
        "investigate": "had it investigated again",
    }[decision.kind]
    note = f": {decision.note}" if decision.note else ""
    undone = " (undone)" if decision.undone_ms is not None else ""
    return safe(words + note + undone)
