"""A TCP proxy for tests that makes a network as bad as it gets."""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self


class TcpProxy:
    """Passes connections on to a target; its attributes may be changed at any time and hold from then on."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        """Where it listens, once entered."""
        self.delay_s = 0.0
        """Added before each block, both ways."""
        self.blackhole = False
        """Swallow everything, both ways, and keep connections open."""
        self.trickle_s: float | None = None
        """Send answers one byte at a time, this many seconds apart."""
        self.refuse = False
        """Close new connections at once."""
        self.connections = 0
        """Connections accepted so far."""
        self._target = (target_host, target_port)
        self._left: int | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut_after(self, answer_bytes: int) -> None:
        """Close cleanly once so many more bytes of answers have passed."""
        self._left = answer_bytes

    def reset(self) -> None:
        """Reset (RST) every open connection now; new ones are accepted."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def heal(self) -> None:
        """Behave from now on."""
        self.delay_s, self.blackhole, self.trickle_s, self.refuse, self._left = 0.0, False, None, False, None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            return
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers.add(up_writer)
        ways = {
            asyncio.ensure_future(self._pump(reader, up_writer, answers=False)),
            asyncio.ensure_future(self._pump(up_reader, writer, answers=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(up_writer)
            up_writer.transport.abort()
            with contextlib.suppress(OSError):
                writer.close()
                await writer.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while block := await reader.read(65536):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.blackhole:
                continue
            if answers and self._left is not None:
                block = block[: self._left]
                self._left -= len(block)
            if answers and self.trickle_s is not None:
                for index in range(len(block)):
                    writer.write(block[index : index + 1])
                    await writer.drain()
                    await asyncio.sleep(self.trickle_s)
            else:
                writer.write(block)
                await writer.drain()
            if answers and self._left == 0:
                self._left = None
                return
