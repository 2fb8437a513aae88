"""Telling folded alerts their verdict: their leader's, page by page from the journal, so memory stays flat.

Where nobody asks for single records (no sink, no command line) a page costs one update, whatever it holds.
"""

import asyncio
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from backend.alerts.model import Alert
from backend.clock import Clock
from backend.enrichment.history import keys
from backend.journal import folds as stored
from backend.journal import outcomes
from backend.journal.folds import Member
from backend.journal.inheriting import inherited_result
from backend.journal.store import Journal
from backend.journal.stored import Result
from backend.lanes import LANES
from backend.pipeline.investigations import BuildAlert
from backend.pipeline.job import Job
from backend.pipeline.numbering import number
from backend.pipeline.record import encode_record, verdict_record
from backend.pipeline.work import Analysed

PAGE = 500
"""Members told at once: some milliseconds of work between two steps of the loop."""
RETRY_S = 1.0

log = structlog.get_logger("pipeline")


class Teller(Protocol):
    """Who hears of members' verdicts."""

    def __call__(self, lane: str, told: int, late: int) -> None:
        """So many alerts of a lane have their verdict, and so many of them after their deadline."""
        ...


class Members:
    """Gives members their leader's verdict. One task a leader at a time; used on the engine's loop only."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        build_alert: BuildAlert,
        sinks: Sequence[str],
        tell: Teller,
        kick: Callable[[], None],
        analysed: Callable[[Analysed], None] | None,
    ) -> None:
        """`sinks` are owed a record of each; `analysed` is called for each once its verdict is on disk.

        `kick` wakes the outbox.
        """
        self._journal = journal
        self._clock = clock
        self._build_alert = build_alert
        self._sinks = tuple(sinks)
        self._tell = tell
        self._kick = kick
        self._analysed = analysed
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()

    def settle(self, leader: int) -> None:
        """A leader has its verdict, or more have joined it since."""
        if leader in self._tasks:
            self._again.add(leader)
            return
        task = asyncio.get_running_loop().create_task(self._all(leader), name=f"fold-{leader}")
        self._tasks[leader] = task
        task.add_done_callback(lambda _done: self._tasks.pop(leader, None))

    @property
    def each(self) -> bool:
        """Whether single members are asked for: by a sink, or by whoever hears of every verdict."""
        return bool(self._sinks) or self._analysed is not None

    @property
    def idle(self) -> bool:
        """Every member that may be told has been."""
        return not self._tasks

    async def close(self) -> None:
        """Stop; those not told yet are after the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _all(self, leader: int) -> None:
        while True:
            self._again.discard(leader)
            try:
                while await self._page(leader):
                    pass
            except Exception:  # the members stay owed in the journal
                log.exception("members could not be told", leader=leader)
                await self._clock.sleep(RETRY_S)
                continue
            if leader not in self._again:
                return

    async def _page(self, leader: int) -> bool:
        """Tell the next members; False where none is left."""
        page = await self._journal.read(lambda reader: stored.owed(reader.connection, leader, PAGE))
        if not page:
            return False
        row = await self._journal.read(lambda reader: reader.alert(leader))
        if row is None or row.result is None:
            return False
        told = [self._result(member, leader, row.result, whole=self.each) for member in page]
        deliveries = [(member.id, self._owed(member, alert, result)) for member, alert, result in told]
        seen = Counter(pair for pair in (keys(member.head) for member in page) if all(pair))
        verdict = row.result.analysis.ruled
        when_ms = self._clock.wall_ms()

        def put(connection: sqlite3.Connection) -> None:
            stored.settled(connection, leader, page[-1].id)
            outcomes.put_seen(connection, seen, verdict, when_ms)
            for alert_id, owed in deliveries:
                outcomes.put_deliveries(connection, alert_id, owed, when_ms)

        await (await self._journal.write(put))
        self._report(told)
        return True

    def _report(self, told: Sequence[tuple[Member, Alert | None, Result]]) -> None:
        lanes = Counter(member.lane for member, _, _ in told)
        late = Counter(
            member.lane
            for member, _, result in told
            if member.deadline_ms and result.verdict_ms > member.deadline_ms
        )
        for lane, count in lanes.items():
            self._tell(LANES[lane], count, late[lane])
        if self._sinks:
            self._kick()
        if self._analysed is not None:
            for member, alert, result in told:
                if alert is not None:
                    self._analysed(Analysed(_job(member), alert, result))

    def _result(
        self, member: Member, leader: int, result: Result, *, whole: bool
    ) -> tuple[Member, Alert | None, Result]:
        own = inherited_result(result, leader, LANES[member.lane], member.received_ms, member.deadline_ms)
        if not whole:
            return member, None, own
        try:
            alert = self._build_alert(member.raw, member.head, member.source)
        except Exception:  # its head is known all the same
            log.exception("alert could not be built", alert_id=member.id)
            alert = Alert(member.head, member.raw, data="local-only")  # the strictest, where it is not known
        return member, alert, with_evidence(own, alert)

    def _owed(self, member: Member, alert: Alert | None, result: Result) -> list[outcomes.Delivery]:
        if not self._sinks or alert is None:
            return []
        record = verdict_record(alert, result, member.received_ms)
        content = f"{member.id}:{member.head.uid}:{result.verdict_ms}"
        key = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
        record["idempotency_key"] = key
        payload = encode_record(record)
        return [outcomes.Delivery(sink, f"{key}:{sink}", payload) for sink in self._sinks]


def with_evidence(result: Result, alert: Alert) -> Result:
    """An inherited result with the alert itself as its evidence."""
    return Result(
        analysis=result.analysis,
        evidence=number(alert, ()),
        latency_ms=result.latency_ms,
        lane=result.lane,
        deadline_ms=result.deadline_ms,
        verdict_ms=result.verdict_ms,
    )


def _job(member: Member) -> Job:
    return Job(
        member.id, member.head, LANES[member.lane], member.received_ms, member.deadline_ms, queued_mono=0.0
    )
