"""Alerts that were recorded, played to the pipeline at their own times under the virtual clock.

The alerts are one JSON document a line, as a product sends them, gzipped or not. Their labels lie beside them
as CSV with a header: `line`, which counts the header too (line 2 labels the first alert), then the attack
phase at that time, and where it is known, the attack's own action. They are for the report alone: nothing of
them reaches the pipeline.
"""

import asyncio
import csv
import functools
import gzip
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from backend.alerts.model import Head, ParsedAlert
from backend.alerts.recognise import Parser
from backend.bench.report import BenchError
from backend.clock import LoopClock
from backend.lanes import LANES
from backend.pipeline.route import Router
from backend.simulation.arrivals import Arrival
from backend.simulation.chance import drawn_from
from backend.simulation.journal import MemoryJournal
from backend.simulation.loop import run_virtual
from backend.simulation.world import SOURCE, Played, SimulatedRuntime, World, settings_of

MOST_BYTES = 1 << 30
"""Of a file, unpacked: it is held in memory as a whole."""
NOTHING = frozenset({"", "-", "false_positive", "benign", "normal"})
"""Labels that name no attack."""


class Label(msgspec.Struct, frozen=True):
    """What is known of an alert."""

    phase: str = ""
    """The attack phase at its time; empty outside of every phase."""
    action: str = ""
    """What of the attack raised it; empty where nothing is known to have."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One alert in the journal after the run."""

    index: int
    """Which of the alerts that were played, from 0."""
    alert_id: int
    lane: str
    """Where its row stood in the end."""
    leader: int
    """The alert whose row counts it; 0 where it has a row of its own."""
    received_ms: int


class Replayed(msgspec.Struct, frozen=True):
    """A run with what is needed to say who saw what."""

    played: Played
    kept: tuple[Kept, ...]
    reasons: dict[int, str]
    """Promoted leaders and why."""


def read_alerts(path: Path, world: World) -> list[Arrival]:
    """All alerts of a file, at seconds since its earliest, each with the lane that the router gives it.

    Raises:
        BenchError: it can't be read, or a line is no alert or has no time.
    """
    heads = [_head(path, number, line) for number, line in enumerate(_lines(path), start=1)]
    if not heads:
        raise BenchError(f"{path} holds no alerts; it must hold one JSON alert a line")
    router, begins = Router(settings_of(world)), min(head.time_ms for head, _ in heads)
    return [Arrival((head.time_ms - begins) / 1000, router.lane(head), raw) for head, raw in heads]


def read_labels(path: Path, count: int) -> list[Label]:
    """The labels of `count` alerts, in their order.

    Raises:
        BenchError: it can't be read, has no `line` and phase, or labels an alert that is not there.
    """
    rows = csv.reader(io.StringIO(_text(path).decode("utf-8", "replace")))
    header = next(rows, [])
    if len(header) < 2 or header[0] != "line":
        raise BenchError(f"{path} must begin with a header: line, phase and, if known, action")
    labels = [Label()] * count
    for row in rows:
        if not row:
            continue
        index = int(row[0]) - 2 if row[0].isascii() and row[0].isdigit() else -1
        if not 0 <= index < count or len(row) < 2:
            raise BenchError(f"{path}, line {rows.line_num}: no label of one of the {count:,} alerts")
        phase, action = row[1], row[2] if len(row) > 2 else ""
        labels[index] = Label("" if phase in NOTHING else phase, "" if action in NOTHING else action)
    return labels


def replay(world: World, arrivals: Sequence[Arrival]) -> Replayed:
    """Run alerts through the pipeline. Their order is that of their times."""

    async def main() -> Replayed:
        clock = LoopClock(asyncio.get_running_loop())
        runtime = RecordedRuntime(world, clock)
        order = sorted(range(len(arrivals)), key=lambda index: arrivals[index].at_s)
        played = await runtime.play(arrivals[index] for index in order)
        kept = [msgspec.structs.replace(one, index=order[one.index]) for one in runtime.kept]
        return Replayed(played, tuple(kept), runtime.reasons)

    with drawn_from(f"{world.seed}/chance"):
        return run_virtual(functools.partial(main))


class RecordedRuntime(SimulatedRuntime):
    """Recognises what its alerts are, and notes at the end where each one stands."""

    def __init__(self, world: World, clock: LoopClock) -> None:
        """See `SimulatedRuntime`."""
        super().__init__(world, clock)
        self._parsers = {**self._parsers, SOURCE: Parser()}
        self.kept: list[Kept] = []
        self.reasons: dict[int, str] = {}

    def _count(self) -> None:
        super()._count()
        assert isinstance(self._journal, MemoryJournal)  # noqa: S101  # `journal_type`
        rows: Iterable[tuple[int, int, int, int, int]] = self._journal.connection.execute(
            "select offset, id, lane, fold, received_ms from alerts order by id"
        )
        for offset, alert_id, lane, leader, received_ms in rows:
            self.kept.append(Kept(offset, alert_id, LANES[lane], leader, received_ms))
        for leader in {one.leader or one.alert_id for one in self.kept}:
            fold = self._sharing.folds.fold(leader)
            if fold is not None and fold.promoted:
                self.reasons[leader] = fold.promoted


def _head(path: Path, number: int, line: bytes) -> tuple[Head, bytes]:
    parsed = Parser().parse(line, 0)
    if len(parsed) != 1 or not isinstance(parsed[0], ParsedAlert):
        raise BenchError(f"{path}, line {number}: not one alert as JSON")
    head = parsed[0].head
    if not head.time_ms:
        raise BenchError(f"{path}, line {number}: the alert has no time to play it at")
    return head, line


def _lines(path: Path) -> list[bytes]:
    return [line for line in _text(path).splitlines() if line.strip()]


def _text(path: Path) -> bytes:
    """A file's bytes, unpacked where it is gzipped."""
    try:
        with path.open("rb") as packed:
            zipped = packed.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BenchError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MOST_BYTES:
        raise BenchError(f"{path} is larger than {MOST_BYTES >> 20:,} MiB unpacked; play a part of it")
    return data
