"""Commands over a real journal, board and history: what stands behind an analyst's keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from backend.api import Command, Reply, Row
from backend.assembly import build_enrichers
from backend.clock import SystemClock
from backend.enrichment.base import Finding
from backend.enrichment.history import HistoryEnricher
from backend.journal import outcomes
from backend.journal.reader import HistoryRow
from backend.journal.store import Journal
from backend.journal.stored import Decision
from backend.pipeline.board import Board
from backend.pipeline.commands import Commands
from backend.pipeline.investigations import Investigations
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.verdicts import analysed_row
from backend.settings import Settings
from tests.unit.pipeline.builders import build_alert, entry, head, open_journal, result, row, stored


class Desk:
    """Alerts 1 to `count`, all of one rule on one host; the first half of them analysed."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.board = Board()
        self.scheduler = Scheduler(self._nothing_more)
        self.investigations = Investigations(journal, self.board, build_alert)
        (history,) = build_enrichers(Settings(), journal, SystemClock())
        assert isinstance(history, HistoryEnricher)
        self.history = history
        self.asked: list[tuple[int, str]] = []
        self.commands = Commands(
            journal=journal,
            board=self.board,
            scheduler=self.scheduler,
            investigations=self.investigations,
            history=history,
            ask=self._ask,
            clock=SystemClock(),
            actor="ann",
        )

    async def fill(self, count: int = 4) -> None:
        ids = await stored(self.journal, [entry(n) for n in range(count)])
        for alert_id in ids:
            self.board.put(row(alert_id))
        for alert_id in ids[: count // 2]:
            await self.analysed(alert_id, "Suspicious")

    async def analysed(self, alert_id: int, verdict: str) -> None:
        done = result(verdict)
        await (await self.journal.write(lambda c: outcomes.put_result(c, alert_id, done)))
        self.board.put(analysed_row(self.row(alert_id), done))

    async def do(self, command: Command) -> Reply:
        return await self.commands.run(command)

    def row(self, alert_id: int) -> Row:
        found = self.board.get(alert_id)
        assert found is not None
        return found

    async def trail(self, alert_id: int) -> list[Decision]:
        return await self.journal.read(lambda reader: reader.decisions([alert_id]))

    async def known(self) -> HistoryRow | None:
        return await self.journal.read(lambda reader: reader.history("rule-1", "web-01"))

    async def findings(self) -> str:
        found: Sequence[Finding] = await self.history.enrich(build_alert(b"", head(99), "s"))
        return " ".join(one.text for one in found)

    async def _ask(self, of: Row, question: str) -> Reply:
        self.asked.append((of.id, question))
        return Reply(True, "asked", (of.id,))

    @staticmethod
    async def _nothing_more(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
        return []


@asynccontextmanager
async def open_desk(folder: Path, count: int = 4) -> AsyncIterator[Desk]:
    async with open_journal(folder) as journal:
        desk = Desk(journal)
        await desk.fill(count)
        yield desk
        await desk.investigations.close()
        await desk.history.close()
