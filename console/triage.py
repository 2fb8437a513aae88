"""`watchfloor triage`: one-shot, a file or a pipe in, one verdict record per alert out."""

import queue
import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from backend.engine import Analysed, DeadNote, Engine, EngineError, Settings
from console.logs import log_to_stderr
from console.verdict_output import writer_for

T = TypeVar("T")

WAIT_S = 0.1
MAX_WAITING = 10_000
"""Records that may wait for a slow reader of our output; then the pipeline waits too."""
STOP_WITHIN_S = 5.0


def run_triage(settings: Settings, output: str) -> int:
    """Run the pipeline over the one source until nothing is left; 1 if any record could not be read."""
    log_to_stderr()
    done: queue.Queue[Analysed] = queue.Queue(MAX_WAITING)
    dead: queue.Queue[DeadNote] = queue.Queue(MAX_WAITING)
    engine = Engine(settings, ephemeral=True, paced=False, on_analysed=done.put, on_dead=dead.put)
    writer = writer_for(output, sys.stdout)
    notes = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    progress = Progress(SpinnerColumn(), TextColumn("{task.description}"), console=notes, transient=True,
                        disable=not sys.stderr.isatty())  # fmt: skip
    engine.start()
    try:
        engine.wait_started()
        with progress:
            task = progress.add_task("reading", total=None)
            count = 0
            while True:
                count += _drain(done, writer.write)
                _drain(dead, lambda note: notes.print(_dead_line(note)))
                snapshot = engine.snapshot
                progress.update(task, description=f"{count} of {snapshot.alerts_total} alerts have a verdict")
                if engine.failed or (engine.idle and done.empty() and dead.empty()):
                    break
        writer.close()
    finally:
        engine.stop(STOP_WITHIN_S)
    return _finish(engine, notes)


def _finish(engine: Engine, notes: Console) -> int:
    if engine.source_failures or engine.failed:
        raise EngineError("; ".join(engine.source_failures) or engine.failed)
    snapshot = engine.snapshot
    notes.print(
        f"{snapshot.alerts_total} alerts, {snapshot.events_total} events that are no alerts,"
        f" {snapshot.dead_letters} dead letters"
    )
    return 1 if snapshot.dead_letters else 0


def _drain(waiting: "queue.Queue[T]", use: Callable[[T], object]) -> int:
    count = 0
    try:
        item = waiting.get(timeout=WAIT_S)
        while True:
            use(item)
            count += 1
            item = waiting.get_nowait()
    except queue.Empty:
        return count


def _dead_line(note: DeadNote) -> str:
    return f"dead letter: {note.partition} at {note.offset}: {note.reason}"
