"""What a worker does with a batch: each alert is enriched by itself, all are asked about at once.

A verdict is acted on the moment its line is whole. Whoever shows a sign of injection, or gets no valid line,
goes through all stages alone.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText
from backend.analysis.batch import Batched, Batcher
from backend.analysis.guardrails.injection import injection_signals, text_signals
from backend.analysis.ladder import AnalysisJob
from backend.analysis.model import (
    Analysis,
    AttemptEnded,
    AttemptStarted,
    Delta,
    VerdictReady,
)
from backend.analysis.shares import Share
from backend.enrichment.base import Evidence
from backend.enrichment.budget import Gathered
from backend.journal import outcomes
from backend.journal.stored import Result
from backend.pipeline.job import Job
from backend.pipeline.numbering import joined
from backend.pipeline.work import Work


class _Ready(msgspec.Struct, frozen=True):
    """One alert ready to be asked about."""

    job: Job
    alert: Alert
    evidence: tuple[Evidence, ...]
    gathered: Gathered
    queue_ms: float
    enrich_ms: float


class BatchingWork(Work):
    """`Work` that also takes several alerts at once."""

    batcher: Callable[[str], Batcher | None] = staticmethod(lambda _lane: None)
    """Who answers for a lane; None where nobody does."""
    batched: frozenset[str] = frozenset()
    """Lanes whose companions are a batch; elsewhere they inherit the first one's verdict."""
    together: Callable[[str, Sequence[int]], AbstractAsyncContextManager[None]] = staticmethod(
        lambda _lane, _alert_ids: nullcontext()
    )
    """Stands around each request about several alerts (`PromptCaches.batch`)."""

    async def share(self, job: Job, companions: Sequence[Job]) -> None:
        """Work on a job with what came along: as a batch, as heirs, or alone."""
        batcher = self.batcher(job.lane) if companions and job.lane in self.batched else None
        if batcher is None:
            await self.run(job, companions)
        else:
            await self.run_batch([job, *companions], batcher)

    async def run_batch(self, jobs: Sequence[Job], batcher: Batcher) -> None:
        """Give each of the alerts its verdict.

        Raises the first of what stages raised that they did not expect, once all others are through.
        """
        began = self._clock.mono()
        for job in jobs:
            self._at(job, "enriching")
        ready = await _all([self._ready(job, began) for job in jobs])
        steered = [one for one in ready if _signals(one)]
        asked = [one for one in ready if not _signals(one)]
        acting: list[asyncio.Task[None]] = []

        def take(index: int, analysis: Analysis) -> None:
            acting.append(asyncio.get_running_loop().create_task(self._take(asked[index], analysis)))

        alone = [one.job for one in steered]
        batched = Batched({}, ())
        if len(asked) > 1:
            for one in asked:
                self._at(one.job, "analysing")
            try:
                async with self.together(asked[0].job.lane, [one.job.alert_id for one in asked]):
                    batched = await batcher.run([_asking(one, self._clock) for one in asked], take)
            finally:
                failures = await asyncio.gather(*acting, return_exceptions=True)
            _raise_first(failures)
            await self._correct({asked[index].job.alert_id: one for index, one in batched.answered.items()})
            alone += [asked[index].job for index in batched.alone]
        else:
            alone += [one.job for one in asked]
        await _all([self.run(job) for job in alone])

    async def _ready(self, job: Job, began: float) -> _Ready:
        queue_ms = (began - job.queued_mono) * 1000
        alert = await self.alert(job)
        evidence, gathered, enrich_ms = await self.enrich(job, alert, queue_ms)
        return _Ready(job, alert, evidence, gathered, queue_ms, enrich_ms)

    async def _take(self, one: _Ready, analysis: Analysis) -> None:
        """Show and store one alert's verdict."""
        job = one.job
        self._tell(job, analysis)
        evidence, missing = joined(one.evidence, one.gathered)
        self._stages.record("analyse", self._clock.mono(), analysis.analyse_ms)
        await self.act(
            job,
            one.alert,
            Result(
                analysis=analysis,
                evidence=evidence,
                missing=missing,
                lane=job.lane,
                deadline_ms=job.deadline_ms,
                verdict_ms=self._clock.wall_ms(),
                latency_ms={
                    "ingest": job.ingest_ms,
                    "route": job.route_ms,
                    "queue": one.queue_ms,
                    "enrich": one.enrich_ms,
                    "first_token": analysis.first_token_ms,
                    "analyse": analysis.analyse_ms,
                },
            ),
        )

    def _tell(self, job: Job, analysis: Analysis) -> None:
        transcript = self._investigations.writing(job.alert_id)
        by = (analysis.provider, analysis.model)
        started_ms = self._clock.wall_ms() - int(analysis.analyse_ms)
        transcript.append(AttemptStarted(0, *by, started_ms, note="batch"))
        transcript.append(VerdictReady(0, analysis.verdict, *by, analysis.first_token_ms))
        transcript.append(Delta(0, analysis.narrative))
        transcript.append(
            AttemptEnded(
                0,
                *by,
                "complete",
                SafeText(""),
                analysis.usage,
                analysis.cost_usd,
                analysis.guardrails.ungrounded,
            )
        )
        transcript.finish()

    async def _correct(self, costs: dict[int, Share]) -> None:
        """Put what each answer cost, known once the call has ended, in place of what was guessed."""
        if not costs:
            return

        def put(connection: sqlite3.Connection) -> None:
            for alert_id, one in costs.items():
                outcomes.put_cost(connection, alert_id, one.usage, one.usd, one.saved_usd)

        await (await self._journal.write(put))
        for alert_id, one in costs.items():
            row = self._board.get(alert_id)
            if row is not None and row.verdict_ms:
                self._board.update(alert_id, cost_usd=one.usd)


def _signals(one: _Ready) -> tuple[str, ...]:
    """Signs of instructions in the alert or in what is known of it."""
    return text_signals([item.finding.text for item in one.evidence], injection_signals(one.alert))


def _asking(one: _Ready, clock: Any) -> AnalysisJob:  # noqa: ANN401 - a Clock; its protocol is the base's
    job = one.job
    left_s = (job.deadline_ms - clock.wall_ms()) / 1000 if job.deadline_ms else None
    return AnalysisJob(
        alert_id=job.alert_id,
        alert=one.alert,
        evidence=one.evidence,
        signals=(),
        lane=job.lane,
        deadline_mono=clock.mono() + left_s if left_s is not None else None,
    )


async def _all(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all to their ends, then raise the first failure if there is one."""
    results = await asyncio.gather(*work, return_exceptions=True)
    _raise_first(results)
    return results


def _raise_first(results: Sequence[object]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result
