"""The patterns stage as it runs: rules before a batch is stored, templates after it was, both off the loop.

Rules. The events of a batch that some rule is for are held against them before the batch goes to the journal,
and an event that matches becomes an alert at its own record's position, in the same transaction. So a kill at
any moment neither loses nor doubles it, and a batch without such events never waits.

Templates. Lines are mined after their batch was stored, from a bounded queue. What is found goes to the
journal through the intake as a record of `patterns:`, whose offset is what it is about: found again after a
kill, it is recognised. What the miner knows is saved now and then, never before its findings are stored. A
kill costs it the lines since then: counts are lower, and a pattern first seen among them is news when it
comes again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from backend.alerts.model import Record
from backend.alerts.recognise import Parser
from backend.alerts.text import safe
from backend.clock import Clock
from backend.journal import JournalError
from backend.patterns.documents import SOURCE, record_of
from backend.patterns.event import Event
from backend.patterns.findings import Finding, MinerLimits
from backend.patterns.lines import line_of
from backend.patterns.matching import YIELD_EVENTS, YIELD_S, Matcher, Tried
from backend.patterns.raw import Match, RawEvent
from backend.patterns.rules_model import RuleSet
from backend.patterns.saved import restore, save
from backend.patterns.view import PatternsView
from backend.telemetry.rate import Rate

if TYPE_CHECKING:
    from backend.patterns.mining import Miner

MAX_EXAMINED = 20_000
"""Events that may wait for the rules; beyond it a batch's are counted only."""
MAX_MINED = 50_000
"""Events that may wait to be mined …"""
MAX_MINED_BYTES = 64 << 20
"""… and their bytes; beyond either they are counted only."""
CHUNK = 2_000
SAVE_S = 15.0
TICK_S = 1.0
RETRY_S = 5.0
SAID_S = 60.0
"""How long an overload is told after it last happened."""
FILE = "patterns.state"
PATTERN_PARSERS = {SOURCE: Parser(fixed_format="pattern")}
"""How the findings are read, by the name of their source."""

log = structlog.get_logger("patterns")


class Intake(Protocol):
    """Where findings go; see `backend.sources.base.Intake`."""

    async def put(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Take a batch; the future is done once it is on disk."""
        ...


class Patterns:
    """Rules and miner of one engine. Used on its loop."""

    def __init__(
        self,
        clock: Clock,
        home: Path,
        *,
        rules: RuleSet | None = None,
        limits: MinerLimits | None = None,
    ) -> None:
        """Without `rules` none are tried; without `limits` nothing is mined."""
        self._clock = clock
        self._path = home / FILE
        self._limits = limits
        self._matcher = Matcher(rules.rules if rules else (), clock)
        self._problems = tuple(str(problem) for problem in rules.problems) if rules else ()
        self._miner: Miner | None = None
        self._unsaved = False
        self._saved_mono = clock.mono()
        self._threads = [
            ThreadPoolExecutor(1, thread_name_prefix=f"patterns-{part}") for part in ("rules", "lines")
        ]
        self._examining = 0
        self._queue: deque[tuple[RawEvent, ...]] = deque()
        self._queued = self._queued_bytes = 0
        self._mining = False
        self._wake = asyncio.Event()
        self._counts = {"matches": 0, "new": 0, "surges": 0, "counted_only": 0}
        self._over = {"rules": -SAID_S, "lines": -SAID_S}
        self._mined = Rate()
        self._file_trouble = ""

    def _load(self, limits: MinerLimits) -> "Miner":
        """A miner that knows what an earlier run did. Blocking."""
        from backend.patterns.mining import Miner  # drain3 takes a tenth of a second to import

        state, self._file_trouble = restore(self._path)
        return Miner(limits, state)

    async def examine(self, events: Sequence[RawEvent]) -> list[Match]:
        """The alerts that raw events are by a rule; waits for them, at most about a second a batch."""
        chosen = self._matcher.choose(events)
        if not chosen:
            return []
        if self._examining + len(chosen) > MAX_EXAMINED and self._examining:
            self._overload("rules", len(chosen))
            return []
        self._examining += len(chosen)
        try:
            loop = asyncio.get_running_loop()
            tried: Tried = await loop.run_in_executor(self._threads[0], self._matcher.run, chosen)
        finally:
            self._examining -= len(chosen)
        if tried.skipped:
            self._overload("rules", tried.skipped)
        self._counts["matches"] += len(tried.matches)
        return tried.matches

    def offer(self, events: Sequence[RawEvent]) -> None:
        """Let raw events that no rule matched be mined, if there is room."""
        if self._limits is None or not events:
            return
        size = sum(len(one.raw) for one in events)
        if self._queued and (
            self._queued + len(events) > MAX_MINED or self._queued_bytes + size > MAX_MINED_BYTES
        ):
            self._overload("lines", len(events))
            return
        self._queue.append(tuple(events))
        self._queued += len(events)
        self._queued_bytes += size
        self._wake.set()

    async def run(self, intake: Intake) -> None:
        """Mine, report and save until cancelled."""
        if self._limits is None:
            return
        miner = await asyncio.get_running_loop().run_in_executor(self._threads[1], self._load, self._limits)
        self._miner = miner
        while True:
            await self._pause(miner)
            self._mining = True  # and stays so where this is cancelled: then findings may not be stored
            await self._turn(miner, intake)
            self._mining = False

    @property
    def idle(self) -> bool:
        """Nothing waits, and no new pattern still gathers examples."""
        settling = self._miner is not None and self._miner.settling
        return not (self._examining or self._queued or self._mining or settling)

    @property
    def view(self) -> PatternsView:
        """The figures now."""
        miner = self._miner
        return PatternsView(
            mining=self._limits is not None,
            rules=len(self._matcher),
            rules_left_out=len(self._problems),
            events_tried=self._matcher.tried,
            templates=miner.known if miner else 0,
            lines=miner.lines if miner else 0,
            lines_per_minute=self._mined.per_minute(self._clock.mono()),
            held_back=miner.held_back if miner else 0,
            **self._counts,
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Every rule that is left out or has failed, with its file and the reason."""
        return (*self._problems, *self._matcher.failed)

    def trouble(self) -> list[str]:
        """What is wrong now, one line each."""
        lines = [self._file_trouble]
        if wrong := self.problems:
            more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
            lines.append(f"Sigma rule left out: {safe(wrong[0], 200)}{more}")
        now = self._clock.mono()
        if now - self._over["rules"] < SAID_S:
            lines.append("more raw events come than Sigma rules can be tried on; some are counted only")
        if now - self._over["lines"] < SAID_S:
            lines.append("more raw events come than patterns can be mined from; some are counted only")
        return [line for line in lines if line]

    async def close(self) -> None:
        """Save what is known, unless findings from it are not stored, and end the threads."""
        if self._miner is not None and self._unsaved and not self._mining:
            await self._save(self._miner)
        for threads in self._threads:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _pause(self, miner: "Miner") -> None:
        """Until there is something to do: lines, or a moment while patterns settle or wait to be saved."""
        if self._queue:
            return
        self._wake.clear()
        if not (miner.settling or self._unsaved):
            await self._wake.wait()
            return
        try:
            async with self._clock.timeout(TICK_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _turn(self, miner: "Miner", intake: Intake) -> None:
        batch: list[RawEvent] = []
        while self._queue and len(batch) < CHUNK:
            events = self._queue.popleft()
            batch += events
            self._queued_bytes -= sum(len(one.raw) for one in events)
        loop = asyncio.get_running_loop()
        now_ms = self._clock.wall_ms()
        found = await loop.run_in_executor(self._threads[1], mine, miner, batch, now_ms)
        self._queued -= len(batch)
        self._mined.add(self._clock.mono(), len(batch))
        self._unsaved = self._unsaved or bool(batch)
        if found:
            await self._report(intake, found)
        if self._unsaved and self._clock.mono() - self._saved_mono >= SAVE_S:
            await self._save(miner)

    async def _report(self, intake: Intake, found: Sequence[Finding]) -> None:
        """Store findings, however long that takes: only then may the state they are known from be saved."""
        now_ms = self._clock.wall_ms()
        records = [record_of(finding, now_ms) for finding in found]
        while True:
            try:
                await (await intake.put(records))
                break
            except JournalError as error:
                log.warning("findings not stored yet", error=str(error))
                await self._clock.sleep(RETRY_S)
        surges = sum(finding.surge for finding in found)
        self._counts["surges"] += surges
        self._counts["new"] += len(found) - surges

    async def _save(self, miner: "Miner") -> None:
        self._saved_mono = self._clock.mono()
        self._unsaved = False
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._threads[1], lambda: save(self._path, miner.state())
            )
            self._file_trouble = ""
        except OSError as error:
            self._unsaved = True
            self._file_trouble = (
                f"patterns can't be saved to {self._path} ({error.strerror});"
                " mend that, or they are learnt anew after a restart"
            )

    def _overload(self, part: str, count: int) -> None:
        self._over[part] = self._clock.mono()
        self._counts["counted_only"] += count


def mine(miner: "Miner", events: Sequence[RawEvent], now_ms: int) -> list[Finding]:
    """Everything that a batch of events tells a miner. Raises nothing; blocking, for a thread."""
    found: list[Finding] = []
    for place, raw in enumerate(events):
        if place % YIELD_EVENTS == 0:
            time.sleep(YIELD_S)
        kind, line = line_of(Event(raw.format, raw.kind, raw.raw))
        finding = miner.add(raw.source, kind, line, raw.received_ms)
        if finding is not None:
            found.append(finding)
    return found + miner.settled(now_ms)
