"""One followed path through its life: waiting for it, reading it, seeing it rotated, reading the next."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from backend.alerts.framing import Frame
from backend.clock import Clock
from backend.sources.base import Intake, SourceError
from backend.sources.generations import newest
from backend.sources.identity import Head, Place, partition_base, place, prefixes
from backend.sources.state import Tally
from backend.sources.tail import Remainder, Tail, siblings

GONE_LIMIT_S = 60.0
"""A deleted file is held open this long for its writer's last words; longer would keep its disk space."""


class Sender(Protocol):
    """What a follower hands its records to."""

    name: str

    async def send(self, intake: Intake, partition: str, frames: Sequence[Frame]) -> None:
        """Deliver frames of a partition."""
        ...


class Watch:
    """Wakes the followers when a file in their folder changes, and every `poll_s` in any case."""

    def __init__(self, path: Path, poll_s: float) -> None:
        self._folder = path.parent
        self._stem = path.name.rstrip("*").split("*")[0].split("[")[0]
        self._poll_s = poll_s
        self._event = asyncio.Event()

    async def change(self) -> None:
        """Return at the next change, or after `poll_s`."""
        event = self._event
        try:
            async with asyncio.timeout(self._poll_s):
                await event.wait()
        except TimeoutError:
            return

    async def run(self) -> None:
        """Watch until cancelled. Where the system gives no notices, polling alone has to do."""
        import watchfiles  # only a source that follows needs it

        stem = str(self._folder / self._stem)
        try:
            async for _ in watchfiles.awatch(
                self._folder,
                recursive=False,
                debounce=100,
                step=20,
                rust_timeout=1_000,
                watch_filter=lambda _change, path: path.startswith(stem),
            ):
                self._event.set()
                self._event = asyncio.Event()
        except (OSError, RuntimeError):
            return


class Follower:
    """Reads one path for ever."""

    def __init__(
        self,
        sender: Sender,
        *,
        path: Path,
        address_path: str,
        watch: Watch,
        tally: Tally,
        clock: Clock,
        linger_s: float,
        alone: bool,
    ) -> None:
        """`address_path` begins the partition's name; `alone` is off for one of a pattern, which ends."""
        self.at_end = False
        """All that is there was read and is in the journal."""
        self.missing = ""
        """Why there is nothing to read now, in words; empty when there is."""
        self._sender = sender
        self._address_path = address_path
        self._watch = watch
        self._tally = tally
        self._clock = clock
        self._linger_s = linger_s
        self._alone = alone
        self._tail = Tail(path)
        self._partition: str | None = None

    @property
    def inode(self) -> int:
        """The file that is open, 0 for none."""
        return self._tail.head.inode if self._tail.head is not None and self._tail.is_open else 0

    async def run(self, intake: Intake) -> None:
        """Follow until cancelled; one of a pattern returns when its path is gone."""
        try:
            if self._alone:
                await self._catch_up_rotated(intake)
            while True:
                head = await self._open()
                if head is None:
                    if not self._alone and not await asyncio.to_thread(self._tail.path.exists):
                        return
                    await self._watch.change()
                    continue
                await self._one_file(intake, head)
        finally:
            self._tail.close()

    async def _open(self) -> Head | None:
        path = self._tail.path
        try:
            head = await asyncio.to_thread(self._tail.open)
        except IsADirectoryError as error:
            raise SourceError(
                f"{path}: is a folder; name its files with a pattern like {path}/*.json"
            ) from error
        except OSError as error:
            self.missing = f"{path}: {error.strerror or error}; trying again"
            self.at_end = False
            return None
        if head is None:
            exists = await asyncio.to_thread(path.exists)
            self.missing = "" if exists else f"{path} does not exist (yet); waiting for it"
            self.at_end = True
        return head

    async def _one_file(self, intake: Intake, head: Head) -> None:
        where = await place(
            intake, self._sender.name, self._address_path, head, final=False, unlike=self._partition
        )
        if where.began_anew and self._partition is None:
            self._tally.note(
                f"{self._tail.path} is shorter than what was read of it: read from its beginning"
            )
        self.missing = ""
        self._partition = where.partition
        self._tail.start(where.position)
        await self._until_left(intake, where)
        self._tail.close()

    async def _until_left(self, intake: Intake, where: Place) -> None:
        """Read one file until another takes its place, and all of it before that other."""
        quiet_since: float | None = None
        while True:
            chunk = await asyncio.to_thread(self._tail.read)
            if chunk.change == "data":
                self.at_end = False
                quiet_since = None
                await self._sender.send(intake, where.partition, chunk.frames)
            elif chunk.change == "truncated":
                await self._after_truncation(intake, where.partition)
                return
            elif chunk.change == "idle":
                self.at_end = True
                quiet_since = None
                await self._watch.change()
            else:
                now = self._clock.mono()
                quiet_since = now if quiet_since is None else quiet_since
                if now - quiet_since < self._linger_s:
                    await self._clock.sleep(min(0.1, self._linger_s))
                    continue
                await self._sender.send(intake, where.partition, await asyncio.to_thread(self._tail.finish))
                self.at_end = True
                # One of a pattern may be found again under its new name, and is then read on from here.
                if chunk.change == "moved" or not self._alone or now - quiet_since > GONE_LIMIT_S:
                    return
                self.missing = f"{self._tail.path} was removed; waiting for the next one"
                await self._watch.change()

    async def _after_truncation(self, intake: Intake, partition: str) -> None:
        """Copy and truncate: what was not yet read stands in the copy, at the same bytes."""
        head, done = self._tail.head, self._tail.done
        assert head is not None  # noqa: S101  # it was open
        for path, copy in await asyncio.to_thread(siblings, self._tail.path):
            if copy.start[: len(head.start)] == head.start and (copy.size or 0) >= done:
                await self._finish(intake, path, partition, done)
                return
        if self._tail.read_to > done:
            self._tally.note(
                f"{self._tail.path} was cut back with half a record unread, and no copy of it is found"
            )

    async def _catch_up_rotated(self, intake: Intake) -> None:
        """At start: files rotated away while nobody read, as far as the journal knows their beginning."""
        current = await asyncio.to_thread(_inode_of, self._tail.path)
        for path, head in await asyncio.to_thread(siblings, self._tail.path):
            for inode in dict.fromkeys((head.inode, current)):
                for prefix in prefixes(head.start, final=False):
                    base = partition_base(self._address_path, inode, prefix)
                    generation = await newest(intake, self._sender.name, base)
                    if generation.position is not None and generation.position < (head.size or 0):
                        await self._finish(intake, path, generation.partition, generation.position)

    async def _finish(self, intake: Intake, path: Path, partition: str, position: int) -> None:
        try:
            rest = await asyncio.to_thread(Remainder, path, position)
        except OSError as error:
            self._tally.note(f"{path}: {error.strerror or error}; the rest of a rotated file can't be read")
            return
        try:
            while (frames := await asyncio.to_thread(rest.read)) is not None:
                await self._sender.send(intake, partition, frames)
        finally:
            rest.close()


def _inode_of(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
