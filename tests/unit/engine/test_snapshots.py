from collections.abc import Sequence
from pathlib import Path

from backend.clock import SystemClock
from backend.journal.store import Journal
from backend.lanes import LANES
from backend.pipeline.board import Board
from backend.pipeline.ingest import Ingest
from backend.pipeline.job import Job
from backend.pipeline.route import Router
from backend.pipeline.scheduler import Scheduler
from backend.settings import Settings
from backend.snapshots import NO_COST, LaneScore, SnapshotBuilder
from backend.telemetry.histogram import Window
from backend.telemetry.stages import StageTimes
from tests.unit.pipeline.builders import job, row


class Clock(SystemClock):
    """Time as the test sets it, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def mono(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return int(self.now * 1000)


class Parts:
    def __init__(self) -> None:
        self.clock = Clock()
        self.board = Board()
        self.scheduler = Scheduler(self._nothing)
        self.lag = Window()
        self.trouble: list[str] = []
        stages = StageTimes()
        ingest = Ingest(
            Journal(Path("unused")), Router(Settings()), stages, self.clock, deliver=lambda _jobs: None
        )
        self.builder = SnapshotBuilder(
            clock=self.clock,
            board=self.board,
            scheduler=self.scheduler,
            ingest=ingest,
            stages=stages,
            scores={lane: LaneScore() for lane in LANES},
            demo=False,
            sources=list,
            cost=lambda: NO_COST,
            models=list,
            trouble=lambda: self.trouble,
            loop_lag=self.lag,
        )

    @staticmethod
    async def _nothing(_lane: str, _after: int, _limit: int) -> Sequence[Job]:
        return []


def test_where_nothing_changes_the_snapshot_is_the_same_object() -> None:
    parts = Parts()
    first = parts.builder.build()
    parts.clock.now += 5
    assert parts.builder.build() is first


def test_what_changes_is_published_with_a_new_version() -> None:
    parts = Parts()
    first = parts.builder.build()
    parts.board.put(row(1))
    second = parts.builder.build()
    assert (second.version, second.rows_version > first.rows_version) == (first.version + 1, True)
    parts.trouble.append("something is wrong; it is tried again")
    assert parts.builder.build().version == second.version + 1


def test_the_jitter_of_an_idle_loop_is_no_news_but_real_lag_is() -> None:
    parts = Parts()
    first = parts.builder.build()
    for lag_ms in (0.2, 3.0, 1.0, 8.0):
        parts.lag.record(parts.clock.now, lag_ms)
        assert parts.builder.build() is first
    for _ in range(20):
        parts.lag.record(parts.clock.now, 200.0)
    late = parts.builder.build()
    assert 180 < late.engine_lag_ms < 220
    parts.lag.record(parts.clock.now, 215.0)
    assert parts.builder.build() is late


def test_a_lane_shows_how_long_it_waits_and_how_long_it_has() -> None:
    parts = Parts()
    parts.scheduler.offer(job(1, "high", deadline_ms=160_000))
    parts.clock.now += 30
    high = next(lane for lane in parts.builder.build().lanes if lane.name == "high")
    assert (high.queued, high.running, high.oldest_ms, high.breach_in_ms) == (1, 0, 130_000, 30_000)
