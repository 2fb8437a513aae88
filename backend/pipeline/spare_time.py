"""What is done with models while no new alert needs them: looking ahead, and making up for an outage."""

from collections.abc import Callable

from backend.analysis.model import Analysis
from backend.api import CatchUpView, SpeculationView
from backend.clock import Clock
from backend.journal.store import Journal
from backend.pipeline.board import Board
from backend.pipeline.catch_up import CatchUp
from backend.pipeline.foresight import Foresight
from backend.pipeline.investigations import Investigations
from backend.pipeline.models import Models
from backend.pipeline.pool import Pool
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.second_look import SecondLook
from backend.pipeline.speculation import Speculation
from backend.pipeline.work import Work
from backend.settings import Settings


class SpareTime:
    """Owns both and sees to it that no alert is looked at by both at once. On the engine's loop only."""

    def __init__(
        self,
        settings: Settings,
        parts: tuple[Journal, Board, Scheduler, Clock],
        *,
        work: Work,
        models: Models,
        pool: Pool,
        investigations: Investigations,
        foresight: Foresight,
        actor: str,
        one_verdict: bool,
    ) -> None:
        """`one_verdict`: whoever asked wants one record an alert, so nothing is made up for.

        The board is as the journal has it, the models are open.
        """
        journal, board, scheduler, clock = parts
        look = SecondLook(work, journal, investigations, clock)
        self._foresight = foresight
        self._pool = pool
        self._ahead = Speculation(
            scheduler=scheduler,
            board=board,
            investigations=investigations,
            foresight=foresight,
            again=lambda job: look.ahead(job, models.spare_ladder(job.lane)),
            has_spare=models.has_spare,
            wanted=models.ledger.used,
            clock=clock,
            actor=actor,
            enabled=settings.speculation.enabled,
            taken=lambda alert_id: self._late.at_work(alert_id),
            may_risk=lambda: foresight.may_risk(models.ledger.usd_today),
        )
        self._late = CatchUp(
            board=board,
            scheduler=scheduler,
            look=lambda job: look.late(job, models.late_ladder(job.lane)),
            has_time=models.has_time,
            taken=self._ahead.at_work,
            clock=clock,
            max_age_s=settings.catch_up.max_age_hours * 3600,
            enabled=settings.catch_up.enabled and not one_verdict,
        )
        self._late.restore()
        models.on_need(self._ahead.give_way, self._preempt)
        self.look: Callable[[int], None] = self._ahead.look
        self.opened: Callable[[int], None] = self._ahead.opened
        self.review: Callable[[], None] = self._ahead.review
        self.tick: Callable[[], None] = self._ahead.tick
        self.run = self._late.run
        self.trouble: Callable[[], str] = self._late.trouble
        self.caught_up: Callable[[], CatchUpView] = self._late.view

    def adopt(self, alert_id: int) -> bool:
        """A person asks for an alert: whether it is being analysed again already; then that goes on."""
        return self._ahead.adopt(alert_id) or self._late.adopt(alert_id)

    def answered(self, alert_id: int, analysis: Analysis) -> None:
        """An alert has its verdict, on disk."""
        self._ahead.answered(alert_id, analysis)
        self._late.answered(alert_id, analysis)

    def foreseen(self) -> SpeculationView:
        """The score of looking ahead, for a snapshot."""
        return self._foresight.view(self._ahead.running)

    async def close(self) -> None:
        """Break off everything, and begin nothing more."""
        await self._ahead.close()
        await self._late.close()

    def _preempt(self, alert_id: int) -> bool:
        return self._late.preempt(alert_id) or self._pool.preempt(alert_id)
