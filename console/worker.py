"""`watchfloor worker`: the pipeline with no screen."""

import signal
import sys
import threading
from types import FrameType

from backend.engine import Engine, Settings
from console.logs import log_to_stderr

CHECK_S = 0.25
IDLE_CHECKS = 4
"""Idle must hold over so many checks in a row: between two batches a source looks idle too."""
STOP_WITHIN_S = 4.0
"""With the rest of the process's end inside the five seconds that a signal allows."""
MAX_TOLD = 1_000
"""Lines of trouble after which a worker says no more."""


def run_worker(settings: Settings, *, until_idle: bool) -> int:
    """Work until a signal or, if asked for, until nothing is left; 1 if a source failed or letters died.

    2 where no source could be read at all.
    """
    log_to_stderr()
    stop = threading.Event()
    _on_signals(stop)
    engine = Engine(settings, paced=False)
    engine.start()
    engine.wait_started()
    told: set[str] = set()
    calm = 0
    while not stop.wait(CHECK_S) and not engine.failed:
        _tell(engine, told)
        calm = calm + 1 if engine.idle else 0
        if calm >= IDLE_CHECKS and (until_idle or _all_failed(engine)):
            break
    engine.stop(STOP_WITHIN_S)
    _tell(engine, told)
    snapshot = engine.snapshot
    if engine.failed:
        sys.stderr.write(f"watchfloor: {engine.failed}\n")
        return 1
    if _all_failed(engine) and not snapshot.alerts_total + snapshot.events_total + snapshot.dead_letters:
        return 2  # nothing could be read as configured; which and why was told
    sys.stderr.write(
        f"{snapshot.alerts_total} alerts stored, {snapshot.events_total} events that no product called an"
        f" alert, {snapshot.duplicates} records known already, {snapshot.dead_letters} dead letters\n"
    )
    return 1 if engine.source_failures or snapshot.dead_letters else 0


def _tell(engine: Engine, told: set[str]) -> None:
    """Say on standard error, once, what is wrong and what is being done about it."""
    for line in (*engine.source_failures, *engine.snapshot.trouble):
        if line not in told and len(told) < MAX_TOLD:
            told.add(line)
            sys.stderr.write(f"watchfloor: {line}\n")


def _all_failed(engine: Engine) -> bool:
    """Nothing can come any more, and not because all was read."""
    return engine.sources_ended and len(engine.source_failures) > 0


def _on_signals(stop: threading.Event) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
