"""A running pipeline: every part wired to the next, on one loop. The engine owns one and guards its door."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from backend.actions.base import Sink
from backend.alerts.model import Alert, DeadLetter, Head, Record
from backend.alerts.registry import build_alert
from backend.alerts.text import safe
from backend.analysis.ledger import LedgerEntry
from backend.api import CatchUpView, Command, Reply, Snapshot, SpeculationView
from backend.assembly import build_enrichers, open_feeds, open_patterns, open_sinks
from backend.background import Background, Booking
from backend.clock import Clock
from backend.enrichment.base import Enricher, EnrichmentError
from backend.enrichment.history import HistoryEnricher
from backend.feeds import DeadNote, Feeds
from backend.journal import JournalError
from backend.journal.store import Journal
from backend.lanes import LANES
from backend.patterns.stage import PATTERN_PARSERS
from backend.pipeline.batch_work import BatchingWork
from backend.pipeline.board import Board
from backend.pipeline.commands import Commands
from backend.pipeline.foresight import Foresight
from backend.pipeline.gates import build_gate
from backend.pipeline.ingest import Ingest
from backend.pipeline.investigations import Investigations, told
from backend.pipeline.job import Job
from backend.pipeline.models import Models
from backend.pipeline.order import Order
from backend.pipeline.outbox import Outbox
from backend.pipeline.pool import Pool
from backend.pipeline.private import DataClasses, SentLog
from backend.pipeline.prompt_caches import PromptCaches
from backend.pipeline.questions import Questions
from backend.pipeline.restore import open_rows, unfinished
from backend.pipeline.route import Router
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.sending import Sending
from backend.pipeline.sharing import FoldFinding, Sharing
from backend.pipeline.spare_time import SpareTime
from backend.pipeline.verdicts import analysed_row, last_resort, new_row
from backend.pipeline.work import Analysed
from backend.settings import Settings
from backend.snapshots import LaneScore, SnapshotBuilder
from backend.telemetry.histogram import Window
from backend.telemetry.stages import StageTimes

BUSY_RECORDS = 500
"""Records on their way to the journal from which on lanes without a deadline rest."""
DAY_MS = 86_400_000

log = structlog.get_logger("engine")


class Runtime:
    """Wires settings, journal, sources, stages and models together."""

    journal_type: Callable[[Path], Journal] = Journal
    models_type: Callable[..., Models] = Models
    """A simulation has others of both."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        home: Path,
        *,
        paced: bool,
        on_analysed: Callable[[Analysed], None] | None,
        on_dead: Callable[[DeadNote], None] | None,
    ) -> None:
        """Check everything that can be checked without connecting.

        Raises:
            SettingsError: something in the settings can't be used.
        """
        self._settings = settings
        self._clock, self._home = clock, home
        self._on_analysed = on_analysed
        self._on_dead = on_dead
        self._feeds = Feeds(open_feeds(settings, clock), clock)
        self._parsers = {feed.source.name: feed.parser for feed in self._feeds.all} | PATTERN_PARSERS
        self._sinks: list[Sink] = open_sinks(settings)
        self._foresight = Foresight(clock, settings.speculation.max_share)
        self._journal = self.journal_type(home / "journal.db")
        self._background = Background()
        self._booking = Booking(self._journal, self._background)
        self._booking.told = (self._foresight.booked,)
        self._models = self.models_type(settings, clock, self._booking.book, paced=paced)
        self._classes = DataClasses(settings.sources, [feed.source.name for feed in self._feeds.all])
        self._models.audit = SentLog(self._journal, self._background.spawn, clock, settings.privacy).keep
        self._enrichers: Sequence[Enricher] = ()
        self._stages, self._board = StageTimes(), Board()
        self._scores = {lane: LaneScore() for lane in LANES}
        self._low_taken = 0.0
        refill = functools.partial(unfinished, self._journal, clock, data_of=self._classes.of)
        self._scheduler = Scheduler(refill, pause=clock.sleep, hold=self._intake_first, now_ms=clock.wall_ms)
        self._scheduler.admit = self._models.admits
        self._patterns = open_patterns(settings, clock, home)
        self._outbox = Outbox(self._journal, {sink.name: sink for sink in self._sinks}, clock)
        self._sharing = Sharing(
            settings,
            (self._journal, self._board, self._scheduler, clock),
            spawn=self._background.spawn,
            build_alert=self._build_alert,
            outbox=self._outbox,
            scores=self._scores,
            analysed=on_analysed,
            hurry=lambda: self._feeds.ended and not self._ingest.waiting,
            spared=self._models.folded,
            changed=lambda leader: self.investigations.changed(leader),
        )
        stages = (self._journal, Router(settings), self._stages, clock)
        self._ingest = Ingest(
            *stages, deliver=self._sharing.deliver, dead=self._dead, raw_lane=self._patterns
        )
        self._ingest.data_of = self._sharing.folds.data_of = self._classes.of
        self.investigations = Investigations(self._journal, self._board, self._build_alert)
        ladder = functools.partial(self._models.ladder, watched=True)
        self.sending = Sending(self._journal, self._build_alert, ladder, clock)
        self.order = Order(self._board, self._scheduler, self._sharing.batches, self._models.rooms, clock)
        self.loop_lag = Window()
        self._start_trouble: list[str] = []
        self._commands: Commands | None = None
        self._pool: Pool | None = None
        self._questions: Questions | None = None
        self._spare_time: SpareTime | None = None
        self._caches: PromptCaches | None = None
        self._builder = SnapshotBuilder(
            clock=clock,
            board=self._board,
            scheduler=self._scheduler,
            ingest=self._ingest,
            stages=self._stages,
            scores=self._scores,
            demo=settings.demo,
            sources=self._feeds.states,
            cost=self._models.cost,
            models=self._models.views,
            trouble=self._trouble,
            loop_lag=self.loop_lag,
            patterns=lambda: self._patterns.view,
            shared=self._sharing.view,
            speculation=lambda: self._spare_time.foreseen() if self._spare_time else SpeculationView(),
            catch_up=lambda: self._spare_time.caught_up() if self._spare_time else CatchUpView(),
        )

    async def open(self) -> None:
        """Open the journal, take up what is unfinished, load the enrichers and models.

        Raises:
            JournalError: the journal can't be used.
        """
        await asyncio.to_thread(self._journal.open)
        await self._classes.remember(self._journal)
        if self._settings.demo:
            from backend.demo import furnish  # only the demo pays for it

            past = await asyncio.to_thread(furnish, self._settings, self._feeds.all, self._home, self._clock)
            await (await self._journal.write(past))
        known = build_enrichers(self._settings, self._journal, self._clock)
        self._enrichers = [*known, FoldFinding(self._sharing.folds)]
        for enricher in self._enrichers:
            try:
                await enricher.start()
            except EnrichmentError as error:
                self._start_trouble.append(str(error))
        self._models.ledger.restore(
            await self._journal.read(
                lambda reader: [
                    msgspec.msgpack.decode(entry, type=LedgerEntry)
                    for entry in reader.calls(self._clock.wall_ms() - DAY_MS)
                ]
            )
        )
        await self._models.open(self._foresight)
        await self._restore()
        self._wire()

    async def _restore(self) -> None:
        for row in await open_rows(self._journal):
            self._board.put(row)
        await self._sharing.restore()
        for lane, count in (await self._journal.read(lambda reader: reader.count_queued())).items():
            self._scheduler.resume(LANES[lane], count)

    def _wire(self) -> None:
        history = next((e for e in self._enrichers if isinstance(e, HistoryEnricher)), None)
        actor = self._settings.ui.actor or "analyst"
        self._caches = self._models.prompt_caches(self._scheduler.at_work, self._sharing.batches.coming)
        self._sharing.batches.opened = self._caches.forming
        self._booking.told = (self._foresight.booked, self._caches.booked)
        work = BatchingWork(
            journal=self._journal,
            board=self._board,
            stages=self._stages,
            investigations=self.investigations,
            ladder=lambda job: self._models.ladder(
                job.lane, watched=job.asked_for or self.investigations.watched(job.alert_id)
            ),
            enrichers=self._enrichers,
            sinks=self._sinks,
            build_alert=self._build_alert,
            clock=self._clock,
            budget_s=self._settings.enrichment.budget_ms / 1000,
            analysed=self._analysed,
            failed=self._not_stored,
            warm=self._caches.begin,
            gate=build_gate(self._settings.policy),
        )
        work.batcher, work.together = self._models.batcher, self._caches.batch
        work.batched = self._sharing.batched
        self._pool = Pool(
            self._scheduler,
            work.share,
            functools.partial(last_resort, work),
            self._clock,
            size=self._models.workers,
            batches=self._sharing.batches,
            requeued=work.waits_again,
        )
        self._questions = Questions(
            journal=self._journal,
            board=self._board,
            investigations=self.investigations,
            ladder=self._models.ladder("critical", watched=True),
            build_alert=self._build_alert,
            clock=self._clock,
            actor=actor,
        )
        self._spare_time = SpareTime(
            self._settings,
            (self._journal, self._board, self._scheduler, self._clock),
            work=work,
            models=self._models,
            pool=self._pool,
            investigations=self.investigations,
            foresight=self._foresight,
            actor=actor,
            one_verdict=self._on_analysed is not None,
        )
        self._commands = Commands(
            journal=self._journal,
            board=self._board,
            scheduler=self._scheduler,
            investigations=self.investigations,
            history=history,
            ask=self._questions.ask,
            clock=self._clock,
            actor=actor,
            look=self._spare_time.look,
            adopt=self._spare_time.adopt,
        )
        for name, parser in self._parsers.items():
            self._ingest.register(name, parser)

    async def run(self) -> None:
        """Read, analyse and deliver until cancelled."""
        assert self._pool is not None and self._spare_time is not None  # noqa: S101  # `open` made both
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds.all:
                group.create_task(self._feeds.run(feed, self._ingest), name=f"source-{feed.source.name}")
            group.create_task(self._pool.run(), name="pool")
            group.create_task(self._spare_time.run(), name="catch-up")
            group.create_task(self._outbox.run(), name="outbox")
            group.create_task(self._patterns.run(self._ingest), name="patterns")

    async def close(self) -> None:
        """Close models, enrichers, sinks and, last, the journal; a part that fails does not stop the rest."""
        if self._questions is not None:
            await self._questions.close()
        for ahead in (self._sharing, self._spare_time, self._caches, self._patterns):
            if ahead is not None:
                await ahead.close()
        await self.investigations.close()
        await self._scheduler.close()
        self._models.ledger.flush()
        await self._background.finish()
        parts: list[Models | Enricher | Sink] = [self._models, *self._enrichers, *self._sinks]
        for part in parts:
            try:
                await part.close()
            except Exception:  # at the end there is nobody left to tell but the log
                log.exception("could not be closed", part=type(part).__name__)
        await asyncio.to_thread(self._journal.close)

    async def command(self, command: Command) -> Reply:
        """Carry out what a front end asks."""
        if self._commands is None:
            return Reply(False, "the engine is still starting")
        try:
            return self._sharing.decided(command, await self._commands.run(command))
        except JournalError as error:
            return Reply(False, str(error))
        finally:
            if self._spare_time is not None:
                self._spare_time.review()

    def watch(self, alert_id: int) -> None:
        """Somebody opens an alert: its detail and transcript are published from now on."""
        if self._spare_time is not None:
            self._spare_time.opened(alert_id)
        self.investigations.watch(alert_id)

    def _intake_first(self) -> bool:
        """Whether lanes without a deadline rest. Once a second one goes on, with all that is alike.

        They rest while records wait to be stored; and in a storm while somebody reads an answer that is being
        written: the playbook would take every moment that is free, and each word would come 50 ms later.
        """
        read = self.investigations.being_read and any(map(self._scheduler.folding, LANES))
        if self._ingest.waiting < BUSY_RECORDS and not read:
            return False
        now = self._clock.mono()
        if now - self._low_taken < 1.0:
            return True
        self._low_taken = now
        return False

    def snapshot(self) -> Snapshot:
        """The state now."""
        self._scheduler.nudge()
        if self._spare_time is not None:
            self._spare_time.tick()
        return self._builder.build()

    @property
    def idle(self) -> bool:
        """Sources are at their end or caught up; nothing waits, runs, or is owed."""
        quiet = self._feeds.caught_up and self._patterns.idle and not self._ingest.waiting
        return quiet and self._scheduler.idle and self._sharing.idle and self._outbox.empty

    @property
    def source_failures(self) -> tuple[str, ...]:
        """Sources that can't work as configured."""
        return self._feeds.failures

    @property
    def sources_ended(self) -> bool:
        """No source is left that could bring anything."""
        return self._feeds.ended

    def _trouble(self) -> list[str]:
        lines = [self._journal.stalled, *self._feeds.trouble, *self._models.trouble()]
        lines += [*self._outbox.trouble.values(), *self._start_trouble]
        lines.extend(getattr(enricher, "problem", "") for enricher in self._enrichers)
        lines += [*self._patterns.trouble(), self._pool.trouble if self._pool is not None else ""]
        lines.extend(
            f"lane {lane} is overfull ({self._scheduler.queued(lane):,} wait): alike ones share an analysis,"
            " each is counted and kept"
            for lane in LANES
            if self._scheduler.folding(lane)
        )
        lines += [*self._sharing.trouble(), self._spare_time.trouble() if self._spare_time else ""]
        return [str(safe(line, 300)) for line in lines if line]

    def _build_alert(self, raw: bytes, head: Head, source: str) -> Alert:
        """A whole alert; where its source is configured with a mapping, read through that."""
        parser = self._parsers.get(source)
        alert = parser.build_alert(raw, head) if parser is not None else build_alert(raw, head)
        return self._classes.marked(alert, source)

    def _dead(self, record: Record, letter: DeadLetter) -> None:
        if self._on_dead is not None:
            place = record.source, record.partition, record.offset
            self._on_dead(DeadNote(*place, letter.sub, letter.reason, letter.raw))

    def _analysed(self, analysed: Analysed) -> None:
        job = analysed.job
        score = self._scores[job.lane]
        score.done += 1
        old = self._board.get(job.alert_id)
        row = analysed_row(old or new_row(job), analysed.result, analysed.closed)
        score.breached += row.sla_met is False and (old is None or old.sla_met is None)
        if old is not None:
            self._board.put(row)
        elif analysed.closed:  # the board was full: as long as it is open it stays counted there
            self._board.beyond = max(0, self._board.beyond - 1)
        if analysed.close is not None and analysed.closed:
            self.investigations.tell(job.alert_id, told(analysed.close), analysed=True)
        self._models.analysed(job.lane, analysed.result.analysis)
        if self._on_analysed is not None:
            self._on_analysed(analysed)
        if self._spare_time is not None:
            self._spare_time.answered(job.alert_id, analysed.result.analysis)
        self._sharing.answered(job, analysed.result.analysis)
        self.investigations.settled(job.alert_id)
        self._outbox.kick()
        self._scheduler.done(job)

    def _not_stored(self, job: Job, error: BaseException) -> None:
        if self._pool is not None:
            self._background.spawn(self._pool.failed(job, error))
