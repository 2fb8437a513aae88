"""`watchfloor triage`: one-shot, a file or a pipe in, one verdict record per alert out."""

import queue
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from backend.engine import Analysed, DeadNote, Engine, EngineError, Settings, SettingsError
from console.logs import log_to_stderr
from console.verdict_output import VerdictWriter, as_utf8, writer_for

T = TypeVar("T")

WAIT_S = 0.05
MAX_WAITING = 10_000
"""Records that may wait for a slow reader of our output; then the pipeline waits too."""
STOP_WITHIN_S = 5.0


class _Mailbox(Generic[T]):
    """A bounded hand-over from the engine's thread to this one that never holds up an engine at its end."""

    def __init__(self) -> None:
        self._items: queue.Queue[T] = queue.Queue(MAX_WAITING)
        self._closed = False

    def put(self, item: T) -> None:
        """Hand over; waits while too much does, and drops it once nobody takes any more."""
        while not self._closed:
            try:
                return self._items.put(item, timeout=WAIT_S)
            except queue.Full:
                continue

    def drain(self, use: Callable[[T], object], wait_s: float = 0.0) -> int:
        """Use what is there; waits up to `wait_s` for the first. Returns how many there were."""
        count = 0
        try:
            item = self._items.get(timeout=wait_s) if wait_s else self._items.get_nowait()
            while True:
                use(item)
                count += 1
                item = self._items.get_nowait()
        except queue.Empty:
            return count

    def close(self) -> None:
        """Nobody takes any more."""
        self._closed = True


def check_path(path: str) -> None:
    """Refuse what is no file, no pipe and no standard input.

    Raises:
        SettingsError: an address of a stream, which has no end, or a folder.
    """
    scheme, colon, _ = path.partition(":")
    if path != "-" and not Path(path).exists() and colon and scheme.isalpha() and scheme != "file":
        raise SettingsError(f"triage reads a file or -; for {path} use: watchfloor worker --source {path}")
    if Path(path).is_dir():
        raise SettingsError(
            f"{path} is a folder; name a file in it, or '{path.rstrip('/')}/*' for all of them"
        )


def run_triage(settings: Settings, output: str) -> int:
    """Run the pipeline over the one source until nothing is left; 1 if any record could not be read."""
    log_to_stderr()
    as_utf8(sys.stdout)
    done: _Mailbox[Analysed] = _Mailbox()
    dead: _Mailbox[DeadNote] = _Mailbox()
    engine = Engine(settings, ephemeral=True, paced=False, on_analysed=done.put, on_dead=dead.put)
    writer = writer_for(output, sys.stdout)
    notes = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        engine.start()
        engine.wait_started()
        _until_done(engine, writer, done, dead, notes)
        writer.close()
    finally:
        done.close()
        dead.close()
        engine.stop(STOP_WITHIN_S)
        signal.signal(signal.SIGTERM, before)
    return _finish(engine, notes)


def _until_done(
    engine: Engine,
    writer: VerdictWriter,
    done: _Mailbox[Analysed],
    dead: _Mailbox[DeadNote],
    notes: Console,
) -> None:
    progress = Progress(SpinnerColumn(), TextColumn("{task.description}"), console=notes, transient=True,
                        disable=not sys.stderr.isatty())  # fmt: skip
    with progress:
        task = progress.add_task("reading", total=None)
        count = 0
        while True:
            ended = engine.failed or engine.idle  # asked first: what it has handed over is then all there is
            count += done.drain(writer.write, WAIT_S)
            dead.drain(lambda note: notes.print(_dead_line(note)))
            progress.update(
                task, description=f"{count} of {engine.snapshot.alerts_total} alerts have a verdict"
            )
            if ended:
                return


def _end(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends like ctrl-c: what is temporary is removed."""
    raise KeyboardInterrupt


def _finish(engine: Engine, notes: Console) -> int:
    snapshot = engine.snapshot
    failures = (*engine.source_failures, *((engine.failed,) if engine.failed else ()))
    if failures and not snapshot.alerts_total + snapshot.events_total + snapshot.dead_letters:
        raise EngineError("; ".join(failures))
    for failure in failures:
        notes.print(f"watchfloor: {failure}")
    notes.print(
        f"{_count(snapshot.alerts_total, 'alert')}, {_count(snapshot.events_total, 'event')} that no product"
        f" called an alert, {_count(snapshot.dead_letters, 'dead letter')}"
    )
    return 1 if snapshot.dead_letters or failures else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _dead_line(note: DeadNote) -> str:
    place = note.offset if not note.sub else f"{note.offset}, item {note.sub + 1}"
    return f"dead letter: {note.source} at {place}: {note.reason}"
