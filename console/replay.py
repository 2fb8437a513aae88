"""`watchfloor replay`: a file's alerts into a stream."""

import asyncio
import sys
from collections.abc import Callable, Iterator

from backend.engine import ReplayError, replay


def run_replay(
    read: Callable[[], Iterator[bytes]], to: str, *, rate: float | None, speed: float | None, loop: bool
) -> int:
    """Send, and say how many were confirmed."""
    if rate is not None and speed is not None:
        raise ReplayError("--rate and --speed exclude each other; give one")
    for name, value in (("rate", rate), ("speed", speed)):
        if value is not None and value <= 0:
            raise ReplayError(f"--{name} must be above 0")
    counted = 0

    def sent(count: int) -> None:
        nonlocal counted
        counted = count

    try:
        counted = asyncio.run(replay(read, to, rate=rate, speed=speed, loop=loop, sent=sent))
    except BaseException:
        if counted:  # stopped or broken on the way: how far it came is what one needs to go on
            _say(counted)
        raise
    _say(counted)
    return 0


def _say(count: int) -> None:
    sys.stderr.write(f"{count} record{'' if count == 1 else 's'} sent and confirmed\n")
