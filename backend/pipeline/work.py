"""What a worker does with one alert: enrich, analyse, act; each stage timed, waiting apart from work."""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from backend.actions.base import Sink
from backend.alerts.model import Alert
from backend.alerts.text import SafeText, safe
from backend.analysis.guardrails.gate import Gate
from backend.analysis.guardrails.injection import injection_signals
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.model import Analysis, Guardrails
from backend.api import RowState
from backend.clock import Clock
from backend.enrichment.base import Enricher, Evidence, Finding
from backend.enrichment.budget import Answer, Gathered, Tally, gather
from backend.enrichment.history import HistoryEnricher, keys
from backend.journal import outcomes
from backend.journal.store import Journal
from backend.journal.stored import Decision, Result
from backend.pipeline.board import Board
from backend.pipeline.gates import machine_close
from backend.pipeline.held import Held
from backend.pipeline.investigations import BuildAlert, Investigations
from backend.pipeline.job import Job
from backend.pipeline.record import encode_record, verdict_record
from backend.telemetry.stages import StageTimes

log = structlog.get_logger("pipeline")


class Analysed(msgspec.Struct, frozen=True):
    """One alert with its verdict, as front ends that list verdicts are told."""

    job: Job
    alert: Alert
    result: Result
    close: Decision | None = None
    """What policy had the machine close it with."""
    closed: bool | None = None
    """Whether it did; False also where an earlier closing was taken back."""


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
        self._history = next((e for e in enrichers if isinstance(e, HistoryEnricher)), None)
        self._sinks = sinks
        self._build_alert = build_alert
        self._clock = clock
        self._budget_s = budget_s
        self._analysed = analysed
        self._failed = failed
        self._warm = warm
        self._gate = gate
        self._tally = Tally()

    async def run(self, job: Job, alike: Sequence[Job] = ()) -> None:
        """Give the alert its verdict, and those `alike` the same one, marked as inherited.

        Raises whatever a stage raised that it did not expect.
        """
        began = self._clock.mono()
        queue_ms = (began - job.queued_mono) * 1000
        self._at(job, "enriching")
        alert = await self._alert(job)
        warmed = self._warm(job.lane)
        evidence, gathered, enrich_ms = await self._enrich(job, alert, queue_ms)
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
        await self._act(job, alert, result)
        await self._inherit(job, result, alike)

    async def again(self, job: Job, ladder: Ladder) -> bool:
        """Give an alert that has a verdict a model's own, before anybody asks for it; whether one answered.

        Until somebody opens the alert nothing of it is shown, and without a model's answer nothing is stored.
        Raises whatever a stage raised that it did not expect.
        """
        alert = await self._alert(job)
        evidence, gathered, enrich_ms = await self._enrich(job, alert, 0.0)
        held = Held(self._investigations, job.alert_id)
        await self._investigations.load(job.alert_id)  # what was written before stays above
        try:
            analysis = await ladder.run(
                AnalysisJob(
                    alert_id=job.alert_id,
                    alert=alert,
                    evidence=evidence,
                    signals=injection_signals(alert),
                    lane=job.lane,
                    deadline_mono=None,
                    kind="speculation",
                ),
                held.append,
            )
            if analysis.kind == "model":
                held.show()
        finally:
            held.close()
            self._investigations.settled(job.alert_id)
        if analysis.kind != "model":
            return False
        evidence, missing = joined(evidence, gathered)
        latency = {
            "enrich": enrich_ms,
            "first_token": analysis.first_token_ms,
            "analyse": analysis.analyse_ms,
        }
        result = Result(
            analysis=analysis,
            evidence=evidence,
            missing=missing,
            lane=job.lane,
            deadline_ms=job.deadline_ms,
            verdict_ms=self._clock.wall_ms(),
            latency_ms=latency,
        )
        await self._act(job, alert, result)
        return True

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
            await self._act(
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

    def _at(self, job: Job, state: RowState) -> None:
        """Show how far an alert is, except where a person holds it: what people did stands."""
        row = self._board.get(job.alert_id)
        if row is not None and row.state not in ("claimed", "closed"):
            self._board.update(job.alert_id, state=state)

    async def _alert(self, job: Job) -> Alert:
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
            alert = Alert(job.head, raw)
        latency = {"ingest": job.ingest_ms, "route": job.route_ms}
        await self._act(
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

    async def _enrich(
        self, job: Job, alert: Alert, queue_ms: float
    ) -> tuple[tuple[Evidence, ...], Gathered, float]:
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
                transcript.append,
            )
        finally:
            transcript.finish()
        analyse_ms = (self._clock.mono() - started) * 1000
        self._stages.record("analyse", self._clock.mono(), analyse_ms)
        return analysis, analyse_ms

    async def _act(self, job: Job, alert: Alert, result: Result) -> None:
        started = time.perf_counter()
        row = self._board.get(job.alert_id)
        again = row is not None and row.verdict_ms > 0  # asked for anew: the alert is already counted
        if row is not None and again:
            result = msgspec.structs.replace(result, first_verdict_ms=row.verdict_ms)
        held = again or job.asked_for or (row is not None and row.state in ("claimed", "closed"))
        analysis = self._gate.rule(alert, result.analysis, result.evidence, missing=result.missing, held=held)
        result = msgspec.structs.replace(result, analysis=analysis)
        close = machine_close(job.alert_id, result)
        closed: list[bool | None] = [None]
        result.latency_ms["act"] = 0.0
        result.latency_ms["total"] = float(max(0, self._clock.wall_ms() - job.received_ms))
        deliveries = self._deliveries(job, alert, result, close)
        rule_key, entity_key = keys(job.head)
        verdict = analysis.ruling.verdict if analysis.ruling is not None else analysis.verdict.verdict

        def store(connection: sqlite3.Connection) -> None:
            outcomes.put_result(connection, job.alert_id, result, deliveries)
            if close is not None:
                closed[0] = outcomes.close_by_machine(connection, close) or None
            elif again and outcomes.reopen(connection, [job.alert_id], result.verdict_ms):
                closed[0] = False
            if rule_key and entity_key and not again:
                outcomes.put_history(
                    connection,
                    rule_key=rule_key,
                    entity_key=entity_key,
                    verdict=verdict,
                    when_ms=result.verdict_ms,
                )

        work_ms = (time.perf_counter() - started) * 1000
        result.latency_ms["act"] = work_ms
        written = await self._journal.write(store)
        queued = self._clock.mono()

        def durable(future: "asyncio.Future[None]") -> None:
            error = None if future.cancelled() else future.exception()
            if future.cancelled() or error is not None:
                self._failed(job, error or asyncio.CancelledError())
                return
            now = self._clock.mono()
            self._stages.record("act", now, work_ms, (now - queued) * 1000)
            if self._history is not None:
                self._history.record_verdict(job.head, verdict, False, result.verdict_ms)
            self._analysed(Analysed(job, alert, result, close, closed[0]))

        written.add_done_callback(durable)

    def _deliveries(
        self, job: Job, alert: Alert, result: Result, close: Decision | None
    ) -> list[outcomes.Delivery]:
        if not self._sinks:
            return []
        record = verdict_record(alert, result, job.received_ms, (close,) if close is not None else ())
        content = f"{job.alert_id}:{job.head.uid}:{result.verdict_ms}"
        key = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
        record["idempotency_key"] = key
        payload = encode_record(record)
        return [outcomes.Delivery(sink.name, f"{key}:{sink.name}", payload) for sink in self._sinks]


def inherited(analysis: Analysis, leader: int, count: int, signals: tuple[str, ...] = ()) -> Analysis:
    """The analysis of one alert as those that were folded with it inherit it: free, marked, and said so.

    `signals` are those of the alert that inherits: its own text may try what the first one's does not.
    """
    rails = analysis.guardrails
    said = f"Folded: one of {count} alerts of one rule on one entity; alert {leader} was analysed for all."
    verdict = msgspec.structs.replace(analysis.verdict, facts=(), actions=())
    return Analysis(
        verdict=verdict,
        narrative=safe(f"{said} Its verdict: {analysis.verdict.summary}", 600),
        kind="aggregate",
        provider=analysis.provider,
        model=analysis.model,
        degraded=analysis.degraded,
        guardrails=Guardrails(rails.injection_suspected or bool(signals), (*rails.signals, *signals)),
    )


def number(alert: Alert, findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    """Findings as numbered evidence; E1 is always the alert itself."""
    everything = (Finding("alert", _in_a_line(alert)), *findings)
    return tuple(Evidence(f"E{n}", finding) for n, finding in enumerate(everything, start=1))


def joined(
    evidence: tuple[Evidence, ...], gathered: Gathered
) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    """The evidence with what came late, and who still had not answered."""
    missing = list(gathered.missing)
    late: list[Finding] = []
    for task in gathered.late:
        if task.done() and not task.cancelled():
            answer: Answer = task.result()
            if not answer.error:
                late.extend(answer.findings)
                missing.remove(answer.name)
    extra = tuple(Evidence(f"E{len(evidence) + n}", finding) for n, finding in enumerate(late, start=1))
    return evidence + extra, tuple(missing)


def _in_a_line(alert: Alert) -> SafeText:
    head = alert.head
    parts = [head.title or head.rule_name or "alert without a title"]
    ends = [_end(head.src_ip, head.src_port), _end(head.dst_ip, head.dst_port)]
    if all(ends):
        parts.append(" → ".join(ends))
    elif any(ends):
        parts.append(f"from {ends[0]}" if ends[0] else f"to {ends[1]}")
    for name, value in (
        ("host", head.hostname),
        ("user", head.user),
        ("process", alert.process.cmd_line or alert.process.name),
        ("file", alert.file.path or alert.file.name),
        ("product", head.product),
        ("action taken", alert.action),
    ):
        if value:
            parts.append(f"{name} {value}")
    return safe("; ".join(parts), 600)


def _end(ip: str, port: int) -> str:
    if not ip:
        return ""
    return f"{ip}:{port}" if port else ip
