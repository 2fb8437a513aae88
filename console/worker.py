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
STOP_WITHIN_S = 5.0


def run_worker(settings: Settings, *, until_idle: bool) -> int:
    """Work until a signal or, if asked for, until nothing is left; 1 if a source failed or letters died."""
    log_to_stderr()
    stop = threading.Event()
    _on_signals(stop)
    engine = Engine(settings, paced=False)
    engine.start()
    engine.wait_started()
    calm = 0
    while not stop.wait(CHECK_S) and not engine.failed:
        calm = calm + 1 if engine.idle else 0
        if until_idle and calm >= IDLE_CHECKS:
            break
    engine.stop(STOP_WITHIN_S)
    snapshot = engine.snapshot
    if engine.failed:
        sys.stderr.write(f"watchfloor: {engine.failed}\n")
        return 1
    sys.stderr.write(
        f"{snapshot.alerts_total} alerts stored, {snapshot.events_total} events that are no alerts,"
        f" {snapshot.duplicates} records known already, {snapshot.dead_letters} dead letters\n"
    )
    for failure in engine.source_failures:
        sys.stderr.write(f"watchfloor: {failure}\n")
    return 1 if engine.source_failures or snapshot.dead_letters else 0


def _on_signals(stop: threading.Event) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
