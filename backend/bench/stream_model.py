"""The scripted model server as the measurements use it: started, asked for its notes, ended."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import msgspec

from backend.bench.report import BenchError

START_WITHIN_S = 15.0
END_WITHIN_S = 5.0


class ModelAddress(msgspec.Struct, frozen=True):
    """Where the scripted server listens."""

    url: str
    """http://127.0.0.1:PORT, without a path."""

    async def sent(self) -> dict[int, list[float]]:
        """When each token of each numbered stream was written, on the machine's monotonic clock."""
        data = await asyncio.to_thread(self._get, "/sent")
        return msgspec.json.decode(data, type=dict[int, list[float]], strict=False)

    def _get(self, path: str) -> bytes:
        import urllib.request  # costs 20 ms, and the engine knows this module

        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(self.url + path, timeout=START_WITHIN_S) as answer:
                body: bytes = answer.read()
                return body
        except OSError as error:
            raise BenchError(f"the scripted model server does not answer: {error}") from error


@contextlib.asynccontextmanager
async def scripted_model() -> AsyncIterator[ModelAddress]:
    """Start the server in a process of its own; gives its address and ends it afterwards.

    Raises:
        BenchError: it did not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "backend.bench.stream_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    assert process.stdin is not None  # noqa: S101 - asked for above
    try:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                port = int(await process.stdout.readline())
        except (TimeoutError, ValueError) as error:
            raise BenchError("the scripted model server did not start") from error
        yield ModelAddress(f"http://127.0.0.1:{port}")
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(END_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
