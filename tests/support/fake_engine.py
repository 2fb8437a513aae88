"""An engine for tests of the screen: scripted snapshots behind the port, every command recorded."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec

from backend.analysis.model import TranscriptEvent
from backend.api import Command, CostView, Detail, Look, OrderView, Reply, Row, Snapshot, TranscriptSlice
from backend.engine import SentView

EMPTY = Snapshot(
    version=1,
    wall_ms=0,
    demo=False,
    sources=(),
    lanes=(),
    stages=(),
    cost=CostView(0.0, 0.0, 0.0, None, None, 0.0),
    models=(),
    rows=(),
    rows_version=0,
    rows_total=0,
    open_total=0,
)

Answer = Callable[[Command], Reply]


class FakeEngine:
    """Serves what the test puts in, answers commands at once (or when told), and remembers what was asked."""

    def __init__(self, snapshot: Snapshot = EMPTY, answer: Answer | None = None) -> None:
        self.snapshot = snapshot
        self.failed = ""
        self.commands: list[Command] = []
        self.looked: list[int] = []
        self.watched: set[int] = set()
        self.watch_calls: list[int] = []
        self.details: dict[int, Detail] = {}
        self.transcripts: dict[int, list[TranscriptEvent]] = {}
        self.live: set[int] = set()
        self.sent_views: dict[int, SentView] = {}
        self.orders: dict[int, OrderView] = {}
        self.held: list[Future[Reply]] | None = None
        """A list here holds answers back: the test completes them."""
        self.started = False
        self.stopped = False
        self._answer = answer or (lambda command: Reply(True, "done"))

    # --- the port ---------------------------------------------------------------------------------------

    def start(self) -> None:
        self.started = True

    def stop(self, timeout_s: float = 5.0) -> None:
        self.stopped = True

    def watch(self, alert_id: int) -> None:
        self.watched.add(alert_id)
        self.watch_calls.append(alert_id)

    def unwatch(self, alert_id: int) -> None:
        self.watched.discard(alert_id)

    def detail(self, alert_id: int) -> Detail | None:
        return self.details.get(alert_id) if alert_id in self.watched else None

    def transcript(self, alert_id: int, cursor: int = 0) -> TranscriptSlice:
        events = self.transcripts.get(alert_id, []) if alert_id in self.watched else []
        return TranscriptSlice(tuple(events[cursor:]), len(events), alert_id in self.live)

    def sent(self, alert_id: int) -> "Future[SentView]":
        future: Future[SentView] = Future()
        future.set_result(self.sent_views.get(alert_id, SentView(alert_id, note="nothing would be sent")))
        return future

    def why(self, alert_id: int) -> "Future[OrderView]":
        future: Future[OrderView] = Future()
        future.set_result(self.orders.get(alert_id, OrderView(alert_id)))
        return future

    def send(self, command: Command) -> "Future[Reply]":
        future: Future[Reply] = Future()
        if isinstance(command, Look):  # where the cursor rests is no deed of the analyst's
            self.looked.append(command.alert_id)
            future.set_result(Reply(True, ""))
            return future
        self.commands.append(command)
        if self.held is None:
            future.set_result(self._answer(command))
        else:
            self.held.append(future)
        return future

    # --- for tests --------------------------------------------------------------------------------------

    def publish(self, **changes: object) -> None:
        """The next snapshot, with these fields changed."""
        if "rows" in changes:
            changes.setdefault("rows_version", self.snapshot.rows_version + 1)
        self.snapshot = msgspec.structs.replace(self.snapshot, version=self.snapshot.version + 1, **changes)

    def publish_rows(self, rows: Sequence[Row]) -> None:
        """The next snapshot with these rows, all of them open."""
        self.publish(rows=tuple(rows), rows_total=len(rows), open_total=len(rows))

    def last(self) -> Command:
        """The latest command."""
        return self.commands[-1]
