"""The sources as they run: each started, started again when it surprises, and given up only for a reason."""

import random
from collections.abc import Sequence

import msgspec
import structlog

from backend.alerts.text import safe
from backend.assembly import Feed
from backend.clock import Clock
from backend.sources.base import Intake, SourceError, SourceStatus

RESTART_S = 1.0
RESTART_MAX_S = 60.0

log = structlog.get_logger("engine")


class DeadNote(msgspec.Struct, frozen=True, gc=False):
    """A dead letter as a command line reports it."""

    source: str
    partition: str
    offset: int | str
    sub: int
    reason: str
    raw: bytes


class Feeds:
    """Runs the configured sources and knows the state of each."""

    def __init__(self, feeds: Sequence[Feed], clock: Clock) -> None:
        """Nothing runs before `run`."""
        self.all = tuple(feeds)
        self._clock = clock
        self._failures: dict[str, str] = {}
        """Why a source ended for good, by source."""
        self._trouble: dict[str, str] = {}
        """Why a source waits for its next start."""
        self._ended: set[str] = set()

    @property
    def failures(self) -> tuple[str, ...]:
        """Sources that can't work as configured."""
        return tuple(self._failures.values())

    @property
    def trouble(self) -> tuple[str, ...]:
        """What is wrong with a source now, one line each, those that ended for good first."""
        return (*self._failures.values(), *self._trouble.values())

    @property
    def ended(self) -> bool:
        """No source is left that could bring anything."""
        return len(self._ended) == len(self.all)

    @property
    def caught_up(self) -> bool:
        """Every source is at its end, or has nothing more just now."""
        return all(feed.source.name in self._ended or feed.source.status().caught_up for feed in self.all)

    async def run(self, feed: Feed, intake: Intake) -> None:
        """Run one source for as long as it lives; what it did not expect restarts it, ever more patiently."""
        name, pause = feed.source.name, RESTART_S
        while True:
            began = self._clock.mono()
            try:
                await feed.source.run(intake)
                break
            except SourceError as error:
                self._failures[name] = str(error)
                break
            except Exception as error:
                log.exception("source failed", source=name)
                if self._clock.mono() - began > RESTART_MAX_S:
                    pause = RESTART_S
                self._trouble[name] = (
                    f"source {name} failed ({type(error).__name__}: {error}); it is started again"
                )
                await self._clock.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
                pause = min(pause * 2, RESTART_MAX_S)
                self._trouble.pop(name)
        self._ended.add(name)

    def states(self) -> list[SourceStatus]:
        """What each source says of itself, or what became of it."""
        states = []
        for feed in self.all:
            status = feed.source.status()
            name = feed.source.name
            trouble = self._failures.get(name) or self._trouble.get(name)
            if trouble is not None:
                state = "failed" if name in self._failures else "reconnecting"
                status = msgspec.structs.replace(status, state=state, detail=str(safe(trouble, 300)))
            states.append(status)
        return states
