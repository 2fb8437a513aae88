"""Making up for an outage: what the playbook judged while models were down is analysed once one is back.

Which alerts these are is read off their verdicts (`standing.is_stand_in`), so it survives a restart as they
do. They are taken by lane, what was due first first, one after the other (at most `AT_ONCE`), and only

- while no alert of their lane or of one above waits for its first verdict,
- with a slot of a model that nobody waits for, beside the one that is kept for critical,
- as far as the budget goes, and never out of the reserve for critical.

A call for an alert that has no verdict ends one of these that stands in its way. A model that is down is
found to be back by its breaker's one probe; where no new alert comes to be that, one of these is.

Left out is what a person has closed. Given up is what came too long ago, what a model answers again and again
in no usable form, and the least urgent beyond `MOST`: their verdict stands, and no row promises more.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from backend.analysis.model import Analysis
from backend.api import CatchUpView, Row
from backend.clock import Clock
from backend.lanes import LANE_NUMBER, LANES
from backend.pipeline.board import Board
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.second_look import Ending
from backend.pipeline.slots import ON_ALERT
from backend.pipeline.standing import is_stand_in

MOST = 1_000
"""Alerts that are owed an analysis at once: at two at a time and 6 s each, 50 minutes of a model's time."""
AT_ONCE = 2
"""Calls at the same time: half the slots that a model has unless it is configured."""
POLL_S = 0.5
"""Between two looks at whether there is room, while any alert is owed."""
SLACK = 250
"""By how many that is passed before the least urgent are given up, all at once: a storm pays for it once."""
DOWN_S = 3.0
"""Before an alert is tried again on which models failed, doubled each time: always a little less than the
breaker's pause, so that the most urgent is the next probe; but where it is the alert itself that models fail
on, others come between."""
REFUSED_S = 60.0
"""The same where there was no money, slot or leave: that seldom changes sooner."""
MOST_TRIES = 3
"""Of models that do answer, and give nothing that can be used."""

Look = Callable[[Job], Awaitable[Ending]]
"""Analyses an alert in place of its stand-in (`SecondLook.late`)."""

log = structlog.get_logger("catch_up")


class _Owed(msgspec.Struct, gc=False):
    """One alert that a model is to look at."""

    not_before: float = 0.0
    """On the clock's `mono`."""
    tries: int = 0
    """By models that answered, in no form that can be used."""
    failed: int = 0
    """Times that models failed on it."""


class CatchUp:
    """Owns these alerts and the calls on them. Used on the engine's loop only."""

    def __init__(
        self,
        *,
        board: Board,
        scheduler: Scheduler,
        look: Look,
        has_time: Callable[[str, bool], bool],
        taken: Callable[[int], bool],
        clock: Clock,
        max_age_s: float,
        enabled: bool,
    ) -> None:
        """`has_time`: whether a model of a lane may be asked in a slot that nobody waits for; with True also
        one that is only asked whether it is back.

        `taken`: whether an alert is being analysed ahead of its opening.
        """
        self._board = board
        self._scheduler = scheduler
        self._look = look
        self._has_time = has_time
        self._taken = taken
        self._clock = clock
        self._max_age_ms = int(max_age_s * 1000)
        self._enabled = enabled
        self._owed: dict[int, _Owed] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._adopted: set[int] = set()
        self._some = asyncio.Event()
        self._done = self._given_up = 0

    def restore(self) -> None:
        """After a start: what the board's rows say is owed."""
        for row in self._board.rows():
            if row.owed:
                self._owe(row)

    def answered(self, alert_id: int, analysis: Analysis) -> None:
        """An alert has a verdict, on disk and on the board, whoever gave it."""
        row = self._board.get(alert_id)
        if row is not None and is_stand_in(analysis):
            self._owe(row)
        else:
            self._owed.pop(alert_id, None)

    def adopt(self, alert_id: int) -> bool:
        """A person asks for what is being made: it goes on, whatever comes."""
        if alert_id in self._tasks:
            self._adopted.add(alert_id)
        return alert_id in self._tasks

    def at_work(self, alert_id: int) -> bool:
        """Whether an alert is being made up for now."""
        return alert_id in self._tasks

    def preempt(self, alert_id: int) -> bool:
        """End the call on an alert for one that has no verdict yet; False where there is none to end."""
        task = self._tasks.get(alert_id)
        if task is None or alert_id in self._adopted or task.cancelling():
            return False
        task.cancel()
        return True

    async def run(self) -> None:
        """Look again and again whether there is room; sleeps where nothing is owed."""
        while True:
            await self._some.wait()
            self._tick()
            if not self._owed and not self._tasks:
                self._some.clear()
                continue
            await self._clock.sleep(POLL_S)

    async def close(self) -> None:
        """Break off everything, and begin nothing more."""
        self._enabled = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def view(self) -> CatchUpView:
        """The count for a snapshot."""
        return CatchUpView(
            owed=sum(1 for row in map(self._board.get, self._owed) if row is not None and _open(row)),
            running=len(self._tasks),
            done=self._done,
            given_up=self._given_up,
        )

    def trouble(self) -> str:
        """What is still to be made up for, in words; empty where nothing is."""
        owed = self.view().owed
        if not owed:
            return ""
        those = "1 alert waits" if owed == 1 else f"{owed:,} alerts wait"
        return f"{those} for a model: the playbook stands in until one is free"

    def _owe(self, row: Row) -> None:
        if not self._enabled:
            self._let_go(row.id)
            return
        self._owed.setdefault(row.id, _Owed())
        if len(self._owed) > MOST + SLACK:
            for least in sorted(self._rows(), key=_order)[MOST:]:
                self._give_up(least.id)
        self._some.set()

    def _tick(self) -> None:
        self._yield()
        while self._enabled and len(self._tasks) < AT_ONCE:
            row = self._next()
            if row is None:
                return
            self._start(row)

    def _next(self) -> Row | None:
        """The most urgent alert that there is room for now."""
        now, waiting = self._clock.mono(), sorted(self._rows(), key=_order)
        for lane in LANES[: self._free_to()]:
            if not self._has_time(lane, not self._tasks):
                continue
            for row in waiting:
                if row.lane == lane and self._owed[row.id].not_before <= now and not self._busy(row):
                    return row
        return None

    def _rows(self) -> list[Row]:
        """The rows of what is owed. What has left the board or is too old is let go first."""
        rows: list[Row] = []
        oldest = self._clock.wall_ms() - self._max_age_ms
        for alert_id in tuple(self._owed):
            row = self._board.get(alert_id)
            if row is None or not row.owed:
                del self._owed[alert_id]
            elif row.received_ms < oldest and alert_id not in self._tasks:
                self._give_up(alert_id)
            elif _open(row):
                rows.append(row)
        return rows

    def _free_to(self) -> int:
        """How many of the lanes have nothing that waits, counted from the most urgent one."""
        return next((n for n, lane in enumerate(LANES) if self._scheduler.queued(lane)), len(LANES))

    def _busy(self, row: Row) -> bool:
        return (
            row.id in self._tasks
            or row.state not in ("triaged", "claimed")
            or self._taken(row.id)
            or self._scheduler.has(row.lane, row.id)
        )

    def _yield(self) -> None:
        """End what runs while an alert of its lane, or of one above, waits in vain for a model."""
        free_to = self._free_to()
        if free_to == len(LANES) or self._scheduler.admit(LANES[free_to]):
            return
        for alert_id in tuple(self._tasks):
            row = self._board.get(alert_id)
            if row is not None and LANE_NUMBER[row.lane] >= free_to:
                self.preempt(alert_id)

    def _start(self, row: Row) -> None:
        task = asyncio.get_running_loop().create_task(self._make_up(row), name=f"catch-up-{row.id}")
        self._tasks[row.id] = task
        task.add_done_callback(lambda _done: self._ended(row.id))

    def _ended(self, alert_id: int) -> None:
        self._tasks.pop(alert_id, None)
        self._adopted.discard(alert_id)
        self._tick()

    async def _make_up(self, row: Row) -> None:
        ON_ALERT.set(row.id)
        now = self._clock.mono()
        job = Job(row.id, row.head, row.lane, row.received_ms, row.deadline_ms, now)
        try:
            ending = await self._look(job)
        except Exception:  # its verdict stands; the next alert's may go well
            log.exception("could not be analysed again", alert_id=row.id)
            ending = "unusable"
        owed = self._owed.get(row.id)
        if owed is not None:
            self._book(row.id, owed, ending)

    def _book(self, alert_id: int, owed: _Owed, ending: Ending) -> None:
        now = self._clock.mono()
        match ending:
            case "answered" | "needless":
                self._done += ending == "answered"
                del self._owed[alert_id]
                for one in self._owed.values():  # a model is back: the most urgent first again
                    one.not_before = now if one.failed and not one.tries else one.not_before
            case "down":
                owed.not_before = now + DOWN_S * 2.0 ** min(owed.failed, 6)
                owed.failed += 1
            case "refused":
                owed.not_before = now + REFUSED_S
            case "unusable":
                owed.tries += 1
                owed.not_before = now + REFUSED_S
                if owed.tries >= MOST_TRIES:
                    self._give_up(alert_id)

    def _give_up(self, alert_id: int) -> None:
        """Its verdict stays the playbook's, and its row no longer says that another will come."""
        self._owed.pop(alert_id, None)
        self._given_up += 1
        self._let_go(alert_id)

    def _let_go(self, alert_id: int) -> None:
        row = self._board.get(alert_id)
        if row is not None and row.owed:
            self._board.update(alert_id, owed=False)


def _order(row: Row) -> tuple[int, int, int]:
    return (LANE_NUMBER[row.lane], row.deadline_ms or row.received_ms, row.id)


def _open(row: Row) -> bool:
    return row.owed and row.state != "closed"
