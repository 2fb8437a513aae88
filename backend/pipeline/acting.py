"""The last stage: what policy makes of a verdict, stored with what is owed to sinks, all or nothing."""

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Callable, Sequence

import msgspec

from backend.actions.base import Sink
from backend.alerts.model import Alert
from backend.analysis.guardrails.gate import Gate
from backend.analysis.model import Analysis
from backend.api import Row
from backend.clock import Clock
from backend.enrichment.base import Enricher
from backend.enrichment.history import HistoryEnricher, keys
from backend.journal import outcomes
from backend.journal.store import Journal
from backend.journal.stored import Decision, Result
from backend.pipeline.board import Board
from backend.pipeline.gates import machine_close
from backend.pipeline.job import Job
from backend.pipeline.record import encode_record, verdict_record
from backend.pipeline.standing import never_below
from backend.telemetry.stages import StageTimes


class Analysed(msgspec.Struct, frozen=True):
    """One alert with its verdict, as front ends that list verdicts are told."""

    job: Job
    alert: Alert
    result: Result
    close: Decision | None = None
    """What policy had the machine close it with."""
    closed: bool | None = None
    """Whether it did; False also where an earlier closing was taken back."""


class Acting:
    """Acts on verdicts. Starts no task that outlives the write it waits for."""

    def __init__(
        self,
        *,
        journal: Journal,
        board: Board,
        stages: StageTimes,
        enrichers: Sequence[Enricher],
        sinks: Sequence[Sink],
        gate: Gate,
        clock: Clock,
        analysed: Callable[[Analysed], None],
        failed: Callable[[Job, BaseException], None],
    ) -> None:
        """`gate` rules on verdicts; `analysed` is told of those on disk, `failed` of any that is not.

        Of `enrichers` the history is told, where it is among them.
        """
        self._journal = journal
        self._board = board
        self._stages = stages
        self._history = next((e for e in enrichers if isinstance(e, HistoryEnricher)), None)
        self._sinks = sinks
        self._gate = gate
        self._clock = clock
        self._analysed = analysed
        self._failed = failed

    async def act(self, job: Job, alert: Alert, result: Result, before: Analysis | None = None) -> None:
        """Rule on a verdict and have it stored. `before`: the stand-in's, which nobody asked to have redone.

        Returns when it is queued for the journal; `analysed` or `failed` is called when it is on disk or not.
        """
        started = time.perf_counter()
        row = self._board.get(job.alert_id)
        again = row is not None and row.verdict_ms > 0  # asked for anew: the alert is already counted
        if row is not None and again:
            result = msgspec.structs.replace(result, first_verdict_ms=row.verdict_ms)
        analysis = self._ruled(job, alert, result, row, before)
        result = msgspec.structs.replace(result, analysis=analysis)
        close = machine_close(job.alert_id, result)
        closed: list[bool | None] = [None]
        result.latency_ms["act"] = 0.0
        result.latency_ms["total"] = float(max(0, self._clock.wall_ms() - job.received_ms))
        deliveries = self._deliveries(job, alert, result, close)
        rule_key, entity_key = keys(job.head)
        verdict = analysis.ruled

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

    def _ruled(
        self, job: Job, alert: Alert, result: Result, row: Row | None, before: Analysis | None
    ) -> Analysis:
        """The analysis with its ruling. A person holds what was claimed, closed, or asked for anew."""
        taken = row is not None and row.state in ("claimed", "closed")
        anew = before is None and row is not None and row.verdict_ms > 0
        analysis = self._gate.rule(
            alert,
            result.analysis,
            result.evidence,
            missing=result.missing,
            held=taken or anew or job.asked_for,
        )
        return never_below(analysis, before) if before is not None else analysis

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
