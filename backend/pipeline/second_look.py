"""Giving an alert that has a verdict a model's own: before anybody opens it, or once a model is back."""

from typing import Literal

from backend.analysis.entry import CallKind
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.model import Analysis
from backend.clock import Clock
from backend.journal.store import Journal
from backend.journal.stored import CLOSED, Result
from backend.pipeline.held import Held
from backend.pipeline.investigations import Investigations
from backend.pipeline.job import Job
from backend.pipeline.numbering import joined
from backend.pipeline.standing import after_stand_in, is_stand_in, models_failed, was_answered
from backend.pipeline.work import Work

BACK = "a model is back"
"""What an attempt is called that is made up for."""

Ending = Literal["answered", "needless", "down", "refused", "unusable"]
"""How making up for a stand-in ended: a model's verdict is on its way to disk; it has one by now, or a person
has closed it; models failed again; none was asked, for want of money, slot or leave; no answer was of use."""


class SecondLook:
    """Without a model's answer nothing is stored: the verdict there stands. Keeps nothing between looks."""

    def __init__(self, work: Work, journal: Journal, investigations: Investigations, clock: Clock) -> None:
        """`work` has the stages that every alert goes through."""
        self._work = work
        self._journal = journal
        self._investigations = investigations
        self._clock = clock

    async def ahead(self, job: Job, ladder: Ladder) -> bool:
        """Before anybody asks: whether a model answered. Nothing is shown until somebody opens the alert.

        Raises whatever a stage raised that it did not expect.
        """
        analysis = await self._look(job, ladder, "speculation", None)
        return analysis.kind == "model"

    async def late(self, job: Job, ladder: Ladder) -> Ending:
        """In place of the playbook's, which stood in while models were down.

        Raises whatever a stage raised that it did not expect.
        """
        row = await self._journal.read(lambda reader: reader.alert(job.alert_id))
        if row is None or row.result is None or row.closed == CLOSED:
            return "needless"
        before = row.result.analysis
        if not is_stand_in(before):
            return "needless"
        analysis = await self._look(job, ladder, "analysis", before)
        if analysis.kind == "model":
            return "answered"
        if was_answered(analysis):
            return "unusable"
        return "down" if models_failed(analysis) else "refused"

    async def _look(self, job: Job, ladder: Ladder, kind: CallKind, before: Analysis | None) -> Analysis:
        alert = await self._work.alert(job)
        evidence, gathered, enrich_ms = await self._work.enrich(job, alert, 0.0)
        await self._investigations.load(job.alert_id)  # what was written before stays above
        held = Held(self._investigations, job.alert_id, BACK if before is not None else "")
        try:
            analysis = await ladder.run(
                AnalysisJob(
                    alert_id=job.alert_id,
                    alert=alert,
                    evidence=evidence,
                    signals=injection_signals(alert),
                    lane=job.lane,
                    deadline_mono=None,
                    kind=kind,
                ),
                held.append,
            )
            if analysis.kind == "model":
                held.show()
        finally:
            held.close()
            self._investigations.settled(job.alert_id)
        if analysis.kind != "model":
            return analysis
        evidence, missing = joined(evidence, gathered)
        latency = {
            "enrich": enrich_ms,
            "first_token": analysis.first_token_ms,
            "analyse": analysis.analyse_ms,
        }
        result = Result(
            analysis=analysis if before is None else after_stand_in(analysis, before),
            evidence=evidence,
            missing=missing,
            lane=job.lane,
            deadline_ms=job.deadline_ms,
            verdict_ms=self._clock.wall_ms(),
            latency_ms=latency,
        )
        await self._work.act(job, alert, result, before)
        return analysis
