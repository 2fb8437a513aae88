"""What each stage takes, waiting apart from work, against its budget."""

from backend.api import STAGES, StageView
from backend.telemetry.histogram import Window

BUDGET_MS: dict[str, float] = {"ingest": 10.0, "route": 5.0, "enrich": 100.0, "analyse": 2000.0, "act": 50.0}
"""p99 per stage, from the design."""


class StageTimes:
    """Two sliding histograms a stage: the work, and the wait before it."""

    def __init__(self) -> None:
        self._work = {name: Window() for name in STAGES}
        self._wait = {name: Window() for name in STAGES}
        self._views: tuple[StageView, ...] = ()
        self._views_at = -1

    def record(self, stage: str, now: float, work_ms: float, wait_ms: float = 0.0, *, times: int = 1) -> None:
        """Count one alert's (or `times` alike alerts') work and wait at a stage."""
        self._work[stage].record(now, work_ms, times)
        self._wait[stage].record(now, wait_ms, times)

    def views(self, now: float) -> tuple[StageView, ...]:
        """All stages for a snapshot, worked out once a second."""
        if int(now) != self._views_at:
            self._views_at = int(now)
            self._views = self._all_views(now)
        return self._views

    def _all_views(self, now: float) -> tuple[StageView, ...]:
        return tuple(
            StageView(
                name=name,
                budget_ms=BUDGET_MS[name],
                work_p50_ms=self._work[name].quantile(now, 0.5),
                work_p99_ms=self._work[name].quantile(now, 0.99),
                wait_p50_ms=self._wait[name].quantile(now, 0.5),
                wait_p99_ms=self._wait[name].quantile(now, 0.99),
                count=self._work[name].count(now),
                trend=self._work[name].trend(now),
            )
            for name in STAGES
        )
