"""Files as a source: read once to the end, or followed while others write and rotate them."""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

from backend.alerts.framing import Frame
from backend.alerts.model import Record
from backend.clock import Clock
from backend.sources.base import Intake, SourceError, SourceStatus
from backend.sources.delivery import deliver
from backend.sources.follow import Follower, Watch
from backend.sources.oneshot import read_file
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.stdin import read_stream
from backend.sources.uri import GLOB_CHARACTERS, Address

MOST_FILES = 500
"""Files one pattern may stand for; more is a mistake in the pattern, and open files are finite."""


class FileSource:
    """One file or a pattern of files, each a partition of its own.

    Without `follow=true` it ends `finished` when all is read; what is gzip by its first bytes is inflated.
    With it, a file is read as it grows, through rotation by rename and by copy and truncate.
    """

    def __init__(
        self,
        address: Address,
        *,
        clock: Clock,
        options: SourceOptions | None = None,
        poll_s: float = 1.0,
        linger_s: float = 2.0,
    ) -> None:
        """Prepare to read; nothing is opened yet.

        `poll_s` is the longest time between looks when no notice comes (network file systems give none);
        `linger_s` how long a renamed file must be quiet before its writer counts as gone.
        """
        del options
        self.name = address.name
        self._path = Path(address.path)
        self._follow = address.flag("follow")
        self._clock = clock
        self._poll_s = poll_s
        self._linger_s = linger_s
        self._tally = Tally(self.name, "file", clock)
        self._followers: dict[Path, Follower] = {}

    def status(self) -> SourceStatus:
        """The state now."""
        if self._follow and self._followers:
            self._tally.caught_up = all(follower.at_end for follower in self._followers.values())
            self._tally.lag = 0 if self._tally.caught_up else None
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Read. Raises `SourceError` if there is nothing to read, or not all of it could be read."""
        if self._follow:
            await self._follow_all(intake)
        else:
            await self._read_all(intake)

    async def send(self, intake: Intake, partition: str, frames: Sequence[Frame]) -> None:
        """Deliver frames of one partition; returns when the journal holds them."""
        now = self._clock.wall_ms()
        records = [
            Record(self.name, partition, frame.offset, frame.data, now, frame.next_offset) for frame in frames
        ]
        await deliver(intake, records, self._tally, self._clock)

    async def _read_all(self, intake: Intake) -> None:
        paths = await asyncio.to_thread(matches, self._path)
        if not paths:
            raise SourceError(f"{self.name}: no such file; add ?follow=true to wait for it")
        self._tally.say("live")
        trouble: list[str] = []
        for path in paths:
            try:
                mode = (await asyncio.to_thread(path.stat)).st_mode
                if stat.S_ISDIR(mode):
                    trouble.append(f"{path}: is a folder; name its files with a pattern like {path}/*.json")
                elif stat.S_ISREG(mode):
                    trouble += await read_file(self, intake, path)
                else:
                    trouble += await read_stream(path, self.name, intake, self._tally, self._clock)
            except OSError as error:
                trouble.append(f"{path}: {error.strerror or error}")
        if trouble:
            message = "; ".join(trouble)
            self._tally.say("failed", message)
            raise SourceError(self._tally.snapshot().detail)
        self._tally.lag, self._tally.caught_up = 0, True
        self._tally.say("finished")

    async def _follow_all(self, intake: Intake) -> None:
        watch = Watch(self._path, self._poll_s)
        tasks: dict[Path, asyncio.Task[None]] = {}
        watching = asyncio.create_task(watch.run())
        try:
            while True:
                await self._start_followers(intake, watch, tasks)
                self._say()
                await watch.change()
                for path in [path for path, task in tasks.items() if task.done()]:
                    self._followers.pop(path, None)
                    tasks.pop(path).result()
        finally:
            for task in (watching, *tasks.values()):
                task.cancel()
            await asyncio.gather(watching, *tasks.values(), return_exceptions=True)

    async def _start_followers(
        self, intake: Intake, watch: Watch, tasks: dict[Path, asyncio.Task[None]]
    ) -> None:
        """One follower a path; a rotated file that matches the pattern too is already being read."""
        alone = not is_pattern(self._path)
        paths = [self._path] if alone else await asyncio.to_thread(matches, self._path)
        held = {follower.inode for follower in self._followers.values()}
        for path in paths:
            if path in tasks:
                continue
            if not alone and (await asyncio.to_thread(_inode, path)) in held:
                continue
            follower = Follower(
                self,
                path=path,
                address_path=str(self._path),
                watch=watch,
                tally=self._tally,
                clock=self._clock,
                linger_s=self._linger_s,
                alone=alone,
            )
            self._followers[path] = follower
            tasks[path] = asyncio.create_task(follower.run(intake))

    def _say(self) -> None:
        missing = [follower.missing for follower in self._followers.values() if follower.missing]
        if missing:
            self._tally.say("reconnecting", missing[0])
        elif not self._followers:
            self._tally.say("reconnecting", f"nothing matches {self._path} yet; waiting for it")
        else:
            self._tally.say("live" if all(f.at_end for f in self._followers.values()) else "lagging")


def is_pattern(path: Path) -> bool:
    """Whether a path stands for several files. One that exists as it is written is itself."""
    return any(character in str(path) for character in GLOB_CHARACTERS) and not path.exists()


def matches(path: Path) -> list[Path]:
    """The files a path or pattern stands for, in name order. Blocks on the disk.

    Raises:
        SourceError: more than `MOST_FILES`.
    """
    if not is_pattern(path):
        return [path] if path.exists() else []
    found = sorted(
        other for other in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if other.is_file()
    )
    if len(found) > MOST_FILES:
        raise SourceError(
            f"file://{path}: matches {len(found)} files, more than {MOST_FILES}; narrow the pattern"
        )
    return found


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
