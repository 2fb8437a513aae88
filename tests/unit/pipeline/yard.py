"""Folds over a real journal, board and lane queue: alerts come in, verdicts fall, time is set by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backend.alerts.model import DataClass, Head
from backend.background import Background
from backend.clock import SystemClock
from backend.journal import outcomes
from backend.journal.reader import AlertRow
from backend.journal.store import Journal
from backend.journal.stored import Routed, Slice
from backend.lanes import LANE_NUMBER
from backend.pipeline.board import Board
from backend.pipeline.folds import Folds
from backend.pipeline.job import Job
from backend.pipeline.members import Members
from backend.pipeline.restore import open_rows
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.verdicts import analysed_row
from tests.unit.pipeline.builders import build_alert, open_journal, result

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000


class SetClock(SystemClock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.ms = START_MS

    def wall_ms(self) -> int:
        return self.ms

    def mono(self) -> float:
        return self.ms / 1000


class Yard:
    """Everything between a stored alert and its verdict, as far as folds are concerned."""

    def __init__(self, journal: Journal, clock: SetClock, *, each: bool) -> None:
        self.journal = journal
        self.clock = clock
        self.board = Board()
        self.scheduler = Scheduler(self._nothing_more)
        self.background = Background()
        self.told: dict[str, int] = {}
        self.looked_for: list[int] = []
        """Leaders whose members were looked for in the journal."""
        self.members = Members(
            journal=journal,
            clock=clock,
            build_alert=build_alert,
            sinks=(),
            tell=self._tell,
            kick=lambda: None,
            analysed=None,
        )
        self.folds = Folds(
            journal=journal,
            board=self.board,
            scheduler=self.scheduler,
            clock=clock,
            spawn=self.background.spawn,
            settle=self._settle,
            windows={"low": (3_600.0, 2)},
            medium_sla_s=900.0,
            told=None if each else lambda lane, count: self._tell(lane, count, 0),
        )
        self.offset = 0

    async def come(
        self,
        heads: Sequence[Head],
        lane: str = "low",
        raws: Sequence[bytes] | None = None,
        data: DataClass = "cloud-ok",
    ) -> list[int]:
        """Alerts come in at once, in a batch of their own; their ids."""
        now = self.clock.ms
        alerts = [
            Routed(
                head,
                raws[number] if raws is not None else b'{"n":%d}' % (self.offset + number),
                LANE_NUMBER[lane],
                now,
                0 if lane == "low" else now + 60_000,
                self.offset + number,
            )
            for number, head in enumerate(heads)
        ]
        offsets = [one.offset for one in alerts]
        self.offset += len(alerts)
        batch = Slice("p0", offsets, self.offset, alerts, [], [])  # type: ignore[arg-type]  # whole numbers
        ids = list((await (await self.journal.store("s", [batch]))).ids)
        self.folds.deliver(
            [
                Job(id_, one.head, lane, now, one.deadline_ms, self.clock.mono(), raw=one.raw, data=data)
                for id_, one in zip(ids, alerts, strict=True)
            ]
        )
        await self.settled()
        return ids

    async def answer(self, alert_id: int, verdict: str) -> None:
        """An alert's verdict is on disk."""
        done = result(verdict, self.clock.ms)
        await (await self.journal.write(lambda c: outcomes.put_result(c, alert_id, done)))
        row = self.board.get(alert_id)
        if row is not None:
            self.board.put(analysed_row(row, done))
        self.folds.answered(alert_id, verdict)
        await self.settled()

    async def settled(self) -> None:
        """All that was begun is on disk."""
        while not (self.folds.idle and self.members.idle):
            await asyncio.sleep(0.001)

    async def row(self, alert_id: int) -> AlertRow:
        """An alert as the journal has it."""
        found = await self.journal.read(lambda reader: reader.alert(alert_id))
        assert found is not None
        return found

    @property
    def counted(self) -> int:
        """Alerts that the rows of the board stand for."""
        return sum(row.count for row in self.board.rows()) + sum(
            row.count for row in (self.board.get(one) for one in self._closed()) if row is not None
        )

    def _closed(self) -> list[int]:
        return [one for one in self.board._closed if self.board.get(one) not in self.board.rows()]

    def _settle(self, leader: int) -> None:
        self.looked_for.append(leader)
        self.members.settle(leader)

    def _tell(self, lane: str, told: int, late: int) -> None:
        self.told[lane] = self.told.get(lane, 0) + told

    @staticmethod
    async def _nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
        return []


@asynccontextmanager
async def open_yard(folder: Path, *, each: bool = True) -> AsyncIterator[Yard]:
    """A yard over a journal in `folder`, with what an earlier one left there.

    `each`: members are settled one by one, as where a sink wants their records; else as they join.
    """
    async with open_journal(folder) as journal:
        yard = Yard(journal, SetClock(), each=each)
        for row in await open_rows(journal):
            yard.board.put(row)
        place = await journal.read(lambda reader: reader.position("s", "p0"))
        yard.offset = place if isinstance(place, int) else 0
        await yard.folds.restore()
        await yard.settled()
        try:
            yield yard
        finally:
            await yard.settled()
            await yard.members.close()
            await yard.background.finish()
