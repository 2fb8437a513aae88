"""Partitions that began anew under the same name: a recreated topic, a file cut back to nothing.

`(source, partition, offset)` is unique for ever, so offsets that start again at 0 need a partition name of
their own: `NAME`, then `NAME#2`, `NAME#3` …
"""

from typing import NamedTuple

from backend.sources.base import Intake

_MOST = 10_000
"""More lives than any partition has; ends the search for sure."""


class Generation(NamedTuple):
    """One life of a partition, with the journal's next offset in it (None if the journal has none)."""

    base: str
    number: int
    position: int | None

    @property
    def partition(self) -> str:
        """The name records carry."""
        return self.base if self.number == 1 else f"{self.base}#{self.number}"

    def following(self) -> "Generation":
        """The next life, of which nothing was read yet."""
        return Generation(self.base, self.number + 1, None)


async def newest(intake: Intake, source: str, base: str) -> Generation:
    """The latest life of a partition that the journal knows; else the first, without a position."""
    found = Generation(base, 1, _whole(await intake.position(source, base)))
    while found.position is not None and found.number < _MOST:
        later = found.following()
        position = _whole(await intake.position(source, later.partition))
        if position is None:
            break
        found = later._replace(position=position)
    return found


def _whole(position: int | str | None) -> int | None:
    return position if isinstance(position, int) else None
