"""All kinds of context at once, inside one budget; what comes later joins later."""

import asyncio
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from backend.alerts.model import Alert
from backend.clock import Clock
from backend.enrichment.base import Enricher, Finding

BUDGET_S = 0.1
"""The enrichment stage's budget (design: 100 ms)."""
LATE_LIMIT_S = 10.0
"""How long a look-up that missed the budget may go on before it is given up."""
MAX_LATE = 64
"""Look-ups of one enricher that may hang at once; beyond it the enricher is passed over until some end."""


@runtime_checkable
class Immediate(Protocol):
    """An enricher that can often answer from memory.

    A coroutine can't be begun outside the task that will finish it (timeouts bind to the running task), so
    the way to spare a task per look-up is a plain call.
    """

    def enrich_now(self, alert: Alert) -> Sequence[Finding] | None:
        """The answer, if it takes no waiting; None where it does."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """One enricher's answer or failure."""

    name: str
    findings: tuple[Finding, ...] = ()
    error: str = ""
    """Why there is none, in one line; empty where there is one, even an empty one."""
    took_ms: float = 0.0


class Gathered(msgspec.Struct, frozen=True):
    """What was known inside the budget."""

    findings: dict[str, tuple[Finding, ...]]
    """By enricher, of those that answered."""
    missing: tuple[str, ...]
    """Those without an answer: still looking, failed, or passed over because too many of theirs hang."""
    late: list[asyncio.Task[Answer]]
    """The look-ups still going. They end by themselves, never raise, and may be cancelled."""
    failed: dict[str, str]
    """Those that raised, with the reason in one line; each is in `missing` too."""
    took_ms: dict[str, float]
    """Each finished call's time."""

    def all(self) -> tuple[Finding, ...]:
        """Every finding, enricher by enricher."""
        return tuple(finding for found in self.findings.values() for finding in found)


class Tally:
    """Counts over many alerts, and the bound on look-ups that hang."""

    def __init__(self, max_late: int = MAX_LATE) -> None:
        """Allow `max_late` late look-ups per enricher."""
        self.max_late = max_late
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        """Look-ups that missed the budget."""
        self.passed_over: Counter[str] = Counter()
        self.hanging: Counter[str] = Counter()
        """Late look-ups that have not ended yet."""

    def admits(self, name: str) -> bool:
        """Whether one more look-up of this enricher may start."""
        if self.hanging[name] < self.max_late:
            return True
        self.passed_over[name] += 1
        return False

    def count(self, answer: Answer) -> None:
        """Count an answer that came, in time or not."""
        (self.failed if answer.error else self.answered)[answer.name] += 1

    def watch(self, name: str, task: asyncio.Task[Answer]) -> None:
        """Count a late look-up until it ends."""
        self.late[name] += 1
        self.hanging[name] += 1

        def ended(done: asyncio.Task[Answer]) -> None:
            self.hanging[name] -= 1
            if not done.cancelled():
                self.count(done.result())

        task.add_done_callback(ended)


async def gather(
    enrichers: Sequence[Enricher],
    alert: Alert,
    *,
    clock: Clock,
    budget_s: float = BUDGET_S,
    tally: Tally | None = None,
) -> Gathered:
    """Ask all enrichers at once and return when all have answered or `budget_s` has passed.

    What raised is named in `failed`; cancelling this cancels what it started.
    """
    tally = tally if tally is not None else Tally()
    answers: list[Answer] = []
    running: dict[asyncio.Task[Answer], str] = {}
    missing: list[str] = []
    for enricher in enrichers:
        if not tally.admits(enricher.name):
            missing.append(enricher.name)
            continue
        answer = _at_once(enricher, alert, clock)
        if answer is not None:
            answers.append(answer)
        else:
            running[_start(_ask(enricher, alert, clock, budget_s + LATE_LIMIT_S))] = enricher.name
    if running:
        await _wait(running, clock, budget_s)
    late: list[asyncio.Task[Answer]] = []
    for task, name in running.items():
        if task.done() and not task.cancelled():
            answers.append(task.result())
        else:
            missing.append(name)
            late.append(task)
            tally.watch(name, task)
    for answer in answers:
        tally.count(answer)
    failed = {answer.name: answer.error for answer in answers if answer.error}
    by_name = {answer.name: answer for answer in answers}
    order = [enricher.name for enricher in enrichers]
    return Gathered(
        findings={name: by_name[name].findings for name in order if name in by_name and name not in failed},
        missing=tuple(name for name in order if name in failed or name in missing),
        late=late,
        failed=failed,
        took_ms={answer.name: answer.took_ms for answer in answers},
    )


async def _wait(running: dict[asyncio.Task[Answer], str], clock: Clock, budget_s: float) -> None:
    try:
        async with clock.timeout(budget_s):
            await asyncio.wait(running)
    except TimeoutError:
        return
    except asyncio.CancelledError:
        for task in running:
            task.cancel()
        raise


def _at_once(enricher: Enricher, alert: Alert, clock: Clock) -> Answer | None:
    if not isinstance(enricher, Immediate):
        return None
    start = clock.mono()
    try:
        findings = enricher.enrich_now(alert)
    except Exception as error:  # noqa: BLE001 - whatever an enricher raises must cost its own answer only
        return Answer(enricher.name, error=_words(error), took_ms=_since(clock, start))
    if findings is None:
        return None
    return Answer(enricher.name, tuple(findings), took_ms=_since(clock, start))


async def _ask(enricher: Enricher, alert: Alert, clock: Clock, limit_s: float) -> Answer:
    start = clock.mono()
    try:
        async with clock.timeout(limit_s):
            findings = await enricher.enrich(alert)
    except Exception as error:  # noqa: BLE001 - as above
        return Answer(enricher.name, error=_words(error), took_ms=_since(clock, start))
    return Answer(enricher.name, tuple(findings), took_ms=_since(clock, start))


def _start(coroutine: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    if sys.version_info >= (3, 12):
        # Runs up to the first real wait at once; without one it never visits the loop's queue.
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
    return asyncio.create_task(coroutine)


def _since(clock: Clock, start: float) -> float:
    return (clock.mono() - start) * 1000


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
