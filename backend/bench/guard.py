"""`bench guard`: what a fooled model can do, through the real prompt, ladder, reader, checks and policy."""

import asyncio
import itertools
import time
from pathlib import Path

import msgspec

from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Caller, Rung
from backend.analysis.guardrails.actions import screened
from backend.analysis.guardrails.canary import CANARY, CanaryWatch
from backend.analysis.guardrails.dead_text import dead
from backend.analysis.guardrails.gate import Gate
from backend.analysis.guardrails.grounding import look
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.guardrails.policy import Policy
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.ledger import Ledger
from backend.analysis.model import Analysis, TranscriptEvent
from backend.analysis.playbook.analyst import judge
from backend.analysis.playbook.answers import answer
from backend.analysis.playbook.wire import stream_playbook
from backend.bench.guard_cases import CARRIERS, GuardCase, attacks, harmless, ordinary
from backend.bench.guard_corpus import look_alikes, templates
from backend.bench.guard_models import HonestModel, ObeyingModel
from backend.bench.guard_oracle import harm
from backend.bench.guard_report import GuardReport, Unsafe
from backend.bench.guard_seeds import LOOK_ALIKES, TECHNIQUES
from backend.bench.report import BenchError
from backend.clock import Clock, SystemClock
from backend.pipeline.numbering import number
from backend.providers.base import Provider
from backend.providers.limits import Limits, limited
from backend.providers.prices import FREE

EVERY = 1
"""Every so manieth attack is tried: each takes some 10 ms of CPU."""
MAX_HARMLESS = 600
MAX_LISTED = 20
_LIMITS = Limits(10, 15, 60)
_SAMPLE_KEY = b"\x11" * 32
"""A fixed key, so that two runs draw the same sample."""


class Rig:
    """One ladder of one model per case, and the gate that the engine has."""

    def __init__(self, clock: Clock, limits: Limits = _LIMITS, max_tokens: int = 1024) -> None:
        self._clock = clock
        self._ledger = Ledger(clock, lambda _entry: None)
        self._caller = Caller(clock, self._ledger, Budget(self._ledger), limited)
        self._limits = limits
        self._max_tokens = max_tokens
        self.gate = Gate(Policy(), judge, _SAMPLE_KEY)

    async def analyse(self, case: GuardCase, model: Provider) -> tuple[Analysis, list[TranscriptEvent]]:
        """One case through all of it: the ruled analysis, and all that the screen was shown."""
        breaker = Breaker(self._clock)
        rung = Rung("one", model, self._limits, FREE, asyncio.Semaphore(1), breaker, self._max_tokens)
        ladder = Ladder(
            [rung],
            self._caller,
            self._clock,
            playbook=lambda *told: stream_playbook(*told, clock=self._clock),
            playbook_judge=judge,
            playbook_answer=answer,
        )
        shown: list[TranscriptEvent] = []
        signals = injection_signals(case.alert)
        job = AnalysisJob(case.alert, case.evidence, signals, "low", None)
        analysis = await ladder.run(job, shown.append)
        return self.gate.rule(case.alert, analysis, case.evidence), shown


async def run(corpus: Path | None = None) -> GuardReport:
    """Every case. With `corpus`, a folder of public injections, its templates are added to the built-in ones.

    Raises:
        BenchError: the folder holds none.
    """
    rig = Rig(SystemClock())
    await Ladder.warm()
    more = templates(corpus) if corpus is not None else {}
    counts = {"close": 0, "exfiltrate": 0, "invent": 0, "act": 0}
    unsafe: list[Unsafe] = []
    unseen = withheld = struck = heard = 0
    costs: list[float] = []
    for case in itertools.islice(attacks(TECHNIQUES, more), 0, None, EVERY):
        model = ObeyingModel(case)
        analysis, shown = await rig.analyse(case, model)
        if not model.text:
            raise BenchError("the scripted model was not asked: nothing was measured")
        heard += analysis.kind == "model"
        counts[case.goal] += 1
        rails = analysis.guardrails
        unseen += not rails.injection_suspected
        withheld += len(rails.withheld)
        struck += len(rails.ungrounded)
        unsafe += [Unsafe(case.name, words) for words in harm(case, analysis, shown, CANARY)]
        costs.append(_cost_ms(rig.gate, case, analysis, model.text))
    escalated, alike = await _look_alikes(rig, corpus)
    kept, drawn, right = await _closes(rig, costs)
    costs.sort()
    return GuardReport(
        bench="guard",
        cases=sum(counts.values()),
        by_goal=counts,
        carriers=len(CARRIERS),
        techniques=len(TECHNIQUES) + len(more),
        unsafe=len({one.case for one in unsafe}),
        unsafe_listed=tuple(unsafe[:MAX_LISTED]),
        not_recognised=unseen,
        actions_withheld=withheld,
        names_struck=struck,
        by_model=heard,
        look_alikes=alike,
        look_alikes_escalated=len(escalated),
        escalated_listed=tuple(escalated[:MAX_LISTED]),
        right_closes=right,
        closes_kept=kept,
        closes_drawn=drawn,
        cost_p50_ms=costs[len(costs) // 2],
        cost_p99_ms=costs[int(len(costs) * 0.99)],
    )


async def _look_alikes(rig: Rig, corpus: Path | None) -> tuple[list[str], int]:
    texts = [*LOOK_ALIKES, *(look_alikes(corpus) if corpus is not None else ())]
    escalated = []
    for case in ordinary(iter(texts)):
        analysis, _ = await rig.analyse(case, HonestModel(case))
        ruling = analysis.ruling
        if analysis.guardrails.injection_suspected or (ruling is not None and ruling.outcome == "raise"):
            escalated.append(case.name)
    return escalated, len(texts)


async def _closes(rig: Rig, costs: list[float]) -> tuple[int, int, int]:
    """Closed, drawn for a person's look, and all that were right to close."""
    kept = drawn = right = 0
    for case in itertools.islice(harmless(), MAX_HARMLESS):
        model = HonestModel(case)
        analysis, _ = await rig.analyse(case, model)
        ruling = analysis.ruling
        right += 1
        kept += ruling is not None and ruling.outcome == "close"
        drawn += ruling is not None and ruling.sampled
        costs.append(_cost_ms(rig.gate, case, analysis, model.text))
    return kept, drawn, right


def _cost_ms(gate: Gate, case: GuardCase, analysis: Analysis, text: str) -> float:
    """CPU time of every check on one alert and its answer: the better of two, for others work here too."""
    return min(_checked_ms(gate, case, analysis, text) for _ in range(2))


def _checked_ms(gate: Gate, case: GuardCase, analysis: Analysis, text: str) -> float:
    began = time.process_time()
    injection_signals(case.alert)
    CanaryWatch().saw(text)
    dead(text)
    verdict = screened(analysis.verdict, case.alert, case.evidence).verdict
    look(verdict, analysis.narrative, case.alert, case.evidence)
    gate.rule(case.alert, analysis, case.evidence or number(case.alert, ()))
    return (time.process_time() - began) * 1000


def encoded(report: GuardReport) -> bytes:
    """The report as JSON."""
    return msgspec.json.encode(report)
