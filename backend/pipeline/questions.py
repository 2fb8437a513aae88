"""Follow-up questions: an analyst asks on, a model answers into the transcript, both are kept."""

import asyncio
import functools

import structlog

from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.model import (
    AttemptEnded,
    AttemptStarted,
    Delta,
    QuestionAsked,
    TranscriptEvent,
)
from backend.analysis.prompts import Exchange
from backend.analysis.question import FollowUp
from backend.analysis.transcript import Transcript
from backend.api import Reply, Row
from backend.clock import Clock
from backend.journal import outcomes
from backend.journal.store import Journal
from backend.pipeline.board import Board
from backend.pipeline.investigations import BuildAlert, Investigations

MAX_QUESTION = 2_000
AT_ONCE = 4
"""Questions that may be answered at the same time; further ones wait."""
ANSWER_WITHIN_S = 120.0
WAIT_STEP_S = 0.1

log = structlog.get_logger("questions")


class Questions:
    """Runs follow-ups beside the pool of workers, because a person is waiting for each."""

    def __init__(
        self,
        *,
        journal: Journal,
        board: Board,
        investigations: Investigations,
        ladder: Ladder,
        build_alert: BuildAlert,
        clock: Clock,
        actor: str,
    ) -> None:
        """`ladder` answers; `actor` is who asks."""
        self._journal = journal
        self._board = board
        self._investigations = investigations
        self._ladder = ladder
        self._build_alert = build_alert
        self._clock = clock
        self._actor = actor
        self._room = asyncio.Semaphore(AT_ONCE)
        self._asking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, row: Row, question: str) -> Reply:
        """Start to answer; the reply only says that it began."""
        text = safe(question.strip(), MAX_QUESTION)
        if not text:
            return Reply(False, "the question is empty")
        if row.id in self._asking:
            return Reply(False, "an answer is still being written; ask when it is done")
        self._asking.add(row.id)
        task = asyncio.get_running_loop().create_task(self._answer(row, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _done: self._asking.discard(row.id))
        return Reply(True, "asked", (row.id,))

    async def close(self) -> None:
        """Give up the answers that are being written."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, row: Row, question: SafeText) -> None:
        try:
            await self._investigations.load(row.id)
            transcript = self._investigations.writing(row.id)
            while transcript.live:  # one voice at a time: the question follows what is being written
                await self._clock.sleep(WAIT_STEP_S)
            async with self._room:
                await self._ask(row, transcript, question)
        except Exception:
            log.exception("question failed", alert_id=row.id)

    async def _ask(self, row: Row, transcript: Transcript, question: SafeText) -> None:
        turns = await self._journal.read(lambda reader: reader.turns(row.id))
        turn = 1 + sum(isinstance(event, QuestionAsked) for event in turns)
        started = self._clock.wall_ms()
        asked = QuestionAsked(turn, question, self._actor, started)
        transcript.append(asked)
        try:
            job = await self._job(row, turn)
            answer = await self._ladder.ask(job, exchanges(turns), question, transcript.append)
        except Exception as error:  # shown where the person waits for the answer, and kept
            log.error("question failed", alert_id=row.id, exc_info=error)
            words = safe(f"{type(error).__name__}: {error}", 200)
            failed = AttemptEnded(turn, "watchfloor", "engine", "error", words)
            transcript.append(failed)
            await self._keep(row.id, [asked, failed])
            return
        finally:
            transcript.finish()
        await self._keep(row.id, _kept(asked, answer, turn, started))
        current = self._board.get(row.id)
        if current is not None:
            self._board.update(row.id, cost_usd=current.cost_usd + answer.cost_usd)

    async def _job(self, row: Row, turn: int) -> AnalysisJob:
        stored = await self._journal.read(lambda reader: reader.alert(row.id))
        assert stored is not None  # noqa: S101  # rows of the board are in the journal
        alert = self._build_alert(stored.raw, stored.head, stored.source)
        result = stored.result
        return AnalysisJob(
            alert=alert,
            evidence=result.evidence if result is not None else (),
            signals=injection_signals(alert),
            lane=row.lane,
            deadline_mono=self._clock.mono() + ANSWER_WITHIN_S,
            turn=turn,
            alert_id=row.id,
            analysis=result.analysis if result is not None else None,
        )

    async def _keep(self, alert_id: int, events: list[TranscriptEvent]) -> None:
        put = functools.partial(outcomes.put_events, alert_id=alert_id, events=events)
        await (await self._journal.write(put))


def exchanges(turns: list[TranscriptEvent]) -> tuple[Exchange, ...]:
    """Earlier questions of an alert with their answers, oldest first."""
    asked = {event.turn: event.text for event in turns if isinstance(event, QuestionAsked)}
    answers: dict[int, str] = {}
    for event in turns:
        if isinstance(event, Delta):
            answers[event.turn] = answers.get(event.turn, "") + event.text
    cut = {event.turn for event in turns if isinstance(event, AttemptEnded) and event.outcome != "complete"}
    return tuple(
        Exchange(text, SafeText(answers[turn]), turn in cut)
        for turn, text in asked.items()
        if turn in answers
    )


def _kept(asked: QuestionAsked, answer: FollowUp, turn: int, started_ms: int) -> list[TranscriptEvent]:
    by = (answer.provider, answer.model)
    outcome = "truncated" if answer.partial else "complete"
    end = AttemptEnded(turn, *by, outcome, SafeText(""), answer.usage, answer.cost_usd, answer.ungrounded)
    return [asked, AttemptStarted(turn, *by, started_ms), Delta(turn, answer.text), end]
