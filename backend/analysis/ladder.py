"""One investigation: the planned model, the next in the chain, a like alert's analysis, the playbook."""

import asyncio
import hashlib
import importlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe_lines
from backend.analysis.attempt import Answer, Check, Climb
from backend.analysis.call import Caller, Purpose, Rung, kept_here
from backend.analysis.guardrails.guard import Guard
from backend.analysis.guardrails.injection import text_signals
from backend.analysis.guardrails.privacy import Outgoing, Privacy, View
from backend.analysis.ledger import CallKind
from backend.analysis.likes import Likes
from backend.analysis.model import Analysis, AnalysisKind, Verdict
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
OF_ANOTHER: frozenset[AnalysisKind] = frozenset({"cache", "aggregate"})
"""Analyses in the words of one that another alert had."""
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


class FirstLook(Protocol):
    """Who may answer before the chain is asked: `backend.analysis.first_ask.FirstAsk`."""

    async def ask(self, job: AnalysisJob, climb: Climb, guard: Guard, asking: Asking) -> Answer | None:
        """An answer to rely on, or None: climb the chain."""
        ...

    def followed(self, usd: float) -> None:
        """The planned model answered, for so many dollars."""
        ...


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
        reuses: bool = False,
        hedge_after_s: float | None = None,
        protected: frozenset[str] = frozenset(),
        privacy: Privacy | None = None,
        first: FirstLook | None = None,
    ) -> None:
        """`likes` are shared by the ladders of all lanes; `reuses`: the very same alert
        seen before costs no call. `hedge_after_s`: after so long without a word from a model, the next one is
        started beside it (`backend.analysis.race`); None never does.
        `protected` are names that no model may recommend to act on. `privacy` knows what each model may be
        told; the ladders of all lanes share it. `first` may answer an alert before the chain is asked.
        """
        self._first = first
        self._privacy = privacy or Privacy()
        self._likes = likes
        self._reuses = reuses
        self._protected = protected
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
        job = _warned(job)
        climb = self._climb(job, emit)
        guard = Guard(job.alert, job.evidence, self._protected)
        seen = self._seen(job, climb, guard)
        if seen is not None:
            return seen
        outgoing = self._privacy.outgoing(job.alert, job.evidence)

        def request(rung: Rung) -> ModelRequest:
            return self._investigation(job, _view(outgoing, rung, job), rung)

        def reader(rung: Rung) -> Reader:
            return guard.reader(_view(outgoing, rung, job).reader(VerdictReader(job.turn)))

        def check(reading: Reading) -> tuple[str, ...]:
            return guard.check(reading.verdict, reading.narrative)

        planned = climb.purpose.kind == "analysis"  # what nobody asked for is neither hurried nor mended
        asking = Asking(request, reader, _has_verdict, check, mends=planned)
        first = self._first if planned else None
        answer = await first.ask(job, climb, guard, asking) if first is not None else None
        if answer is None:
            spent_usd = climb.cost_usd
            answer = await Race(climb, self._chain, asking, self._hedge_after_s if planned else None).run()
            if first is not None and answer is not None and answer.planned:
                first.followed(climb.cost_usd - spent_usd)
        if answer is not None:
            analysis = self._analysis(job, climb, guard, answer, "model", degraded=not answer.planned)
            if self._likes is not None and job.alert.data != "local-only":  # else told in another's questions
                self._likes.keep(job.alert, job.evidence, job.signals, job.alert_id, analysis)
            return analysis
        return self._cached(job, climb, guard) or await self._by_playbook(job, climb, guard, check)

    def _seen(self, job: AnalysisJob, climb: Climb, guard: Guard) -> Analysis | None:
        """The analysis of the very same alert a while ago, in place of a call that nobody asked for."""
        if not self._reuses or self._likes is None or not self._chain or climb.purpose.kind != "analysis":
            return None
        like = self._likes.instead(job.alert, job.evidence, job.signals, job.lane)
        if like is None:
            return None
        verdict, narrative = self._likes.told(like, why="the same was seen before")
        answer = climb.judged(verdict, narrative, ("cache", f"alert {like.alert_id}"))
        answer = msgspec.structs.replace(answer, provider=like.provider, model=like.model)
        return self._analysis(job, climb, guard, answer, "cache", degraded=False)

    def _cached(self, job: AnalysisJob, climb: Climb, guard: Guard) -> Analysis | None:
        """The analysis of a like alert, where no model could be had at all."""
        if self._likes is None or not self._chain or climb.unusable or climb.purpose.kind != "analysis":
            return None
        like = self._likes.find(job.alert, job.evidence, job.signals, job.lane)
        if like is None:
            return None
        verdict, narrative = self._likes.told(like)
        answer = climb.judged(verdict, narrative, ("cache", f"alert {like.alert_id}"))
        answer = msgspec.structs.replace(answer, provider=like.provider, model=like.model)
        return self._analysis(job, climb, guard, answer, "cache", degraded=True)

    async def _by_playbook(self, job: AnalysisJob, climb: Climb, guard: Guard, check: Check) -> Analysis:
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
        return self._analysis(job, climb, guard, answer, "playbook", degraded=bool(self._chain))

    async def ask(self, job: AnalysisJob, history: Sequence[Exchange], question: str, emit: Emit) -> FollowUp:
        """Answer an analyst's question on an alert; streams narrative deltas only, no verdict.

        The question itself (`QuestionAsked`) is the caller's to record. A rung that fails is followed by the
        next, and the playbook's own answer comes last.
        """
        job = _warned(job, history, question)
        climb = self._climb(job, emit)
        guard = Guard(job.alert, job.evidence, self._protected)
        outgoing = self._outgoing(job, history, question)

        def check(reading: Reading) -> tuple[str, ...]:
            return guard.check(None, reading.narrative)

        def request(rung: Rung) -> ModelRequest:
            return self._follow_up(job, _view(outgoing, rung, job), rung, history, question)

        def reader(rung: Rung) -> Reader:
            return guard.reader(_view(outgoing, rung, job).reader(AnswerReader(job.turn)))

        asking = Asking(request, reader, answered, check)
        answer = await Race(climb, self._chain, asking).run()
        if answer is not None:
            return _follow_up(climb, answer, degraded=not answer.planned)
        text = self._playbook_answer(job.alert, job.evidence, job.analysis, question)
        answer = await climb.playbook(_said(text), AnswerReader(job.turn), PLAYBOOK, check)
        return _follow_up(climb, answer, degraded=bool(self._chain))

    def next_request(
        self, job: AnalysisJob, history: Sequence[Exchange], question: str
    ) -> tuple[Rung, ModelRequest] | None:
        """Whom an alert would go to next and with what: the investigation, or with `question` a follow-up.

        None where no model of the chain may be asked about it.
        """
        for rung in self._chain:
            if rung.breaker.blocked() or kept_here(rung.privacy, job.alert.data, hidden=True):
                continue
            outgoing = self._outgoing(job, history, question)
            view = _view(outgoing, rung, job)
            if question:
                return rung, self._follow_up(job, view, rung, history, question)
            return rung, self._investigation(job, view, rung)
        return None

    def _outgoing(self, job: AnalysisJob, history: Sequence[Exchange], question: str) -> Outgoing:
        """The alert, its case knowing the names in what was said on it, too."""
        said = (*(one.question for one in history), question)
        return self._privacy.outgoing(job.alert, job.evidence, said)

    def _investigation(self, job: AnalysisJob, view: View, rung: Rung) -> ModelRequest:
        request = build_request(
            view.alert,
            view.evidence,
            job.signals,
            nonce=self._nonce(job.alert),
            max_tokens=rung.max_tokens,
            system=rung.system,
        )
        return view.sealed(request)

    def _follow_up(
        self, job: AnalysisJob, view: View, rung: Rung, history: Sequence[Exchange], question: str
    ) -> ModelRequest:
        request = build_followup(
            view.alert,
            view.evidence,
            job.signals,
            view.of(_told_of(job.analysis, view)),
            view.of(tuple(history)),
            question=view.text(question),
            nonce=self._nonce(job.alert),
            max_tokens=rung.max_tokens,
            system=rung.system,
        )
        return view.sealed(request)

    def _climb(self, job: AnalysisJob, emit: Emit) -> Climb:
        kind: CallKind = "question" if job.turn else job.kind
        purpose = Purpose(job.alert_id, job.lane, job.deadline_mono, kind, job.alert.data)
        return Climb(self._clock, self._caller, purpose, job.turn, emit)

    def _nonce(self, alert: Alert) -> str:
        """Delimiters that nobody outside this process can guess, and that a follow-up finds again."""
        return hashlib.blake2b(alert.head.uid.encode(), key=self._nonce_key, digest_size=8).hexdigest()

    def _analysis(
        self,
        job: AnalysisJob,
        climb: Climb,
        guard: Guard,
        answer: Answer,
        kind: AnalysisKind,
        *,
        degraded: bool,
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
            guardrails=guard.rails(job.signals, notes, answer.ungrounded, verdict, checked=kind == "model"),
            usage=climb.usage,
            cost_usd=climb.cost_usd,
            saved_usd=climb.saved_usd,
            first_token_ms=climb.first_token_ms,
            analyse_ms=climb.elapsed_ms,
        )


def _warned(job: AnalysisJob, history: Sequence[Exchange] = (), question: str = "") -> AnalysisJob:
    """The job with the signs of injection in all else that a model is told: evidence, questions, answers."""
    texts = [item.finding.text for item in job.evidence]
    texts += [text for one in history for text in (one.question, one.answer)]
    texts += [job.analysis.narrative] if job.analysis is not None else []
    return msgspec.structs.replace(job, signals=text_signals((*texts, question), job.signals))


def _view(outgoing: Outgoing, rung: Rung, job: AnalysisJob) -> View:
    return outgoing.view(rung.privacy, job.alert.data)


def _told_of(analysis: Analysis | None, view: View) -> Analysis | None:
    """An analysis as a follow-up tells it; another alert's may hold names that no pseudonym here knows."""
    if analysis is None or not view.hides or analysis.kind not in OF_ANOTHER:
        return analysis
    verdict = msgspec.structs.replace(
        analysis.verdict, summary=SafeText("As a like alert was judged."), facts=(), actions=()
    )
    return msgspec.structs.replace(analysis, verdict=verdict, narrative=SafeText(""))


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
