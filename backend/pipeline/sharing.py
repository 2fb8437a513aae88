"""What alerts share: a row (folds and duplicates) and a request (batches), wired to the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import safe
from backend.analysis.model import Analysis
from backend.api import Command, Decide, Reply
from backend.clock import Clock
from backend.enrichment.base import Finding
from backend.journal.store import Journal
from backend.lanes import LANES
from backend.pipeline.batches import Batches, BatchLimits, Forming
from backend.pipeline.board import Board
from backend.pipeline.campaigns import Campaigns, known
from backend.pipeline.fingerprint import alike_key
from backend.pipeline.folds import SAMPLE, WINDOW_S, FoldCounts, Folds, Spawn
from backend.pipeline.investigations import BuildAlert
from backend.pipeline.job import Job
from backend.pipeline.members import Members
from backend.pipeline.outbox import Outbox
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.work import Analysed
from backend.settings import LaneConfig, Settings


class Shared(msgspec.Struct, frozen=True, gc=False):
    """What a lane's alerts share now, for the screen."""

    held: int = 0
    """Alerts laid aside for a batch."""
    forming: Forming = Forming()
    folds: FoldCounts = FoldCounts()


class Score(Protocol):
    """Verdicts given in a lane since start."""

    done: int
    breached: int


class Sharing:
    """Owns folds, their members and forming batches. Used on the engine's loop only."""

    def __init__(
        self,
        settings: Settings,
        parts: tuple[Journal, Board, Scheduler, Clock],
        *,
        spawn: Spawn,
        build_alert: BuildAlert,
        outbox: Outbox,
        scores: Mapping[str, Score],
        analysed: Callable[[Analysed], None] | None,
        hurry: Callable[[], bool],
        spared: Callable[[str, int], None],
        changed: Callable[[int], None],
    ) -> None:
        """As `Folds`, `Members` and `Batches` have them; `spared` is told of alerts that cost no call."""
        journal, board, scheduler, clock = parts

        def tell(lane: str, told: int, late: int) -> None:
            scores[lane].done += told
            scores[lane].breached += late
            spared(lane, told)

        config = {lane: settings.lanes.get(lane, LaneConfig()) for lane in LANES}
        self.members = Members(
            journal=journal,
            clock=clock,
            build_alert=build_alert,
            sinks=outbox.sinks,
            tell=tell,
            kick=outbox.kick,
            analysed=analysed,
        )
        self.folds = Folds(
            journal=journal,
            board=board,
            scheduler=scheduler,
            clock=clock,
            spawn=spawn,
            settle=self.members.settle,
            told=None if self.members.each else lambda lane, count: tell(lane, count, 0),
            windows={
                lane: (one.window_s or WINDOW_S, SAMPLE if one.sample is None else one.sample)
                for lane, one in config.items()
                if settings.mode(lane) == "aggregate"
            },
            medium_sla_s=settings.sla_s("medium") or 0.0,
            changed=changed,
        )
        self.campaigns = Campaigns(self.folds)
        self._journal = journal
        self.batched = frozenset(
            lane
            for lane in LANES
            if settings.mode(lane) == "batch" and settings.models and settings.chain(lane)
        )
        limits = {
            lane: BatchLimits(
                size=config[lane].max_batch or BatchLimits().size,
                wait_s=_or(config[lane].max_wait_s, BatchLimits().wait_s),
            )
            for lane in self.batched
        }
        self.batches = Batches(scheduler, clock, limits, hurry=hurry)

    async def restore(self) -> None:
        """Take up what the journal holds of folds and of what entities set off."""
        await self.folds.restore()
        self.campaigns.restore(await self._journal.read(lambda reader: known(reader.connection)))

    def deliver(self, jobs: list[Job]) -> None:
        """New alerts."""
        self.folds.deliver(jobs)
        self.campaigns.see(jobs)

    def decided(self, command: Command, reply: Reply) -> Reply:
        """A person had a command carried out; the same reply, where folds were decided saying of how many."""
        if not isinstance(command, Decide) or not reply.ok:
            return reply
        stood_for = self.folds.decided(reply.alert_ids)
        if stood_for <= len(reply.alert_ids):
            return reply
        return msgspec.structs.replace(reply, text=f"{reply.text}: {stood_for:,} with those folded")

    def answered(self, job: Job, analysis: Analysis) -> None:
        """An alert has its verdict, on disk."""
        self.folds.answered(job.alert_id, analysis.ruled)

    def view(self, lane: str) -> Shared:
        """What a lane's alerts share now."""
        return Shared(self.batches.held(lane), self.batches.forming(lane), self.folds.counts(lane))

    def trouble(self) -> list[str]:
        """What is not done just now, in words."""
        told = []
        if self.folds.held_back:
            count = self.folds.held_back
            told.append(
                f"{count:,} folds were new or surging beyond the hour's limit: they stay low, counted"
            )
        if self.folds.looks.passed_by:
            count = self.folds.looks.passed_by
            told.append(f"{count:,} low alerts came too fast to look for injection in: folded all the same")
        return told

    @property
    def idle(self) -> bool:
        """Nothing waits to be written or told."""
        return self.folds.idle and self.members.idle

    async def close(self) -> None:
        """Form and tell no more."""
        await self.batches.close()
        await self.members.close()


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


class FoldFinding:
    """What a fold knows, as evidence on the alert that stands for it."""

    name = "related"

    def __init__(self, folds: Folds) -> None:
        """Ask `folds`."""
        self._folds = folds

    async def start(self) -> None:
        """Nothing to load."""

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        """How many it stands for and why it was promoted; nothing for an alert that stands for itself."""
        fold = self._folds.by_uid(alert.head.uid, (alert.data, *alike_key(alert.head)))
        if fold is None or (fold.count == 1 and not fold.promoted):
            return ()
        span = max(1, round((fold.last_ms - fold.first_ms) / 60_000))
        told = [f"It stands for {fold.count:,} alerts of its rule within {span} min"]
        for count, word in (
            (fold.sources.count, "sources"),
            (fold.destinations.count, "destinations"),
            (fold.users.count, "users"),
        ):
            if count > 1:
                told.append(f"{count:,} {word}")
        words = ", ".join(told) + (f". Promoted: {fold.promoted}" if fold.promoted else "")
        return (Finding("related", safe(words, 300), weight=1 if fold.promoted else 0),)

    async def close(self) -> None:
        """Nothing to release."""
