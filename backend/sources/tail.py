"""Following one file that others write: what is new, and whether it is still the same file.

Everything here blocks on the disk; the caller runs it in a thread, one call at a time.
"""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from backend.alerts.framing import Frame, Framer
from backend.sources.gunzip import MAGIC
from backend.sources.identity import HEAD_BYTES, HEADER_BYTES, Head

BLOCK_BYTES = 256 * 1024
MOST_SIBLINGS = 20
"""Rotated files looked at beside the one that is followed, newest first."""

Change = Literal["data", "idle", "truncated", "moved", "gone"]


class Chunk(NamedTuple):
    """What one look at a file brought."""

    change: Change
    frames: list[Frame]


class Tail:
    """One path, opened and read to its end again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head: Head | None = None
        self.done = 0
        """Byte after the last whole record given out."""
        self.read_to = 0
        """Byte after the last one read; beyond `done` when half a record waits for its rest."""
        self._fd: int | None = None
        self._framer = Framer()

    @property
    def is_open(self) -> bool:
        """Whether a file is held."""
        return self._fd is not None

    def open(self) -> Head | None:
        """Open the file and look at its beginning.

        None while there is nothing to know it by: no file, or not yet one whole line. Raises `OSError` when
        it is there and can't be read.
        """
        self.close()
        try:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        start = os.pread(self._fd, HEAD_BYTES, 0)
        if len(start) < HEAD_BYTES and b"\n" not in start:
            self.close()
            return None
        stat = os.fstat(self._fd)
        self.head = Head(stat.st_ino, start, stat.st_size)
        return self.head

    def start(self, position: int) -> None:
        """Read on from this byte."""
        self.done = self.read_to = position
        before = os.pread(self._fd, HEADER_BYTES, 0) if position and self._fd is not None else b""
        self._framer = Framer(start=position, before=before)

    def read(self) -> Chunk:
        """The next block, or why there is none."""
        assert self._fd is not None and self.head is not None  # noqa: S101  # open() came first
        known = self.head.start
        if os.pread(self._fd, len(known), 0) != known:
            return Chunk("truncated", [])  # cut back and written again, perhaps to more than was read
        block = os.pread(self._fd, BLOCK_BYTES, self.read_to)
        if block:
            self.read_to += len(block)
            return Chunk("data", self._gave(self._framer.feed(block)))
        if os.fstat(self._fd).st_size < self.read_to:
            return Chunk("truncated", [])
        try:
            moved = self.path.stat().st_ino != self.head.inode
        except FileNotFoundError:
            return Chunk("gone", [])
        return Chunk("moved" if moved else "idle", [])

    def finish(self) -> list[Frame]:
        """The writer has left this file: what still waits for its end is a record as it is."""
        frames = self._gave(self._framer.finish())
        self.start(self.read_to)
        return frames

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _gave(self, frames: list[Frame]) -> list[Frame]:
        if frames:
            self.done = frames[-1].next_offset
        return frames


def siblings(path: Path) -> list[tuple[Path, Head]]:
    """Files that rotation may have made of `path` (`eve.json.1`, `eve.json-20260102`), oldest first.

    Compressed ones are left out: their bytes no longer stand where they stood.
    """
    found: list[tuple[float, Path, Head]] = []
    try:
        names = [entry for entry in os.scandir(path.parent) if entry.name[:-1].startswith(path.name)]
    except OSError:
        return []
    for entry in names:
        try:
            if entry.is_file():
                stat = entry.stat()
                start = head_of(Path(entry.path))
                if start and not start.startswith(MAGIC):
                    found.append((stat.st_mtime, Path(entry.path), Head(stat.st_ino, start, stat.st_size)))
        except OSError:
            continue
    found.sort(key=lambda item: item[0])
    return [(other, head) for _, other, head in found[-MOST_SIBLINGS:]]


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(fd, HEAD_BYTES, 0)
    finally:
        os.close(fd)


class Remainder:
    """The rest of a rotated copy, from where reading of the original had come to."""

    def __init__(self, path: Path, position: int) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._position = position
        self._framer = Framer(start=position, before=os.pread(self._fd, HEADER_BYTES, 0))
        self._ended = False

    def read(self) -> list[Frame] | None:
        """The next records; None after the last."""
        if self._ended:
            return None
        block = os.pread(self._fd, BLOCK_BYTES, self._position)
        self._position += len(block)
        if block:
            return self._framer.feed(block)
        self._ended = True
        return self._framer.finish()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
