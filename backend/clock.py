"""Time, injected: the scheduler, SLAs, caches, breakers and budgets ask a Clock, never the system."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the pipeline may know about time.

    Durations and deadlines come from `mono`, which never jumps; what people and records are shown
    comes from `wall_ms`, which may. A simulation gives both from its own loop.
    """

    def mono(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock."""
        ...

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Async context manager that raises `TimeoutError` after `seconds` on this clock."""
        ...


class SystemClock:
    """The real thing: the machine's monotonic and wall clocks and the running loop's timers."""

    def mono(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of real time."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Limit a block to `seconds` of real time; None is no limit."""
        return asyncio.timeout(seconds)


class LoopClock:
    """A clock that follows its event loop: under a loop with virtual time, a simulation."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start_wall_ms: int = 1_767_225_600_000) -> None:
        """Begin at `start_wall_ms` (2026-01-01T00:00:00Z unless told) when `loop.time()` is now."""
        self._loop = loop
        self._origin = loop.time()
        self._start_wall_ms = start_wall_ms

    def mono(self) -> float:
        """The loop's own time in seconds."""
        return self._loop.time()

    def wall_ms(self) -> int:
        """The start plus what has passed on the loop."""
        return self._start_wall_ms + int((self._loop.time() - self._origin) * 1000)

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop's time."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Limit a block on the loop's time."""
        return asyncio.timeout(seconds)


def iso(ms: int) -> str:
    """`ms` since the epoch as RFC 3339 UTC with milliseconds, the contract's time format.

    Times outside what a calendar can hold are clamped, because alert times are not ours to trust.
    """
    clamped = min(max(ms, -62_135_596_800_000), 253_402_300_799_999)
    seconds, millis = divmod(clamped, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis:03d}Z"
