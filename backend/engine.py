"""The engine: builds the pipeline from settings, runs it on its own thread, and is the only door to it."""

import asyncio
import concurrent.futures
import contextlib
import functools
import gc
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from backend.alerts.secrets import mask as mask_secrets
from backend.api import Command, CostView, Detail, LaneView, OrderView, Reply, Snapshot, TranscriptSlice
from backend.bench import (
    BenchError,
    GuardReport,
    IngestReport,
    ModelAddress,
    StreamReport,
    ahead_lines,
    bench_ahead,
    bench_guard,
    bench_guard_real,
    bench_ingest,
    bench_patterns,
    bench_stream,
    guard_lines,
    ingest_lines,
    packaged_topic,
    patterns_lines,
    real_guard_lines,
    scripted_model,
    stream_lines,
    suricata_alerts,
)
from backend.clock import Clock, SystemClock
from backend.doctor import Check, run_doctor
from backend.feeds import DeadNote
from backend.journal import JournalError
from backend.lanes import LANES
from backend.pipeline.sending import SentItem, SentView
from backend.pipeline.work import Analysed
from backend.records import export_dead_letters, export_records, record_line, record_of, to_csv, waiting
from backend.replaying import ReplayError, dead_documents, documents, replay
from backend.runtime import Runtime
from backend.settings import Settings, SettingsError
from backend.settings import load as load_settings
from backend.simulation.cost import bench_cost, cost_lines
from backend.simulation.storm import StormReport, bench_storm, storm_lines
from backend.snapshots import NO_COST

__all__ = [
    "Analysed",
    "BenchError",
    "Check",
    "DeadNote",
    "Engine",
    "EngineError",
    "GuardReport",
    "IngestReport",
    "JournalError",
    "ModelAddress",
    "ReplayError",
    "SentItem",
    "SentView",
    "Settings",
    "SettingsError",
    "StormReport",
    "StreamReport",
    "ahead_lines",
    "bench_ahead",
    "bench_cost",
    "bench_guard",
    "bench_guard_real",
    "bench_ingest",
    "bench_patterns",
    "bench_storm",
    "bench_stream",
    "cost_lines",
    "dead_documents",
    "documents",
    "export_dead_letters",
    "export_records",
    "guard_lines",
    "ingest_lines",
    "load_settings",
    "mask_secrets",
    "packaged_topic",
    "patterns_lines",
    "real_guard_lines",
    "record_line",
    "record_of",
    "replay",
    "run_doctor",
    "scripted_model",
    "storm_lines",
    "stream_lines",
    "suricata_alerts",
    "to_csv",
    "waiting",
]

PUBLISH_S = 0.1
"""Snapshots at most ten a second."""
LAG_PROBE_S = 0.05

log = structlog.get_logger("engine")


class EngineError(Exception):
    """The engine could not start; the message says what, where and how to mend it, in one line."""


class Engine:
    """Everything behind the screen. All methods may be called from any thread, and none but `stop` waits."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        ephemeral: bool = False,
        paced: bool = True,
        on_analysed: Callable[[Analysed], None] | None = None,
        on_dead: Callable[[DeadNote], None] | None = None,
    ) -> None:
        """`ephemeral`: the journal lives in a folder that is removed at the end (always so for the demo).

        `paced`: the playbook writes at reading speed where somebody watches. `on_analysed` and `on_dead` are
        called on the engine's thread for each durable verdict and each dead letter.
        """
        self._settings = settings
        self._clock = clock or SystemClock()
        self._temporary = Path(tempfile.mkdtemp(prefix="watchfloor-")) if ephemeral or settings.demo else None
        home = self._temporary or Path(settings.home)
        try:
            self._runtime = Runtime(
                settings,
                self._clock,
                home,
                paced=paced,
                on_analysed=on_analysed,
                on_dead=on_dead,
            )
        except SettingsError:
            self._remove_temporary()
            raise
        self._snapshot = _first_snapshot(self._clock, settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._started = threading.Event()
        self._ended = threading.Event()
        self._end: Callable[[], object] | None = None
        self._failed = ""
        self._idle = False

    def start(self) -> None:
        """Begin on a thread of its own; returns at once. What goes wrong stands in `failed`."""
        self._thread.start()

    def wait_started(self, timeout_s: float = 60.0) -> None:
        """Wait until the journal is open and the sources run.

        Raises:
            EngineError: it could not start.
        """
        self._started.wait(timeout_s)
        if self._failed:
            raise EngineError(self._failed)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End cleanly: acknowledge what is stored, write what is queued. Waits, at most `timeout_s`."""
        end = self._end
        if end is not None:
            with contextlib.suppress(RuntimeError):  # its loop has closed by itself
                end()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._remove_temporary()

    @property
    def failed(self) -> str:
        """Why the engine could not start or died; empty while all is well."""
        return self._failed

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    @property
    def idle(self) -> bool:
        """Every source is at its end or caught up, and nothing is left to do; as of the newest snapshot."""
        return self._ended.is_set() or self._idle

    @property
    def source_failures(self) -> tuple[str, ...]:
        """Sources that can't work as configured, in words."""
        return self._runtime.source_failures

    @property
    def sources_ended(self) -> bool:
        """No source is left that could bring anything: each is at its end or has failed for good."""
        return self._runtime.sources_ended

    def watch(self, alert_id: int) -> None:
        """Keep an alert's detail and transcript published."""
        self._post(lambda: self._runtime.watch(alert_id))

    def unwatch(self, alert_id: int) -> None:
        """It is no longer looked at."""
        self._post(lambda: self._runtime.investigations.unwatch(alert_id))

    def detail(self, alert_id: int) -> Detail | None:
        """A watched alert's detail; None while it loads, another object when anything changed."""
        return self._runtime.investigations.detail(alert_id)

    def transcript(self, alert_id: int, cursor: int = 0) -> TranscriptSlice:
        """What is new in an alert's transcript since `cursor`."""
        return self._runtime.investigations.slice(alert_id, cursor)

    def sent(self, alert_id: int) -> "concurrent.futures.Future[SentView]":
        """The exact requests that went to models on an alert, and the one that would go next."""
        loop = self._loop
        if loop is None or self._ended.is_set():
            refused: concurrent.futures.Future[SentView] = concurrent.futures.Future()
            refused.set_result(SentView(alert_id, note=self._failed or "the engine is not running"))
            return refused
        return asyncio.run_coroutine_threadsafe(self._runtime.sending.view(alert_id), loop)

    def why(self, alert_id: int) -> "concurrent.futures.Future[OrderView]":
        """Where an alert stands in the scheduler, what goes before it, what its models have room for."""
        loop = self._loop
        if loop is None or self._ended.is_set():
            refused: concurrent.futures.Future[OrderView] = concurrent.futures.Future()
            refused.set_result(OrderView(alert_id, note=self._failed or "the engine is not running"))
            return refused
        return asyncio.run_coroutine_threadsafe(self._runtime.order.view(alert_id), loop)

    def send(self, command: Command) -> "concurrent.futures.Future[Reply]":
        """Ask for something; the future is done when it is done, or why not."""
        loop = self._loop
        if loop is None or self._ended.is_set():
            refused: concurrent.futures.Future[Reply] = concurrent.futures.Future()
            refused.set_result(Reply(False, self._failed or "the engine is not running"))
            return refused
        return asyncio.run_coroutine_threadsafe(self._runtime.command(command), loop)

    def _post(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._ended.is_set():
            self._loop.call_soon_threadsafe(call)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except (JournalError, SettingsError) as error:
            self._failed = str(error)
        except Exception as error:
            log.exception("engine died")
            cause = _cause(error)
            self._failed = (
                f"the engine died ({type(cause).__name__}: {mask_secrets(str(cause))});"
                " nothing stored is lost, start again"
            )
        finally:
            self._ended.set()
            self._started.set()

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        self._end = functools.partial(loop.call_soon_threadsafe, stop.set)
        working = asyncio.create_task(self._work(loop), name="work")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
            await self._runtime.close()
            self._snapshot = self._runtime.snapshot()

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        await self._runtime.open()
        # Modules, SDKs and settings stay for good. Every full collection looked through them: 200 ms of CPU
        # in which no other thread could do anything, every few seconds under load.
        gc.freeze()
        self._loop = loop
        async with asyncio.TaskGroup() as group:
            group.create_task(self._runtime.run(), name="runtime")
            group.create_task(self._publish(), name="publish")
            group.create_task(self._measure_lag(), name="lag")
            self._started.set()

    async def _publish(self) -> None:
        while True:
            self._snapshot = self._runtime.snapshot()
            self._idle = self._runtime.idle  # looked at here, between two steps of the loop, never in one
            await asyncio.sleep(PUBLISH_S)

    async def _measure_lag(self) -> None:
        while True:
            before = self._clock.mono()
            await asyncio.sleep(LAG_PROBE_S)
            now = self._clock.mono()
            self._runtime.loop_lag.record(now, max(0.0, now - before - LAG_PROBE_S) * 1000)

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _cause(error: Exception) -> BaseException:
    """The first real error inside what task groups wrap around it."""
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause


def _first_snapshot(clock: Clock, settings: Settings) -> Snapshot:
    """What stands on the screen before the engine has published anything."""
    lanes = tuple(LaneView(name, 0, 0, None, None, 0.0, 0, 0) for name in LANES)
    cost = CostView(0.0, 0.0, 0.0, settings.budget.usd_per_hour, settings.budget.usd_per_day, 0.0)
    return Snapshot(0, clock.wall_ms(), settings.demo, (), lanes, (), cost or NO_COST, (), (), 0, 0, 0)
