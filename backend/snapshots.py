"""Building the immutable snapshot that front ends read, at most ten times a second."""

import math
from collections.abc import Callable, Sequence

import msgspec

from backend.api import (
    CatchUpView,
    CostView,
    LaneView,
    ModelView,
    PatternsView,
    Row,
    Snapshot,
    SpeculationView,
)
from backend.clock import Clock
from backend.lanes import LANES
from backend.pipeline.board import Board
from backend.pipeline.ingest import Ingest
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.sharing import Shared
from backend.sources.base import SourceStatus
from backend.telemetry.histogram import Window
from backend.telemetry.stages import StageTimes

LAG_STEP_MS = 10.0

NO_COST = CostView(0.0, 0.0, 0.0, None, None, 0.0)


class LaneScore(msgspec.Struct):
    """Verdicts given in a lane since start."""

    done: int = 0
    breached: int = 0


class SnapshotBuilder:
    """Reads the parts of a running engine; changes nothing. Used on the engine's loop only."""

    def __init__(
        self,
        *,
        clock: Clock,
        board: Board,
        scheduler: Scheduler,
        ingest: Ingest,
        stages: StageTimes,
        scores: dict[str, LaneScore],
        demo: bool,
        sources: Callable[[], Sequence[SourceStatus]],
        cost: Callable[[], CostView],
        models: Callable[[], Sequence[ModelView]],
        trouble: Callable[[], Sequence[str]],
        loop_lag: Window,
        speculation: Callable[[], SpeculationView] = SpeculationView,
        catch_up: Callable[[], CatchUpView] = CatchUpView,
        patterns: Callable[[], PatternsView] = PatternsView,
        shared: Callable[[str], Shared] = lambda _lane: Shared(),
    ) -> None:
        """Everything a snapshot is made of."""
        self._clock = clock
        self._board = board
        self._scheduler = scheduler
        self._ingest = ingest
        self._stages = stages
        self._scores = scores
        self._demo = demo
        self._sources = sources
        self._cost = cost
        self._models = models
        self._trouble = trouble
        self._loop_lag = loop_lag
        self._speculation = speculation
        self._catch_up = catch_up
        self._patterns = patterns
        self._shared = shared
        self._rows: tuple[Row, ...] = ()
        self._rows_version = -1
        self._last: Snapshot | None = None

    def build(self) -> Snapshot:
        """The state now. The same object as before where nothing but the time has changed."""
        board = self._board
        if self._rows_version != board.version:
            self._rows = board.rows()
            self._rows_version = board.version
        now = self._clock.mono()
        totals = self._ingest.totals
        last = self._last
        fresh = Snapshot(
            version=last.version if last is not None else 0,
            wall_ms=last.wall_ms if last is not None else self._clock.wall_ms(),
            demo=self._demo,
            sources=tuple(self._sources()),
            lanes=tuple(self._lane(name, now) for name in LANES),
            stages=self._stages.views(now),
            cost=self._cost(),
            models=tuple(self._models()),
            rows=self._rows,
            rows_version=self._rows_version,
            rows_total=board.matching + (board.beyond if not board.filter_text else 0),
            open_total=board.open_total,
            filter_text=board.filter_text,
            filter_error=board.filter_error,
            alerts_total=totals.alerts,
            events_total=totals.events,
            dead_letters=totals.dead,
            duplicates=totals.duplicates,
            engine_lag_ms=_steady(self._loop_lag.quantile(now, 0.99) or 0.0, last),
            trouble=tuple(self._trouble()),
            speculation=self._speculation(),
            catch_up=self._catch_up(),
            patterns=self._patterns(),
        )
        if last is not None and _same(fresh, last):
            return last
        self._last = msgspec.structs.replace(fresh, version=fresh.version + 1, wall_ms=self._clock.wall_ms())
        return self._last

    def _lane(self, name: str, now: float) -> LaneView:
        wall_ms = self._clock.wall_ms()
        first = self._scheduler.first(name)
        running = self._scheduler.running(name)
        deadlines = [job.deadline_ms for job in running if job.deadline_ms]
        if first is not None and first.deadline_ms:
            deadlines.append(first.deadline_ms)
        breach_in_ms = min(deadlines) - wall_ms if deadlines else None
        score = self._scores[name]
        shared = self._shared(name)
        forming = shared.forming
        return LaneView(
            name=name,
            queued=self._scheduler.queued(name) + shared.held,
            running=max(0, len(running) - shared.held),
            oldest_ms=_whole_seconds(wall_ms - first.received_ms) if first is not None else None,
            breach_in_ms=_whole_seconds(breach_in_ms) if breach_in_ms is not None else None,
            per_minute=self._ingest.lane_rates[name].per_minute(now),
            done=score.done,
            breached=score.breached,
            forming=forming.fullest,
            forming_of=forming.size,
            forming_left_s=math.ceil(forming.left_s),
            held=shared.held,
            folds=shared.folds.folds,
            folded=shared.folds.folded,
        )


def _whole_seconds(ms: int) -> int:
    """Times on screen tick in seconds, so that a snapshot does not change more often than what is shown."""
    return ms // 1000 * 1000


def _steady(lag_ms: float, last: Snapshot | None) -> float:
    """The lag to show: the one shown before unless it moved by 10 ms and a quarter.

    A loop with nothing to do still wakes a little sooner or later each time; that is no news.
    """
    shown = last.engine_lag_ms if last is not None else 0.0
    moved = abs(lag_ms - shown)
    return round(lag_ms, 1) if moved >= LAG_STEP_MS and moved >= shown / 4 else shown


def _same(fresh: Snapshot, last: Snapshot) -> bool:
    """Whether nothing that is shown has changed; rows are compared by their version, not one by one."""
    return all(
        getattr(fresh, name) == getattr(last, name)
        for name in Snapshot.__struct_fields__
        if name not in ("version", "wall_ms", "rows")
    )
