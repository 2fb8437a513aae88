"""A whole file, once: block by block, the next block read while the last one is being stored."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from backend.alerts.framing import Frame, Framer
from backend.sources.base import Intake
from backend.sources.follow import Sender
from backend.sources.gunzip import MAGIC, Gunzip, GunzipError
from backend.sources.identity import HEAD_BYTES, HEADER_BYTES, Head, place

BLOCK_BYTES = 1 << 20


class WholeFile:
    """A regular file, plain or gzip. Everything here blocks on the disk: run it in a thread."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises `OSError`."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.trouble = ""
        """Why the end was not reached, in words; empty when it was."""
        self._gzip = os.pread(self._fd, len(MAGIC), 0) == MAGIC
        self._path = path

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def head(self) -> Head:
        """What the file is known by; for gzip, its content's beginning."""
        stat = os.fstat(self._fd)
        if not self._gzip:
            return Head(stat.st_ino, os.pread(self._fd, HEAD_BYTES, 0), stat.st_size)
        return Head(stat.st_ino, self._beginning(HEAD_BYTES), None)

    def frames(self, position: int) -> Iterator[list[Frame]]:
        """The records from `position` on, about a block's worth at a time."""
        framer = Framer(start=position, before=self._beginning(HEADER_BYTES) if position else b"")
        for piece in self._pieces(position):
            yield framer.feed(piece)
        yield framer.finish()

    def _beginning(self, size: int) -> bytes:
        """The content's first bytes, unzipped."""
        start = b""
        for piece in self._pieces(0):
            start += piece[: size - len(start)]
            if len(start) >= size:
                break
        self.trouble = ""
        return start

    def _pieces(self, position: int) -> Iterator[bytes]:
        if self._gzip:
            yield from _after(self._inflated(), position)
            return
        while block := os.pread(self._fd, BLOCK_BYTES, position):
            position += len(block)
            yield block

    def _inflated(self) -> Iterator[bytes]:
        gunzip = Gunzip()
        read = 0
        try:
            while block := os.pread(self._fd, BLOCK_BYTES // 4, read):
                read += len(block)
                yield from gunzip.feed(block)
        except GunzipError as error:
            self.trouble = f"{self._path}: gzip is damaged near byte {read} ({error}); read up to there"
            return
        if not gunzip.whole:
            self.trouble = f"{self._path}: gzip ends early; read up to there"


def _after(pieces: Iterator[bytes], position: int) -> Iterator[bytes]:
    """Leave out the first `position` bytes."""
    for piece in pieces:
        if position >= len(piece):
            position -= len(piece)
            continue
        yield piece[position:] if position else piece
        position = 0


async def read_file(sender: Sender, intake: Intake, path: Path) -> list[str]:
    """Deliver what the journal does not hold of a file yet; returns what went wrong, in words.

    Raises:
        OSError: it can't be opened or read.
    """
    whole = await asyncio.to_thread(WholeFile, path)
    storing: asyncio.Task[None] | None = None
    try:
        head = await asyncio.to_thread(whole.head)
        where = await place(intake, sender.name, str(path), head, final=True)
        blocks = whole.frames(where.position)
        while (frames := await asyncio.to_thread(next, blocks, None)) is not None:
            if storing is not None:
                await storing
            storing = asyncio.create_task(sender.send(intake, where.partition, frames))
        if storing is not None:
            await storing
        return [whole.trouble] if whole.trouble else []
    finally:
        if storing is not None and not storing.done():
            storing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await storing
        whole.close()
