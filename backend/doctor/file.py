"""File sources: what is there, whether it may be read, and its last record."""

import difflib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from backend.alerts.framing import Frame, Framer
from backend.doctor.case import Case
from backend.doctor.report import halves
from backend.doctor.threads import in_thread
from backend.sources.base import SourceError
from backend.sources.file import is_pattern, matches
from backend.sources.gunzip import MAGIC
from backend.sources.oneshot import WholeFile

HEAD_BYTES = 4 * 1024 * 1024
"""Read of a file's beginning, and at most inflated of a compressed one."""
TAIL_BYTES = 1024 * 1024
_BESIDE = 1_000
"""Names looked at in a folder to find the one that was meant."""
_DISK = "look at the disk: a network file system that is away makes everything on it wait"


async def probe(case: Case) -> None:
    """Look at the files an address stands for, and read the last record of the newest."""
    path, report = Path(case.address.path), case.report
    try:
        async with report.within("file", f"no answer about {path} from the file system", _DISK):
            found = await in_thread(lambda: _newest_last(matches(path)))
    except SourceError as error:
        report.fail("file", *halves(error, f"file://{path}"))
    except OSError as error:
        report.fail("file", f"{path}: {error.strerror or error}", "correct the path or its permissions")
    if not found:
        await _missing(case, path)
        return
    newest = found[-1]
    async with report.within("file", f"no answer about {newest} from the file system", _DISK):
        size = await in_thread(lambda: _look(case, newest, len(found)))
    if size is None:
        report.ok("sample", "not looked at: what is read from a pipe can't be read again")
        return
    try:
        async with report.within("sample", f"{newest} can't be read", _DISK):
            frame = await in_thread(lambda: last_record(newest))
    except OSError as error:
        report.fail(
            "sample",
            f"{newest} can't be read: {error.strerror or error}",
            "let the user that runs watchfloor read it: its permissions, its group",
        )
    if frame is None and size > HEAD_BYTES:
        report.ok("sample", f"not looked at: its first record alone has more than {HEAD_BYTES >> 20} MiB")
    elif frame is None:
        mend = "nothing to do if its writer has just begun; else see whether this is the file it writes"
        report.warn("sample", f"{newest} holds no whole record yet", mend)
    else:
        await case.judge(frame.data, f"record at byte {frame.offset}")


async def _missing(case: Case, path: Path) -> None:
    mend = await in_thread(lambda: _what_is_there(path))
    what = f"nothing matches {path}" if is_pattern(path) else f"no file {path}"
    if case.address.flag("follow"):
        case.report.warn("file", f"{what} yet: it is waited for", f"if it should be there by now: {mend}")
    else:
        case.report.fail("file", what, f"{mend} (or add ?follow=true to wait for it)")


def _what_is_there(path: Path) -> str:
    """What to do about a missing file: the nearest name beside it, or where its path ends."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f"correct the path: in {folder} there is no {path.relative_to(folder).parts[0]}"
    try:
        names = [entry.name for _, entry in zip(range(_BESIDE), os.scandir(folder), strict=False)]
    except OSError:
        return f"correct the path; {folder} can't be listed"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"did you mean {folder / near[0]}?" if near else f"correct the name; it would be in {folder}"


def _newest_last(paths: Sequence[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime_ns)


def _look(case: Case, path: Path, count: int) -> int | None:
    """Say what a path is; its size, or None where reading would consume it. Raises `Stopped` for folders."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        case.report.fail("file", f"{path} is a folder", f"name its files with a pattern like {path}/*.json")
    words = f"{count} files, the newest is {path}" if count > 1 else str(path)
    if not stat.S_ISREG(found.st_mode):
        case.report.ok("file", f"{words}: a pipe or device")
        return None
    case.report.ok("file", f"{words}: {found.st_size:,} bytes")
    return found.st_size


def last_record(path: Path) -> Frame | None:
    """The last whole record of a file; None where it holds none.

    Of a compressed file, and of one whose records go over many lines, it is the last of the first 4 MiB.
    Blocks. Raises `OSError`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if head.startswith(MAGIC):
            return _of_compressed(path)
        size = os.fstat(file.fileno()).st_size
        framer = Framer()
        frames = framer.feed(head)
        over_lines = bool(frames) and b"\n" in frames[0].data and not _has_header(head)
        if size <= len(head):
            frames = frames or framer.finish()
        elif frames and not over_lines:
            start = max(len(head), size - TAIL_BYTES)
            file.seek(start)
            skipped = len(file.readline())
            tail = Framer(start + skipped, before=head)
            frames = tail.feed(file.read(TAIL_BYTES)) or frames
    return frames[-1] if frames else None


def _has_header(head: bytes) -> bool:
    """Whether each record has the file's header in front, so that a line end in it means nothing."""
    first = Framer().feed(head[:TAIL_BYTES])
    return bool(first) and first[0].offset > 0


def _of_compressed(path: Path) -> Frame | None:
    whole = WholeFile(path)
    try:
        last: Frame | None = None
        for frames in whole.frames(0):
            last = frames[-1] if frames else last
            if last is not None and last.next_offset > HEAD_BYTES:
                break
        return last
    finally:
        whole.close()
