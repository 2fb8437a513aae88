"""Which file this is: a path may hold another file tomorrow, and the same file may move to another path.

A file is known by its inode and a fingerprint of its first bytes. The inode alone is reused by the system and
kept by copytruncate; the first bytes alone are the same in two logs that begin with the same header.
"""

import hashlib
from typing import NamedTuple

from backend.sources.base import Intake
from backend.sources.generations import Generation, newest

HEAD_BYTES = 512
"""How much of the beginning is fingerprinted: several header lines, or most of one alert."""
HEADER_BYTES = 8192
"""How much of the beginning is searched for a header (Zeek TSV, CSV) when reading goes on mid-file."""
_CANDIDATES = 8


class Head(NamedTuple):
    """What a file looks like from its beginning."""

    inode: int
    start: bytes
    """The first bytes, at most `HEAD_BYTES` (of the content, where the file is compressed)."""
    size: int | None
    """Bytes of content now; None where only reading it all would tell (gzip)."""


class Place(NamedTuple):
    """Where reading of a file goes on."""

    generation: Generation
    position: int
    known: bool
    """The journal has records of this file already."""
    began_anew: bool
    """The file is shorter than what was read of it: cut back since, so it is read from its beginning."""

    @property
    def partition(self) -> str:
        """The partition's name in records."""
        return self.generation.partition


def prefixes(start: bytes, *, final: bool) -> list[bytes]:
    """The beginnings a file may be known by, longest first.

    A file that was still short when first seen is known by fewer lines than it has now, so every line end in
    the head is a candidate. `final` says that the file won't grow, so an unfinished last line counts too.
    """
    found = [start] if len(start) >= HEAD_BYTES or final or start.endswith(b"\n") else []
    end = start.rfind(b"\n", 0, len(start) - 1)
    while end >= 0 and len(found) < _CANDIDATES:
        found.append(start[: end + 1])
        end = start.rfind(b"\n", 0, end)
    return found


def partition_base(path: str, inode: int, prefix: bytes) -> str:
    """The partition name of a file at an address path."""
    return f"{path}@{inode:x}-{hashlib.blake2b(prefix, digest_size=8).hexdigest()}"


async def place(
    intake: Intake, source: str, path: str, head: Head, *, final: bool, unlike: str | None = None
) -> Place:
    """Find where the journal left this file, or a fresh partition for it.

    `unlike` is a partition that this file was just seen not to be any more, however alike they look.
    """
    first: Generation | None = None
    for prefix in prefixes(head.start, final=final) or [head.start]:
        generation = await newest(intake, source, partition_base(path, head.inode, prefix))
        first = first or generation
        if generation.position is not None:
            break
    else:
        assert first is not None  # noqa: S101  # the loop above runs at least once
        return Place(first, 0, known=False, began_anew=False)
    position = generation.position or 0
    if generation.partition == unlike or (head.size is not None and position > head.size):
        return Place(generation.following(), 0, known=False, began_anew=True)
    return Place(generation, position, known=True, began_anew=False)
