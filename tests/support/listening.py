"""Sources that listen, run in a test; and what is needed to talk to them below their protocol."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backend.clock import SystemClock
from backend.sources.base import Source
from backend.sources.options import SourceOptions
from backend.sources.registry import open_source
from tests.support.intake import FakeIntake, until


@contextlib.asynccontextmanager
async def running(
    uri: str, intake: FakeIntake, options: SourceOptions | None = None, *, live: bool = True
) -> AsyncIterator[Source]:
    """A source that runs, and is live unless told not to wait for that; cancelled at the end."""
    source = open_source(uri, clock=SystemClock(), options=options)
    task = asyncio.create_task(source.run(intake))
    try:
        if live:
            await until(lambda: task.done() or source.status().state == "live", what=f"{uri} live")
        yield source
    finally:
        if task.done():
            task.result()  # it was not to end: its own error says more than a wait that timed out
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain TCP connection to this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def exchange(port: int, *pieces: bytes, end: bool = False, timeout_s: float = 8.0) -> bytes:
    """Send bytes over a new connection, close our side if `end`, and read until the other closes."""
    async with asyncio.timeout(timeout_s), connected(port) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
        return await reader.read()
