"""The journal as the engine holds it: one writer thread, readers off the loop, one process at a time."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from backend.journal import JournalError, inbox
from backend.journal.reader import Reader
from backend.journal.schema import migrate
from backend.journal.stored import Slice, Stored
from backend.journal.writer import Writer

T = TypeVar("T")

_PRAGMAS = (
    # Of a new file only. An alert is a good kilobyte: with 4096 bytes three fit a page, and copying pages to
    # the log and back costs 3.8 µs an alert; with 16384 bytes 2.5.
    "pragma page_size = 16384",
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma wal_autocheckpoint = 0",
    "pragma cache_size = -16000",
    "pragma temp_store = memory",
    "pragma busy_timeout = 2000",
)

ROW_BYTES = 400
"""About what an alert's row takes beside its raw record: head, numbers, indexes."""
_RAW = attrgetter("raw")


class Chain:
    """Batches that several may be on their way of: once one can't be stored, none behind it is.

    So the journal's next offset never stands behind a batch that is missing.
    """

    def __init__(self) -> None:
        self.broken = False

    def snap(self) -> None:
        """One can't be stored."""
        self.broken = True


class Journal:
    """The durable store of one watchfloor.

    Everything written is acknowledged only after its group commit (fsync). Reads run in a thread of their own
    and see whole transactions only.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened before `open`."""
        self.path = path
        self._lock: int | None = None
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")

    def open(self) -> None:
        """Lock, check, migrate and start. Blocking: called before the loop runs, or in a thread.

        Raises:
            JournalError: another process has it, it is damaged, or its folder can't be used.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self.path.with_suffix(".lock"))
            # Alerts hold what users typed: for the owner's eyes alone. The log file takes the same mode.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = _connect(self.path)
            check = connection.execute("pragma quick_check(1)").fetchone()[0]
            if check != "ok":
                raise sqlite3.DatabaseError(check)
            migrate(connection)
            self._reader = Reader(_connect(self.path))
        except sqlite3.DatabaseError as error:
            self._unlock()
            raise JournalError(
                f"journal {self.path} can't be used ({error}); move it aside and start again:"
                " sources are read as far back as they keep"
            ) from error
        except OSError as error:
            self._unlock()
            raise JournalError(
                f"journal folder {self.path.parent}: {error.strerror}; set $WATCHFLOOR_HOME"
            ) from error
        except JournalError:
            self._unlock()
            raise
        self._writer = Writer(connection)
        self._writer.start()

    @property
    def stalled(self) -> str:
        """Why nothing can be written just now; empty while all is well."""
        return self._writer.stalled if self._writer is not None else ""

    @property
    def writer(self) -> Writer:
        """The writer thread, for its figures."""
        return self._opened(self._writer)

    async def write(self, operation: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Queue a change; the future is done when it is on disk. Waits while too much is queued."""
        return await self._opened(self._writer).submit(operation)

    async def store(
        self, source: str, slices: Sequence[Slice], chain: Chain | None = None
    ) -> "asyncio.Future[Stored]":
        """Queue a batch of one source; the future gives what is new, once that is on disk.

        Batches of one `chain` are stored in order or not at all: see `Chain`.
        """
        writer = self._opened(self._writer)
        size = sum(sum(map(len, map(_RAW, part.alerts))) + ROW_BYTES * len(part.alerts) for part in slices)

        def operation(connection: sqlite3.Connection) -> Stored:
            if chain is not None and chain.broken:
                raise JournalError("a batch before this one was not stored")
            stored = inbox.store(connection, source, slices)
            writer.wrote(size)
            return stored

        return await writer.submit(operation, chain.snap if chain is not None else None)

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run a query in the reading thread."""
        reader = self._opened(self._reader)
        return await asyncio.get_running_loop().run_in_executor(self._threads, query, reader)

    def read_now(self, query: Callable[[Reader], T]) -> T:
        """Run a query in this thread, before the loop is under load."""
        return self._threads.submit(query, self._opened(self._reader)).result()

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is queued, fold the log, release the lock."""
        if self._writer is not None:
            self._writer.stop(timeout_s)
            self._writer = None
        if self._reader is not None:
            self._threads.submit(self._reader.close).result()
            self._reader = None
        self._threads.shutdown()
        self._unlock()

    @staticmethod
    def _opened(part: "T | None") -> "T":
        if part is None:
            raise JournalError("the journal is not open")
        return part

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def open_reader(path: Path) -> Reader:
    """A reader on a journal that another process may be writing (export, doctor).

    Raises:
        JournalError: there is no journal at `path`.
    """
    if not path.is_file():
        raise JournalError(f"no journal at {path}; set $WATCHFLOOR_HOME or run watchfloor first")
    connection = _connect(path)
    connection.execute("pragma query_only = on")
    return Reader(connection)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


def _take_lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(handle, 32).decode("ascii", "replace").strip() or "?"
        os.close(handle)
        raise JournalError(
            f"another watchfloor (process {owner}) has the journal {path.with_suffix('.db')};"
            " end it, or give this one another $WATCHFLOOR_HOME"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
    return handle
