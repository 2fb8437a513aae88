"""One investigation: the planned model, the next in the chain, a like alert's analysis, the playbook."""

import asyncio
import hashlib
import importlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe_lines
from backend.analysis.attempt import Answer, Check, Climb
from backend.analysis.call import Caller, Purpose, Rung
from backend.analysis.guardrails import grounding
from backend.analysis.ledger import CallKind
from backend.analysis.likes import Likes
from backend.analysis.model import Analysis, AnalysisKind, Guardrails, Verdict
from backend.analysis.pane import Emit, Reader
from backend.analysis.prompts import Exchange, build_followup, build_request
from backend.analysis.question import AnswerReader, FollowUp, answered
from backend.analysis.race import Asking, Race
from backend.analysis.repair import NOTE, WithheldReader, withheld
from backend.analysis.verdict_stream import NARRATIVE_CHARS, Reading, VerdictReader
from backend.clock import Clock
from backend.enrichment.base import Evidence
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Text

PLAYBOOK = ("playbook", "built-in")
"""Provider and model under which the playbook's answers are recorded."""

PlaybookStream = Callable[[Alert, Sequence[Evidence], Sequence[str]], AsyncIterator[Chunk]]
"""`backend.analysis.playbook.analyst.stream_playbook` with its clock and pace bound."""
PlaybookJudge = Callable[[Alert, Sequence[Evidence], Sequence[str]], tuple[Verdict, str]]
"""`backend.analysis.playbook.analyst.judge`: its verdict and narrative at once."""
PlaybookAnswer = Callable[[Alert, Sequence[Evidence], Analysis | None, str], str]
"""`backend.analysis.playbook.analyst.answer`."""

NO_ANALYST = Verdict(
    "Insufficient Data", 0.0, SafeText("No analyst could give a valid verdict: this needs a human.")
)


class AnalysisJob(msgspec.Struct, frozen=True):
    """One alert to be analysed, or asked about."""

    alert: Alert
    evidence: tuple[Evidence, ...]
    signals: tuple[str, ...]
    """What `guardrails.injection` found in the alert."""
    lane: str
    deadline_mono: float | None
    """On the clock's `mono`: when the lane wants the verdict; None where it has no deadline."""
    turn: int = 0
    """0 is the investigation, 1… the follow-ups."""
    alert_id: int = 0
    """The journal's id, for the ledger."""
    analysis: Analysis | None = None
    """For a follow-up: what the investigation found."""
    kind: CallKind = "analysis"
    """Why an investigation is made, for the ledger; a follow-up is always a question."""


class Ladder:
    """A lane's fallback chain, best model first; the playbook always follows.

    Ladders of several lanes may share rungs. Where the chain is empty the playbook is what was planned, and
    its answer is not degraded.
    """

    def __init__(
        self,
        chain: Sequence[Rung],
        caller: Caller,
        clock: Clock,
        *,
        playbook: PlaybookStream,
        playbook_judge: PlaybookJudge | None = None,
        playbook_answer: PlaybookAnswer,
        likes: Likes | None = None,
        hedge_after_s: float | None = None,
    ) -> None:
        """`likes` are shared by the ladders of all lanes. `hedge_after_s`: after so long without a word
        from a model, the next one is started beside it (`backend.analysis.race`); None never does.
        """
        self._likes = likes
        self._hedge_after_s = hedge_after_s or None
        self._chain = tuple(chain)
        self._caller = caller
        self._clock = clock
        self._playbook = playbook
        self._playbook_judge = playbook_judge
        self._playbook_answer = playbook_answer
        self._nonce_key = secrets.token_bytes(32)

    @staticmethod
    async def warm() -> None:
        """Import in a thread what the first verdict would otherwise import on the loop."""
        await asyncio.to_thread(importlib.import_module, "backend.analysis.schema")

    @property
    def trouble(self) -> tuple[str, ...]:
        """What is wrong with its models now, one line each, those that need a person first."""
        lines = [
            (rung.breaker.state != "failed", f"{rung.name} ({rung.spec}): {rung.breaker.detail}")
            for rung in self._chain
            if rung.breaker.state != "ready"
        ]
        return tuple(line for _, line in sorted(lines))

    async def run(self, job: AnalysisJob, emit: Emit) -> Analysis:
        """Investigate. Always ends in an analysis; `emit` gets the transcript's events as they happen.

        The verdict is emitted (`VerdictReady`) the moment its line is whole and valid, then the narrative.
        A rung that fails before it has shown anything leaves no trace but its line in `attempts`; one that
        fails later stays in the transcript, and the next is a new attempt. A stream that breaks after its
        verdict was whole gives that verdict, marked partial. An answer that breaks the form is mended once;
        where models did answer, but none in the form, the verdict is "Insufficient Data", for a human. May be
        cancelled at any time.
        """
        climb = self._climb(job, emit)
        nonce = self._nonce(job.alert)

        def request(rung: Rung) -> ModelRequest:
            return build_request(
                job.alert,
                job.evidence,
                job.signals,
                nonce=nonce,
                max_tokens=rung.max_tokens,
                system=rung.system,
            )

        def check(reading: Reading) -> tuple[str, ...]:
            return grounding.check(reading.verdict, reading.narrative, job.alert, job.evidence)

        planned = climb.purpose.kind == "analysis"  # what nobody asked for is neither hurried nor mended
        asking = Asking(request, lambda: VerdictReader(job.turn), _has_verdict, check, mends=planned)
        race = Race(climb, self._chain, asking, self._hedge_after_s if planned else None)
        answer = await race.run()
        if answer is not None:
            analysis = self._analysis(job, climb, answer, "model", degraded=not answer.planned)
            if self._likes is not None:
                self._likes.keep(job.alert, job.evidence, job.signals, job.alert_id, analysis)
            return analysis
        return self._cached(job, climb) or await self._by_playbook(job, climb, check)

    def _cached(self, job: AnalysisJob, climb: Climb) -> Analysis | None:
        """The analysis of a like alert, where no model could be had at all."""
        if self._likes is None or not self._chain or climb.unusable or climb.purpose.kind != "analysis":
            return None
        like = self._likes.find(job.alert, job.evidence, job.signals, job.lane)
        if like is None:
            return None
        verdict, narrative = self._likes.told(like)
        answer = climb.judged(verdict, narrative, ("cache", f"alert {like.alert_id}"))
        answer = msgspec.structs.replace(answer, provider=like.provider, model=like.model)
        return self._analysis(job, climb, answer, "cache", degraded=True)

    async def _by_playbook(self, job: AnalysisJob, climb: Climb, check: Check) -> Analysis:
        """The built-in analyst's verdict; withheld where no answer of a model could be used."""
        if self._playbook_judge is not None:
            verdict, narrative = self._playbook_judge(job.alert, job.evidence, job.signals)
            if climb.unusable:
                verdict = withheld(verdict, job.alert.head.severity_id)
            answer = climb.judged(verdict, narrative, PLAYBOOK)
            if climb.unusable:
                reading = msgspec.structs.replace(answer.reading, notes=(NOTE,))
                answer = msgspec.structs.replace(answer, reading=reading)
        else:
            stream = self._playbook(job.alert, job.evidence, job.signals)
            reader: Reader = VerdictReader(job.turn)
            if climb.unusable:
                reader = WithheldReader(reader, job.alert.head.severity_id)
            answer = await climb.playbook(stream, reader, PLAYBOOK, check)
        return self._analysis(job, climb, answer, "playbook", degraded=bool(self._chain))

    async def ask(self, job: AnalysisJob, history: Sequence[Exchange], question: str, emit: Emit) -> FollowUp:
        """Answer an analyst's question on an alert; streams narrative deltas only, no verdict.

        The question itself (`QuestionAsked`) is the caller's to record. A rung that fails is followed by the
        next, and the playbook's own answer comes last.
        """
        climb = self._climb(job, emit)
        nonce = self._nonce(job.alert)

        def check(reading: Reading) -> tuple[str, ...]:
            return grounding.check(None, reading.narrative, job.alert, job.evidence)

        def request(rung: Rung) -> ModelRequest:
            return build_followup(
                job.alert,
                job.evidence,
                job.signals,
                job.analysis,
                history,
                question=question,
                nonce=nonce,
                max_tokens=rung.max_tokens,
                system=rung.system,
            )

        asking = Asking(request, lambda: AnswerReader(job.turn), answered, check)
        answer = await Race(climb, self._chain, asking).run()
        if answer is not None:
            return _follow_up(climb, answer, degraded=not answer.planned)
        text = self._playbook_answer(job.alert, job.evidence, job.analysis, question)
        answer = await climb.playbook(_said(text), AnswerReader(job.turn), PLAYBOOK, check)
        return _follow_up(climb, answer, degraded=bool(self._chain))

    def _climb(self, job: AnalysisJob, emit: Emit) -> Climb:
        kind: CallKind = "question" if job.turn else job.kind
        purpose = Purpose(job.alert_id, job.lane, job.deadline_mono, kind)
        return Climb(self._clock, self._caller, purpose, job.turn, emit)

    def _nonce(self, alert: Alert) -> str:
        """Delimiters that nobody outside this process can guess, and that a follow-up finds again."""
        return hashlib.blake2b(alert.head.uid.encode(), key=self._nonce_key, digest_size=8).hexdigest()

    def _analysis(
        self, job: AnalysisJob, climb: Climb, answer: Answer, kind: AnalysisKind, *, degraded: bool
    ) -> Analysis:
        reading = answer.reading
        verdict = reading.verdict
        notes = reading.notes if verdict is not None else (*reading.notes, reading.problem)
        return Analysis(
            verdict=verdict or NO_ANALYST,
            narrative=reading.narrative,
            kind=kind,
            provider=answer.provider,
            model=answer.model,
            attempts=tuple(climb.attempts),
            degraded=degraded,
            partial=answer.partial,
            guardrails=Guardrails(
                injection_suspected=bool(job.signals),
                signals=(*job.signals, *(f"output: {note}" for note in notes)),
                ungrounded=answer.ungrounded,
                output_valid=not notes,
            ),
            usage=climb.usage,
            cost_usd=climb.cost_usd,
            saved_usd=climb.saved_usd,
            first_token_ms=climb.first_token_ms,
            analyse_ms=climb.elapsed_ms,
        )


def _has_verdict(_outcome: Outcome, reading: Reading) -> bool:
    return reading.verdict is not None


def _follow_up(climb: Climb, answer: Answer, *, degraded: bool) -> FollowUp:
    return FollowUp(
        text=answer.reading.narrative,
        provider=answer.provider,
        model=answer.model,
        attempts=tuple(climb.attempts),
        degraded=degraded,
        partial=answer.partial,
        ungrounded=answer.ungrounded,
        usage=climb.usage,
        cost_usd=climb.cost_usd,
        first_token_ms=climb.first_token_ms,
        answer_ms=climb.elapsed_ms,
    )


async def _said(text: str) -> AsyncIterator[Chunk]:
    shown = safe_lines(text, NARRATIVE_CHARS)
    if shown:
        yield Text(shown)
    yield Ended(Outcome("complete"))
