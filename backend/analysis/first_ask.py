"""Right-sizing: a short question to a small model first, and the lane's own models only where that won't do.

The question is the investigation's own request with another last sentence, so every guard of the prompt
stands in it. Nothing of it is on screen until its answer is taken; a refused one leaves its reason in
`attempts` and its cost in the ledger and in the alert's own, and the chain is climbed as always.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from backend.alerts.text import SafeText
from backend.analysis.accounting import request_tokens
from backend.analysis.attempt import Answer, Climb
from backend.analysis.call import STOPPED, CallResult, Purpose, Rung
from backend.analysis.guardrails.guard import Guard
from backend.analysis.ladder import AnalysisJob, PlaybookJudge
from backend.analysis.model import Delta, Verdict
from backend.analysis.pane import Pane
from backend.analysis.paying import Paying
from backend.analysis.prompts import shortened
from backend.analysis.race import Asking
from backend.analysis.short_answer import LineReader, Sure, doubts, told, too_much
from backend.analysis.verdict_stream import Reading
from backend.providers.base import ModelRequest, Usage
from backend.providers.prices import cost_usd

MAX_TOKENS = 320
"""Of the answer: the line is whole within a hundred or so; four long facts and six actions fit into this."""
LINE_TOKENS = 120
ANSWER_TOKENS = 500
"""What a line and a whole answer take by estimate, until calls of the lane have told."""
TIME_SHARE = 0.25
"""Share of the lane's time left that the question may take: the models behind it keep the rest."""
NOTE = "short question"

Saved = Callable[[str, float, float], None]
"""`Savings.asked_first`: lane, dollars of the question, dollars of the call it spared (0: it spared none)."""


@dataclass(eq=False)
class _Question:
    """One short question under way."""

    job: AnalysisJob
    climb: Climb
    guard: Guard
    asking: Asking
    pane: Pane
    usd: float = 0.0
    """What it has cost so far."""


class FirstAsk:
    """One lane's small model and the account of whether it pays. Used on one loop only."""

    def __init__(
        self,
        rung: Rung,
        chain: Sequence[Rung],
        *,
        judge: PlaybookJudge,
        sure: Sure,
        paying: Paying,
        saved: Saved,
    ) -> None:
        """`rung` is asked first, `chain` after it. `judge` is the second opinion."""
        self._rung = rung
        self._chain = tuple(chain)
        self._judge = judge
        self._sure = sure
        self.paying = paying
        self._saved = saved

    async def ask(self, job: AnalysisJob, climb: Climb, guard: Guard, asking: Asking) -> Answer | None:
        """The small model's answer where it will do; None: climb the chain. May be cancelled at any time."""
        if too_much(job.alert, job.evidence, job.signals, job.lane):
            return None
        planned = self._planned(climb, asking)
        if planned is None:
            return None
        request = shortened(asking.request(self._rung), MAX_TOKENS)
        tokens = request_tokens(request)
        spared_usd = self.paying.planned_usd or cost_usd(planned.price, Usage(tokens, ANSWER_TOKENS))
        if not self.paying.wanted(spared_usd, cost_usd(self._rung.price, Usage(tokens, LINE_TOKENS))):
            return None
        question = _Question(
            job,
            climb,
            guard,
            asking,
            Pane(
                climb.clock,
                climb.emit,
                LineReader(asking.reader(self._rung)),
                climb.turn,
                (self._rung.provider.provider, self._rung.provider.model),
                note=NOTE,
            ),
        )
        result = await self._call(question, request)
        if result.passed_over:
            climb.missed(self._rung.spec, f"{NOTE}: {result.words}")
            return None
        return self._taken(question, result, planned)

    def followed(self, usd: float) -> None:
        """The lane's planned model analysed an alert in full, for so many dollars."""
        self.paying.followed(usd)

    def _planned(self, climb: Climb, asking: Asking) -> Rung | None:
        """Who would be asked now in place of the small one, where that one costs anything."""
        would = climb.caller.would
        rung = next((one for one in self._chain if would(one, asking.request(one), climb.purpose)), None)
        same = rung is not None and rung.spec == self._rung.spec
        return None if rung is None or same or not cost_usd(rung.price, Usage(1, 1)) else rung

    async def _call(self, question: "_Question", request: ModelRequest) -> CallResult:
        def settled(result: CallResult) -> None:
            question.usd += result.cost_usd
            question.climb.settled(result)

        pane = question.pane
        return await question.climb.caller.call(
            self._rung,
            request,
            self._purpose(question.climb),
            on_start=pane.start,
            on_text=pane.text,
            on_settled=settled,
        )

    def _taken(self, question: "_Question", result: CallResult, planned: Rung) -> Answer | None:
        """What a question that was asked comes to."""
        job, climb, pane, spec = question.job, question.climb, question.pane, self._rung.spec
        second, _ = self._judge(job.alert, job.evidence, job.signals)
        reading = pane.finish()
        ungrounded = question.asking.check(reading)
        against = self._against(question, result, reading, ungrounded, second)
        self.paying.answered(accepted=not against, usd=question.usd)
        if against or reading.verdict is None:
            self._saved(job.lane, question.usd, 0.0)
            climb.missed(spec, f"{NOTE}: {against}")
            return None
        self._saved(job.lane, question.usd, self.paying.planned_usd or cost_usd(planned.price, result.usage))
        text = told(reading.verdict, spec, second)
        climb.wrote()
        pane.show(climb.number)
        climb.emit(Delta(climb.turn, text))
        pane.end("complete", SafeText(""), result, ungrounded)
        reading = msgspec.structs.replace(reading, narrative=text)
        return Answer(reading, pane.provider, pane.model, partial=False, ungrounded=ungrounded, planned=True)

    def _purpose(self, climb: Climb) -> Purpose:
        purpose = climb.purpose
        deadline = purpose.deadline_mono
        if deadline is not None:
            now = climb.clock.mono()
            deadline = now + (deadline - now) * TIME_SHARE
        return msgspec.structs.replace(purpose, kind="first", deadline_mono=deadline)

    def _against(
        self,
        question: "_Question",
        result: CallResult,
        reading: Reading,
        ungrounded: tuple[str, ...],
        second: Verdict,
    ) -> str:
        """Why the answer will not do; empty where it will."""
        verdict, outcome = reading.verdict, result.outcome
        if outcome.kind not in ("complete", "length") and outcome is not STOPPED:
            return result.words
        if verdict is None or reading.problem:
            return f"invalid: {reading.problem or 'no verdict'}"
        job = question.job
        rails = question.guard.rails(job.signals, reading.notes, ungrounded, verdict, checked=True)
        return "; ".join(doubts(verdict, rails, second, job.alert.head.severity_id, self._sure))
