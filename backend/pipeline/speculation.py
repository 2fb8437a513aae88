"""Analysing what the analyst is about to open: the row under the cursor, and those that follow in the view.

Two things are done, and both only after a cursor has rested, so a pipeline without a screen does neither.

- Alerts that wait for their first analysis are brought forward in the queue: before the medium lane and all
  below it, never before what is critical, high or pressing. That costs nothing, since each would be analysed
  anyway, so nothing is broken off when the cursor moves on: what has not begun goes back to its place.
- Alerts that have only a poor verdict (the playbook answered in place of a model; the verdict of another was
  inherited) are analysed once more by a model: while no alert waits, in slots that no lane wants and not in
  the one kept for critical, within a share of all dollars. That is broken off at once when the cursor moves
  on, when the alert is closed or another analyst takes it, or when a critical or high alert, or a person, has
  to wait for the slot. The lanes below wait the seconds until it is done, and none is begun meanwhile: what
  was begun is paid for, and broken off again and again it would cost most and win nothing. What was
  finished is the alert's verdict from then on, stored like any other, so opening it asks no second time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from backend.analysis.model import Analysis
from backend.api import Row
from backend.clock import Clock
from backend.pipeline.board import Board
from backend.pipeline.foresight import Foresight
from backend.pipeline.investigations import Investigations
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler

FORWARD = 4
"""Rows after the cursor's that are brought forward: at some ten seconds a row, half a minute's reading."""
AGAIN = 2
"""Rows after the cursor's that are analysed once more: each may cost money that nobody asked to spend."""
AT_ONCE = 2
"""Second analyses at the same time."""
REST_S = 2.0
"""After a lane needed the slot: longer than the gap between two alerts of a busy lane."""
RETRY_S = 60.0
"""Before an alert that a model answered on is looked at again."""
IN_VAIN_S = 10.0
"""The same where none could be asked."""
REMEMBERED = 4_096
"""Alerts remembered whose verdict was inherited, or that were tried in vain."""

Again = Callable[[Job], Awaitable[bool]]
"""Analyses an alert once more in a spare slot; whether a model answered, and so the verdict is stored."""

Value = TypeVar("Value")

log = structlog.get_logger("speculation")


class Speculation:
    """Owns everything that is done before somebody asks. Used on the engine's loop only."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        board: Board,
        investigations: Investigations,
        foresight: Foresight,
        again: Again,
        has_spare: Callable[[str], bool],
        wanted: Callable[[int], None],
        clock: Clock,
        actor: str,
        enabled: bool,
        taken: Callable[[int], bool] = lambda _alert_id: False,
        may_risk: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_spare`: whether the model that a lane asks first has a slot that nobody needs now.

        `wanted` is told of alerts that were opened, so that what was spent on them is no waste. `taken`:
        whether an alert is being analysed again already, for another reason. `may_risk`: whether a call of
        the usual price keeps what may turn out to be wasted within its share.
        """
        self._scheduler = scheduler
        self._board = board
        self._investigations = investigations
        self._foresight = foresight
        self._again = again
        self._has_spare = has_spare
        self._book_wanted = wanted
        self._clock = clock
        self._actor = actor
        self._enabled = enabled
        self._taken = taken
        self._may_risk = may_risk
        self._wanted: list[int] = []
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._adopted: set[int] = set()
        self._inherited: OrderedDict[int, None] = OrderedDict()
        self._tried: OrderedDict[int, float] = OrderedDict()
        self._rest_until = 0.0

    def look(self, alert_id: int) -> None:
        """The cursor rests on an alert: what was foreseen for another row is given up."""
        row = self._board.get(alert_id)
        if not self._enabled or row is None:
            return
        after = self._board.following(alert_id, FORWARD)
        waiting = [self._job(one) for one in (row, *after) if one.state in ("queued", "paused")]
        self._scheduler.bring_forward(waiting, self._taken_forward)
        self._wanted = [one.id for one in (row, *after[:AGAIN]) if self._worth(one, at_cursor=one is row)]
        for running in tuple(self._tasks):
            if running not in self._wanted and not self._investigations.watched(running):
                self._break_off(running)
        self.tick()

    def opened(self, alert_id: int) -> None:
        """Somebody opens an alert."""
        self._foresight.opened(alert_id)
        self._book_wanted(alert_id)

    def adopt(self, alert_id: int) -> bool:
        """A person asks for what is being made: it is theirs now, and goes on whatever comes."""
        if alert_id not in self._tasks:
            return False
        self._adopted.add(alert_id)
        self.opened(alert_id)
        return True

    def answered(self, alert_id: int, analysis: Analysis) -> None:
        """An alert has its verdict, whoever gave it."""
        if analysis.kind == "aggregate":
            _remember(self._inherited, alert_id, None)
        else:
            self._inherited.pop(alert_id, None)
            self._foresight.answered(alert_id, analysis)

    def review(self) -> None:
        """People did something: what they closed, or another analyst took, needs no looking ahead."""
        for alert_id in {*self._tasks, *self._wanted, *self._foresight.waiting()}:
            if not self._held_by_others(self._board.get(alert_id)):
                continue
            if alert_id in self._tasks:
                self._break_off(alert_id)
            else:
                self._foresight.missed(alert_id)
        self._wanted = [one for one in self._wanted if not self._held_by_others(self._board.get(one))]

    def tick(self) -> None:
        """Begin what is wanted where nobody needs the slot; called from time to time."""
        if not self._wanted or len(self._tasks) >= AT_ONCE or self._scheduler.waiting:
            return
        if self._clock.mono() < self._rest_until or not self._may_risk():
            return
        for alert_id in tuple(self._wanted):
            row = self._board.get(alert_id)
            if row is None or not self._worth(row, at_cursor=True):
                self._wanted.remove(alert_id)
            elif alert_id not in self._tasks and self._has_spare(row.lane):
                self._start(row)
                return

    def give_way(self) -> bool:
        """An urgent alert has to wait for a slot that work nobody asked for may hold: end one such call.

        The one that is least likely to be opened next; one that is ending makes room for another already.
        False where there is none to end.
        """
        self._rest_until = self._clock.mono() + REST_S
        places = {alert_id: place for place, alert_id in enumerate(self._wanted)}
        for alert_id in sorted(self._tasks, key=lambda one: places.get(one, len(places)), reverse=True):
            if alert_id not in self._adopted and not self._tasks[alert_id].cancelling():
                self._break_off(alert_id)
                return True
        return False

    async def close(self) -> None:
        """Break off everything, and begin nothing more."""
        self._enabled, self._wanted = False, []
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def at_work(self, alert_id: int) -> bool:
        """Whether a second analysis of an alert is being made now."""
        return alert_id in self._tasks

    @property
    def running(self) -> int:
        """Second analyses being made now."""
        return len(self._tasks)

    def _worth(self, row: Row, *, at_cursor: bool) -> bool:
        """Whether a model's own look would add something; to an inherited verdict only at the cursor."""
        if self._held_by_others(row) or not row.verdict_ms or row.state in ("enriching", "analysing"):
            return False
        if self._taken(row.id):
            return False
        if self._clock.mono() < self._tried.get(row.id, 0.0):
            return False
        instead_of_model = row.degraded and row.analysed_by.startswith("playbook:")
        return instead_of_model or (at_cursor and row.id in self._inherited)

    def _held_by_others(self, row: Row | None) -> bool:
        if row is None or row.state == "closed":
            return True
        return row.state == "claimed" and row.decided_by != self._actor

    def _job(self, row: Row) -> Job:
        return Job(row.id, row.head, row.lane, row.received_ms, row.deadline_ms, self._clock.mono())

    def _taken_forward(self, job: Job) -> None:
        if not self._investigations.watched(job.alert_id):  # else a person waits already: nothing is foreseen
            self._foresight.began(job.alert_id)

    def _start(self, row: Row) -> None:
        if not self._investigations.watched(row.id):
            self._foresight.began(row.id)
        task = asyncio.get_running_loop().create_task(self._analyse(row), name=f"speculation-{row.id}")
        self._tasks[row.id] = task
        task.add_done_callback(lambda _done: self._ended(row.id))

    def _ended(self, alert_id: int) -> None:
        self._tasks.pop(alert_id, None)
        self._adopted.discard(alert_id)
        self.tick()

    async def _analyse(self, row: Row) -> None:
        answered = False
        try:
            answered = await self._again(self._job(row))
        except asyncio.CancelledError:
            self._foresight.missed(row.id)
            raise
        except Exception:  # nobody asked for it, so nobody need be told; the verdict there is stands
            log.exception("could not be analysed ahead", alert_id=row.id)
        # Also where it was answered: until the verdict is on disk its row still shows the old one.
        _remember(self._tried, row.id, self._clock.mono() + (RETRY_S if answered else IN_VAIN_S))
        if answered and (row.id in self._adopted or self._investigations.watched(row.id)):
            self._book_wanted(row.id)
        if not answered:
            self._foresight.forget(row.id)

    def _break_off(self, alert_id: int) -> None:
        task = self._tasks.get(alert_id)
        if task is not None and alert_id not in self._adopted:
            task.cancel()


def _remember(known: OrderedDict[int, Value], alert_id: int, value: Value) -> None:
    known[alert_id] = value
    while len(known) > REMEMBERED:
        known.popitem(last=False)
