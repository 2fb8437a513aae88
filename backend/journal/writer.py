"""The one thread that writes to the journal, committing in groups.

Every change is an operation: a function of the connection. The thread takes what has gathered, runs it in one
transaction, commits with an fsync, and only then completes the operations' futures. A commit that can't be
done (disk full, database locked) is tried again until it can, and nothing is acknowledged meanwhile.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from backend.journal import JournalError

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection], Any]

MAX_GROUP = 64
"""Operations in one transaction; an ingest operation is itself a batch of up to 1,000 records."""
CHECKPOINT_BYTES = 4 * 1024 * 1024
"""The write-ahead log is folded into the database after about this much was written, or when idle.

Commits wait meanwhile: about 10 ms for 4 MB, 40 for 16.
"""
IDLE_CHECKPOINT_S = 1.0
RETRY_S = 0.5

log = structlog.get_logger("journal")


class _Item:
    """One operation on its way, with where its result goes."""

    __slots__ = ("error", "failed", "future", "loop", "operation", "result")

    def __init__(
        self,
        operation: Operation,
        future: "asyncio.Future[Any]",
        loop: asyncio.AbstractEventLoop,
        failed: Callable[[], None] | None,
    ) -> None:
        self.operation = operation
        self.future = future
        self.loop = loop
        self.failed = failed
        self.result: Any = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """It can't be done, for good."""
        self.error = error
        if self.failed is not None:
            self.failed()


class Writer:
    """Runs operations on one connection in one thread. Bounded: `submit` waits while too many are queued."""

    def __init__(self, connection: sqlite3.Connection, *, capacity: int = 1024) -> None:
        """Take over `connection`, which must be in autocommit mode and used by nobody else from now on."""
        self._connection = connection
        self._queue: queue.Queue[_Item | None] = queue.Queue()
        self._room = asyncio.Semaphore(capacity)
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._stalled = ""
        self._stopping = False
        self._since_checkpoint = 0
        self.commits = 0
        self.commit_seconds = 0.0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def stalled(self) -> str:
        """Why nothing can be written just now, in words; empty while all is well."""
        return self._stalled

    async def submit(
        self, operation: Callable[[sqlite3.Connection], T], failed: Callable[[], None] | None = None
    ) -> "asyncio.Future[T]":
        """Queue an operation; the future is done after the commit that holds it.

        `failed` is called on the writer's thread, before any later operation runs, if it can't be done.

        The future fails with the operation's own exception if it raised, or `JournalError` at shutdown.
        """
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._stopping:
            self._room.release()
            raise JournalError("the journal is closed")
        self._queue.put(_Item(operation, future, loop, failed))
        return future

    def stop(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, fold the log into the database, end the thread."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            group, ended = self._gather()
            if group:
                self._commit(group)
                self._deliver(group)
                if self._since_checkpoint >= CHECKPOINT_BYTES:
                    self._checkpoint()
            elif not ended:
                self._checkpoint()
            if ended:
                self._checkpoint()
                self._connection.close()
                return

    def _gather(self) -> tuple[list[_Item], bool]:
        """What has queued up, at most one group; empty after an idle moment with a log to fold."""
        group: list[_Item] = []
        try:
            first = self._queue.get(timeout=IDLE_CHECKPOINT_S if self._since_checkpoint else None)
            while True:
                if first is None:
                    return group, True
                group.append(first)
                if len(group) >= MAX_GROUP:
                    return group, False
                first = self._queue.get_nowait()
        except queue.Empty:
            return group, False

    def _commit(self, group: list[_Item]) -> None:
        """Commit the group, waiting out a full disk or a locked file for as long as it takes."""
        started = time.perf_counter()
        alone = False
        while True:
            try:
                if alone and len(group) > 1:
                    for item in group:
                        self._commit([item])
                else:
                    self._transact(group)
                break
            except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
                if not _passing(error):
                    alone = self._blame(group, error)
                    if not alone:
                        break
                    continue
                self._stalled = f"journal can't be written ({error}); intake waits and goes on by itself"
                log.warning("journal stalled", error=str(error))
                if self._stopping:
                    _fail(group, JournalError(f"not written before the end: {error}"))
                    break
                time.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001  # an operation's own error must reach its caller
                alone = self._blame(group, error)
                if not alone:
                    break
        self._stalled = "" if not self._stopping else self._stalled
        self.commits += 1
        self.commit_seconds += time.perf_counter() - started

    @staticmethod
    def _blame(group: list[_Item], error: BaseException) -> bool:
        """Fail a group of one; True where the group must be taken one by one to find the culprit."""
        if len(group) > 1:
            return True
        group[0].fail(error)
        return False

    def _transact(self, group: list[_Item]) -> None:
        connection = self._connection
        connection.execute("begin immediate")
        try:
            for item in group:
                item.result = item.operation(connection)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        self._since_checkpoint += 4096 * len(group)

    def wrote(self, size: int) -> None:
        """Operations report bulk they wrote (bytes), so that checkpoints keep pace with it."""
        self._since_checkpoint += size

    def _checkpoint(self) -> None:
        self._since_checkpoint = 0
        try:
            self._connection.execute("pragma wal_checkpoint(passive)")
        except sqlite3.Error as error:
            log.warning("checkpoint failed", error=str(error))

    def _deliver(self, group: list[_Item]) -> None:
        """Complete the futures, one call into each loop for the whole group."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
        for item in group:
            if item.loop is not None:
                by_loop.setdefault(item.loop, []).append(item)
        for loop, items in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._complete, items)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue

    def _complete(self, items: list[_Item]) -> None:
        for item in items:
            self._room.release()
            if item.future is None or item.future.done():
                continue
            if item.error is not None:
                item.future.set_exception(item.error)
                item.future.exception()  # nobody need look at it: the error was logged where it arose
            else:
                item.future.set_result(item.result)


def _fail(group: list[_Item], error: BaseException) -> None:
    for item in group:
        item.fail(error)


def _passing(error: sqlite3.Error) -> bool:
    """Whether the condition may pass by itself: a full disk, a lock, an I/O error, a read-only file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
                    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)  # fmt: skip
