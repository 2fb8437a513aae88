"""What a worker does with one alert: enrich, analyse, act; each stage timed, waiting apart from work."""

import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from backend.actions.base import Sink
from backend.alerts.model import Alert
from backend.analysis.guardrails.gate import Gate
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.model import Analysis
from backend.api import RowState
from backend.clock import Clock
from backend.enrichment.base import Enricher, Evidence
from backend.enrichment.budget import Gathered, Tally, gather
from backend.journal.store import Journal
from backend.journal.stored import Result
from backend.pipeline.acting import Acting
from backend.pipeline.acting import Analysed as Analysed
from backend.pipeline.attempts import Renumbered, broken_off
from backend.pipeline.board import Board
from backend.pipeline.heirs import inherited
from backend.pipeline.investigations import BuildAlert, Investigations
from backend.pipeline.job import Job
from backend.pipeline.numbering import joined, number
from backend.telemetry.stages import StageTimes

log = structlog.get_logger("pipeline")


class Work:
    """Takes one job through the last three stages. Holds no queue and starts no task that outlives a job."""

    def __init__(
        self,
        *,
        journal: Journal,
        board: Board,
        stages: StageTimes,
        investigations: Investigations,
        ladder: Callable[[Job], Ladder],
        enrichers: Sequence[Enricher],
        sinks: Sequence[Sink],
        build_alert: BuildAlert,
        clock: Clock,
        budget_s: float,
        analysed: Callable[[Analysed], None],
        failed: Callable[[Job, BaseException], None],
        warm: Callable[[str], Callable[[], Awaitable[None]] | None] = lambda _lane: None,
        gate: Gate,
    ) -> None:
        """`ladder` picks who answers; `gate` rules on what they say; `analysed` is told of durable verdicts,
        `failed` of any not stored; `warm` of each lane's alert before it is enriched (`PromptCaches.begin`).
        """
        self._journal = journal
        self._board = board
        self._stages = stages
        self._investigations = investigations
        self._ladder = ladder
        self._enrichers = enrichers
        self._build_alert = build_alert
        self._clock = clock
        self._budget_s = budget_s
        self._warm = warm
        self._tally = Tally()
        self._acting = Acting(
            journal=journal,
            board=board,
            stages=stages,
            enrichers=enrichers,
            sinks=sinks,
            gate=gate,
            clock=clock,
            analysed=analysed,
            failed=failed,
        )
        self.act = self._acting.act
        """Rules on a verdict and has it stored (`Acting.act`)."""

    async def run(self, job: Job, alike: Sequence[Job] = ()) -> None:
        """Give the alert its verdict, and those `alike` the same one, marked as inherited.

        Raises whatever a stage raised that it did not expect.
        """
        began = self._clock.mono()
        queue_ms = (began - job.queued_mono) * 1000
        self._at(job, "enriching")
        alert = await self.alert(job)
        warmed = self._warm(job.lane)
        evidence, gathered, enrich_ms = await self.enrich(job, alert, queue_ms)
        if warmed is not None and not job.asked_for:
            await warmed()
        self._at(job, "analysing")
        analysis, analyse_ms = await self._analyse(job, alert, evidence)
        evidence, missing = joined(evidence, gathered)
        result = Result(
            analysis=analysis,
            evidence=evidence,
            missing=missing,
            lane=job.lane,
            deadline_ms=job.deadline_ms,
            verdict_ms=self._clock.wall_ms(),
            latency_ms={
                "ingest": job.ingest_ms,
                "route": job.route_ms,
                "queue": queue_ms,
                "enrich": enrich_ms,
                "first_token": analysis.first_token_ms,
                "analyse": analyse_ms,
            },
        )
        await self.act(job, alert, result)
        await self._inherit(job, result, alike)

    async def _inherit(self, leader: Job, result: Result, alike: Sequence[Job]) -> None:
        if not alike:
            return
        raws = await self._journal.read(lambda reader: reader.raw([job.alert_id for job in alike]))
        for job in alike:
            raw, source = raws[job.alert_id]
            alert = self._build_alert(raw, job.head, source)
            queue_ms = (self._clock.mono() - job.queued_mono) * 1000
            latency = {"ingest": job.ingest_ms, "route": job.route_ms, "queue": queue_ms}
            evidence = number(alert, ())
            analysis = inherited(result.analysis, leader.alert_id, len(alike) + 1, injection_signals(alert))
            await self.act(
                job,
                alert,
                Result(
                    analysis=analysis,
                    evidence=evidence,
                    latency_ms=latency,
                    lane=job.lane,
                    deadline_ms=job.deadline_ms,
                    verdict_ms=self._clock.wall_ms(),
                ),
            )

    def waits_again(self, job: Job) -> None:
        """A job that was at work is back in its queue: its row no longer says that it is worked on.

        Where a critical alert took its model, what was written stays, the attempt will stand in its record,
        and the row says that it is paused.
        """
        row = self._board.get(job.alert_id)
        if row is not None and row.state in ("enriching", "analysing"):
            broken = broken_off(self._investigations.writing(job.alert_id)) if job.preempted else None
            job.broken_off += (broken,) if broken is not None else ()
            self._board.update(job.alert_id, state="paused" if broken is not None else "queued")

    def _at(self, job: Job, state: RowState) -> None:
        """Show how far an alert is, except where a person holds it: what people did stands."""
        row = self._board.get(job.alert_id)
        if row is not None and row.state not in ("claimed", "closed"):
            self._board.update(job.alert_id, state=state)

    async def alert(self, job: Job) -> Alert:
        """The whole alert, from the journal."""
        raw, source = await self._raw(job)
        return self._build_alert(raw, job.head, source)

    async def _raw(self, job: Job) -> tuple[bytes, str]:
        return (await self._journal.read(lambda reader: reader.raw([job.alert_id])))[job.alert_id]

    async def settle(self, job: Job, analysis: Analysis) -> None:
        """Store an analysis that no stage of this pipeline made, with nothing but the alert as evidence."""
        raw, source = await self._raw(job)
        try:
            alert = self._build_alert(raw, job.head, source)
        except Exception:  # this may be the very stage that fails: its head is known all the same
            log.exception("alert could not be built", alert_id=job.alert_id)
            alert = Alert(job.head, raw, data="local-only")  # what its source allows is not known here
        latency = {"ingest": job.ingest_ms, "route": job.route_ms}
        await self.act(
            job,
            alert,
            Result(
                analysis=analysis,
                evidence=number(alert, ()),
                latency_ms=latency,
                lane=job.lane,
                deadline_ms=job.deadline_ms,
                verdict_ms=self._clock.wall_ms(),
            ),
        )

    async def enrich(
        self, job: Job, alert: Alert, queue_ms: float
    ) -> tuple[tuple[Evidence, ...], Gathered, float]:
        """What is known of it within the budget: numbered, with what may still come, and the milliseconds."""
        started = time.perf_counter()
        gathered = await gather(
            self._enrichers, alert, clock=self._clock, budget_s=self._budget_s, tally=self._tally
        )
        enrich_ms = (time.perf_counter() - started) * 1000
        self._stages.record("enrich", self._clock.mono(), enrich_ms, queue_ms)
        evidence = number(alert, gathered.all())
        self._investigations.found(job.alert_id, evidence, gathered.missing)
        return evidence, gathered, enrich_ms

    async def _analyse(
        self, job: Job, alert: Alert, evidence: tuple[Evidence, ...]
    ) -> tuple[Analysis, float]:
        if job.asked_for:
            await self._investigations.load(job.alert_id)  # what was written before stays above
        transcript = self._investigations.writing(job.alert_id)
        started = self._clock.mono()
        left_s = (job.deadline_ms - self._clock.wall_ms()) / 1000 if job.deadline_ms else None
        try:
            analysis = await self._ladder(job).run(
                AnalysisJob(
                    alert_id=job.alert_id,
                    alert=alert,
                    evidence=evidence,
                    signals=injection_signals(alert),
                    lane=job.lane,
                    deadline_mono=started + left_s if left_s is not None else None,
                ),
                Renumbered(transcript).append,
            )
        finally:
            transcript.finish()
        if job.broken_off:
            analysis = msgspec.structs.replace(analysis, attempts=(*job.broken_off, *analysis.attempts))
        analyse_ms = (self._clock.mono() - started) * 1000
        self._stages.record("analyse", self._clock.mono(), analyse_ms)
        return analysis, analyse_ms
