"""The journal: its folder, the space that is left, who has it, and whether it is whole. It is never opened
for writing, and never recovered: a reader would leave files of its own beside it."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from backend.doctor.disk import FULL_BYTES, LITTLE_BYTES, amount, free_bytes, nearest_folder, trouble_with
from backend.doctor.report import Report
from backend.doctor.threads import in_thread

MAX_CHECKED_BYTES = 200_000_000
"""A larger journal is not read through: a step has no time for it. The engine does it at its start."""
_MAGIC = b"SQLite format 3\0"
_DISK = "look at the disk: a network file system that is away makes everything on it wait"


async def examine(report: Report, home: Path) -> None:
    """Look at `$WATCHFLOOR_HOME`, or where the journal lives without it. Raises `Stopped`."""
    try:
        async with report.within("home", f"no answer about {home} from the file system", _DISK):
            await in_thread(lambda: _home(report, home))
        async with report.within("free space", f"no answer about {home} from the file system", _DISK):
            await in_thread(lambda: _space(report, home))
        path = home / "journal.db"
        async with report.within("in use", f"no answer about {home} from the file system", _DISK):
            owner = await in_thread(lambda: _owner(path.with_suffix(".lock")))
    except OSError as error:
        report.fail("home", f"{home}: {error.strerror or error}", "set $WATCHFLOOR_HOME to a folder of yours")
    if owner:
        report.ok("in use", f"by process {owner}, a watchfloor that runs")
    else:
        report.ok("in use", "by nobody")
    slow = f"{path} is not read through"
    async with report.within(
        "journal", slow, "see how busy the disk is; the journal may be whole all the same"
    ):
        await in_thread(lambda: _whole(report, path, in_use=bool(owner)))


def _home(report: Report, home: Path) -> None:
    folder = nearest_folder(home)
    trouble = trouble_with(folder)
    if trouble:
        report.fail("home", trouble, "set $WATCHFLOOR_HOME to a folder that this user may write to")
    report.ok("home", f"{home}" if folder == home else f"{home}, made at the first start")


def _space(report: Report, home: Path) -> None:
    free = free_bytes(nearest_folder(home))
    found = f"{amount(free)} free"
    mend = "make room, or set $WATCHFLOOR_HOME to another disk: without room, sources are paused"
    if free < FULL_BYTES:
        report.bad("free space", found, mend)
    elif free < LITTLE_BYTES:
        report.warn("free space", found, mend)
    else:
        report.ok("free space", found)


def _owner(path: Path) -> str:
    """The process that has the journal; empty where none has."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back at once
    except BlockingIOError:
        return os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(handle)
    return ""


def _whole(report: Report, path: Path, *, in_use: bool) -> None:
    if not path.exists():
        report.ok("journal", "none yet")
        return
    mend = "move it aside and start again: sources are read as far back as they keep"
    try:
        with path.open("rb") as file:
            magic, size = file.read(len(_MAGIC)), os.fstat(file.fileno()).st_size
    except OSError as error:
        report.fail("journal", f"{path}: {error.strerror or error}", "let this user read and write it")
    if magic != _MAGIC and size:
        report.fail("journal", f"{path} is no journal: it is damaged, or something else", mend)
    wal = path.with_name(f"{path.name}-wal")
    log_left = wal.exists() and wal.stat().st_size > 0  # after a crash; folded in at the next start
    if in_use or log_left or size > MAX_CHECKED_BYTES:
        report.ok("journal", f"{amount(size)}; checked when watchfloor starts")
        return
    try:
        address = f"file:{quote(str(path))}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            verdict = connection.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        report.fail("journal", f"{path} is damaged: {verdict}", mend)
    report.ok("journal", f"{amount(size)}, whole")
