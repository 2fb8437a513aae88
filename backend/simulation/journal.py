"""The journal in memory, on the simulation's own loop: the same tables and statements, no file, no thread."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from backend.journal.reader import Reader
from backend.journal.schema import migrate
from backend.journal.store import Journal
from backend.journal.writer import Writer

T = TypeVar("T")

COMMIT_S = 0.004
"""What a group commit with its fsync takes on a common SSD; an acknowledgement waits for so long."""


class MemoryWriter(Writer):
    """Runs each operation at once in a transaction of its own; its future is done after `COMMIT_S`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over `connection`, which must be in autocommit mode."""
        super().__init__(connection)
        self._memory = connection

    def start(self) -> None:
        """There is no thread to start."""

    async def submit(
        self, operation: Callable[[sqlite3.Connection], T], failed: Callable[[], None] | None = None
    ) -> "asyncio.Future[T]":
        """See `Writer.submit`; an operation that raises changes nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._memory.execute("begin")
        try:
            result = operation(self._memory)
        except Exception as error:  # noqa: BLE001  # an operation's own error must reach its caller
            self._memory.execute("rollback")
            if failed is not None:
                failed()
            loop.call_later(COMMIT_S, _fail, future, error)
            return future
        self._memory.execute("commit")
        self.commits += 1
        loop.call_later(COMMIT_S, _complete, future, result)
        return future

    def wrote(self, size: int) -> None:
        """There is no log to fold."""

    def stop(self, timeout_s: float = 5.0) -> None:
        """Nothing is queued."""


class MemoryJournal(Journal):
    """A journal that lives as long as the simulation. `connection` is for its figures."""

    def __init__(self, path: Path) -> None:
        """`path` is a name only: nothing is written to it."""
        super().__init__(path)
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    def open(self) -> None:
        """Make the tables."""
        migrate(self.connection)
        self._reader = Reader(self.connection)
        self._writer = MemoryWriter(self.connection)

    def close(self, timeout_s: float = 5.0) -> None:
        """Forget everything."""
        self._writer = None
        self._reader = None
        self._threads.shutdown()
        self.connection.close()


def _complete(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[T]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen: nobody need look at it
