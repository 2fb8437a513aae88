"""Why an alert is where it is, told from the scheduler's own state: read, never changed.

Everything here is looked up when somebody asks, so that nothing has to be kept for it. It costs a walk over
the lanes' queues in memory: a few milliseconds where they are full.
"""

from collections.abc import Callable, Sequence

from backend.clock import Clock
from backend.lanes import LANE_NUMBER, LANES
from backend.order_views import AheadView, OrderView, RoomView, Standing, Why
from backend.pipeline.batches import Batches
from backend.pipeline.board import Board
from backend.pipeline.expected import expected_s
from backend.pipeline.job import Job
from backend.pipeline.scheduler import PRESSING_MS, Scheduler


class Order:
    """Answers for one alert. Used on the engine's loop only."""

    def __init__(
        self,
        board: Board,
        scheduler: Scheduler,
        batches: Batches,
        rooms: Callable[[str], tuple[RoomView, ...]],
        clock: Clock,
    ) -> None:
        """`rooms`: a lane's models with what they have room for (`Models.rooms`)."""
        self._board = board
        self._scheduler = scheduler
        self._batches = batches
        self._rooms = rooms
        self._clock = clock

    async def view(self, alert_id: int) -> OrderView:
        """Where it stands now, and what lets it go on."""
        row = self._board.get(alert_id)
        if row is None:
            return OrderView(alert_id, note="it is not on the board: closed long ago, or beyond its limit")
        job, standing = self._find(alert_id, row.lane)
        if job is None and row.state == "queued" and not row.verdict:
            standing = "stored"
        together = self._batches.about(alert_id)
        if together is not None:
            standing = "forming" if together.left_s > 0 else "formed"
        lane = job.lane if job is not None else row.lane
        waiting = [one for one in self._scheduler.entries(lane) if job is not None and _before(one, job)]
        waits = standing == "waits"
        ahead = self._ahead(job, standing, waiting) if job is not None and standing != "works" else ()
        rooms = self._rooms(lane)
        view = OrderView(
            alert_id=alert_id,
            standing=standing,
            lane=lane,
            now_ms=self._clock.wall_ms(),
            came_ms=row.received_ms,
            deadline_ms=job.deadline_ms if job is not None else row.deadline_ms,
            place=len(waiting) + 1 if waits else 0,
            of=self._scheduler.queued(lane),
            ahead=ahead,
            admitted=lane == "critical" or self._scheduler.admit(lane),
            rooms=rooms,
            together=together,
            preempted=job.preempted if job is not None else 0,
            tries=job.tries if job is not None else 0,
        )
        return expected_s(view, self._rooms, self._batches.size)

    def _find(self, alert_id: int, lane: str) -> tuple[Job | None, Standing]:
        """The scheduler's own job; its row may still name the lane that it was in."""
        for job in self._scheduler.asked:
            if job.alert_id == alert_id:
                return job, "asked"
        for name in (lane, *(other for other in LANES if other != lane)):
            for job in self._scheduler.running(name):
                if job.alert_id == alert_id:
                    return job, "works"
            for job in self._scheduler.entries(name):
                if job.alert_id == alert_id:
                    return job, "waits"
        return None, "none"

    def _ahead(self, job: Job, standing: Standing, same: Sequence[Job]) -> tuple[AheadView, ...]:
        asked = self._scheduler.asked
        if standing == "asked":
            return _told("asked", asked[: next(n for n, one in enumerate(asked) if one is job)])
        pressing = _pressing(job, self._clock.wall_ms())
        forward = self._forward(job, pressing)
        seen = {one.alert_id for one in forward}
        found = [*_told("asked", asked)]
        for lane in LANES[: LANE_NUMBER[job.lane]]:
            above = [one for one in self._scheduler.entries(lane) if one.alert_id not in seen]
            if (job.lane, lane) == ("medium", "high") and pressing:
                found += _told("sooner", [one for one in above if _before(one, job)])
            else:
                stored = self._scheduler.queued(lane) - len(self._scheduler.entries(lane))
                stored -= sum(one.lane == lane for one in asked)
                found += _told("lane", above, lane=lane, more=max(0, stored))
        found += _told("forward", forward)
        if job.lane == "high":
            found += _told("pressing", self._pressing_medium(job))
        found += _told("sooner", [one for one in same if one.alert_id not in seen])
        return tuple(found)

    def _forward(self, job: Job, pressing: bool) -> list[Job]:
        """What was brought forward and goes before it, for it is not pressing itself."""
        forward = list(self._scheduler.forward)
        if pressing or job.lane == "critical" or (job.lane == "high" and job not in forward):
            return []
        if job in forward:
            return forward[: forward.index(job)]
        return forward

    def _pressing_medium(self, job: Job) -> list[Job]:
        now_ms = self._clock.wall_ms()
        medium = self._scheduler.entries("medium")
        return [one for one in medium if _pressing(one, now_ms) and one.deadline_ms < job.deadline_ms]


def _pressing(job: Job, now_ms: int) -> bool:
    return 0 < job.deadline_ms <= now_ms + PRESSING_MS


def _before(one: Job, other: Job) -> bool:
    """Whether one comes before the other in the same lane."""
    return (one.deadline_ms, one.alert_id) < (other.deadline_ms, other.alert_id)


def _told(why: Why, jobs: Sequence[Job], *, lane: str = "", more: int = 0) -> tuple[AheadView, ...]:
    """Jobs in front as one line; none where there are none. `more` of them are in the journal alone."""
    if not jobs and not more:
        return ()
    first = min(jobs, key=lambda one: (one.deadline_ms, one.alert_id), default=None)
    if first is None:
        return (AheadView(lane, more, why),)
    title = first.head.title or first.head.rule_name
    return (AheadView(lane or first.lane, len(jobs) + more, why, title, first.deadline_ms),)
