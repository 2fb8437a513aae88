"""Standard input, and other things that can be read only once: pipes, sockets, devices."""

import asyncio
import os
import select
import uuid
from pathlib import Path

from backend.alerts.framing import Frame, Framer
from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.base import Intake, SourceError, SourceStatus
from backend.sources.delivery import deliver
from backend.sources.gunzip import MAGIC, Gunzip, GunzipError
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.uri import Address

BLOCK_BYTES = 256 * 1024
_LOOK_S = 0.25
"""A thread waits at most this long for input, in seconds, so that the program can always end."""


class StdinSource:
    """Records from standard input until it ends; each run is a partition, for nothing can be read again."""

    def __init__(
        self, address: Address, *, clock: Clock, options: SourceOptions | None = None, fd: int = 0
    ) -> None:
        """Read from `fd`."""
        del options
        self.name = address.name
        self._fd = fd
        self._clock = clock
        self._tally = Tally(self.name, "stdin", clock)

    def status(self) -> SourceStatus:
        """The state now."""
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Read to the end of input. Raises `SourceError` if it is damaged, after giving what came before."""
        self._tally.say("live")
        trouble = await read_stream(self._fd, self.name, intake, self._tally, self._clock)
        if trouble:
            self._tally.say("failed", trouble[0])
            raise SourceError(self._tally.snapshot().detail)
        self._tally.lag, self._tally.caught_up = 0, True
        self._tally.say("finished")


class _Stream:
    """Blocking reads of a descriptor, framed; gzip is recognised by its first bytes."""

    def __init__(self, what: int | Path) -> None:
        self._own = isinstance(what, Path)
        # Non-blocking: opening a pipe that nobody writes to yet must not hold a thread.
        self._fd = (
            os.open(what, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) if isinstance(what, Path) else what
        )
        self._framer = Framer()
        self._gunzip: Gunzip | None = None
        self._start: bytes | None = b""
        self.trouble = ""
        self.ended = False

    def close(self) -> None:
        if self._own:
            os.close(self._fd)

    def read(self) -> list[Frame]:
        """Whole records that came within `_LOOK_S`; may be none."""
        if not select.select([self._fd], [], [], _LOOK_S)[0]:
            return []
        try:
            block = os.read(self._fd, BLOCK_BYTES)
        except BlockingIOError:
            return []
        if not block:
            return self._end()
        return self._frames(block)

    def _frames(self, block: bytes) -> list[Frame]:
        if self._start is not None:
            self._start += block
            if len(self._start) < len(MAGIC):
                return []
            block, self._start = self._start, None
            self._gunzip = Gunzip() if block.startswith(MAGIC) else None
        if self._gunzip is None:
            return self._framer.feed(block)
        frames: list[Frame] = []
        try:
            for piece in self._gunzip.feed(block):
                frames += self._framer.feed(piece)
        except GunzipError as error:
            self.trouble = f"gzip is damaged ({error}); read up to there"
            self.ended = True
        return frames

    def _end(self) -> list[Frame]:
        self.ended = True
        frames = self._framer.feed(self._start) if self._start else []
        if self._gunzip is not None and not self._gunzip.whole:
            self.trouble = "gzip ends early; read up to there"
        return frames + self._framer.finish()


async def read_stream(what: int | Path, source: str, intake: Intake, tally: Tally, clock: Clock) -> list[str]:
    """Deliver everything that comes from a descriptor or a path that is no regular file.

    Returns what went wrong, in words. Raises `OSError` if it can't be read.
    """
    partition = f"run-{uuid.uuid4().hex}"
    stream = await asyncio.to_thread(_Stream, what)
    try:
        while not stream.ended:
            frames = await asyncio.to_thread(stream.read)
            if frames:
                now = clock.wall_ms()
                records = [Record(source, partition, f.offset, f.data, now, f.next_offset) for f in frames]
                await deliver(intake, records, tally, clock)
    finally:
        stream.close()
    return [f"{source}: {stream.trouble}"] if stream.trouble else []
