"""What a source is: it reads records, hands them to the intake, and acknowledges what the journal holds."""

import asyncio
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from backend.alerts.model import Record

State = Literal["starting", "live", "lagging", "reconnecting", "paused", "finished", "failed"]


class SourceStatus(msgspec.Struct, frozen=True, gc=False):
    """A source as the console shows it, in words."""

    name: str
    kind: str
    """file, stdin, kafka, redis, demo …"""
    state: State = "starting"
    detail: str = ""
    """Why it is in this state and what is being done about it; empty when there is nothing to say."""
    records: int = 0
    """Records handed to the intake since start."""
    lag: int | None = None
    """Records that wait at the source; None when it can't be known (shown as —, never as 0)."""
    caught_up: bool = False
    """Nothing waits at the source and all that was read is acknowledged: what `--until-idle` asks."""
    last_record_ms: int = 0
    """Wall clock of the newest record, 0 before the first."""


class Intake(Protocol):
    """The pipeline's entrance, as a source sees it."""

    async def put(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Take a batch.

        Waits while there is no room (backpressure), then returns a future that is done once the group
        commit that holds every one of `records` is on disk. Only then may the source acknowledge them.
        The future fails with `backend.journal.JournalError` if they could not be stored: then they must not
        be acknowledged, and are to be read again. Of several batches on their way, all behind the one that
        failed fail too, so that they can be offered again in order.
        """
        ...

    async def position(self, source: str, partition: str) -> int | str | None:
        """The journal's next offset for a partition, or None if it has none: where reading goes on."""
        ...


class Source(Protocol):
    """One place that records come from."""

    name: str
    """Stable over restarts and free of secrets: half of a record's identity."""

    def status(self) -> SourceStatus:
        """The state now; cheap, called ten times a second."""
        ...

    async def run(self, intake: Intake) -> None:
        """Read until the source ends or this task is cancelled, reconnecting by itself.

        Raises:
            SourceError: it can never work as configured (no such file, bad credentials): said in words.
        """
        ...


class SourceError(Exception):
    """A source can't work as configured. The message says what, where and how to mend it, in one line."""


class Target(Protocol):
    """Where `watchfloor replay` sends records to."""

    async def open(self) -> None:
        """Connect. Raises `SourceError` when that can't work."""
        ...

    async def send(self, records: Sequence[bytes]) -> None:
        """Send a batch, in order; returns when the other side has confirmed all of it."""
        ...

    async def close(self) -> None:
        """Flush and disconnect."""
        ...
