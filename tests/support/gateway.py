"""What may stand between a client and its server: a TLS front with a certificate, and a forward proxy."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Server:
    """Accepts connections on a free loopback port; ends them all when left."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class TlsFront(_Server):
    """Speaks TLS, passes what comes out of it on to a plain server."""

    def __init__(self, context: ssl.SSLContext, target_port: int) -> None:
        super().__init__(context)
        self._target = target_port

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _connected("127.0.0.1", self._target) as there:
            await _both_ways((reader, writer), there)


class ForwardProxy(_Server):
    """A real proxy: CONNECT for TLS, absolute addresses for plain HTTP; with a login if it is given one.

    Names in `hosts` are looked up here, not by the client.
    """

    def __init__(self, login: str = "", hosts: dict[str, str] | None = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        """The first line of each request that came."""
        self._login = login
        self._hosts = hosts or {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        self.asked.append(lines[0])
        method, target, version = lines[0].split(" ")
        given = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("proxy-auth")]
        if self._login and given != [f"Basic {base64.b64encode(self._login.encode()).decode()}"]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = self._hosts.get(parts.hostname or "", parts.hostname or "")
        async with _connected(host, parts.port or 80) as there:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = f"{parts.path}?{parts.query}" if parts.query else parts.path
                there[1].write(head.replace(lines[0], f"{method} {path} {version}", 1).encode("latin-1"))
            await _both_ways((reader, writer), there)


@contextlib.asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[_Pipe]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _both_ways(here: _Pipe, there: _Pipe) -> None:
    """Pass bytes on in both directions until one side ends."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()

    copies = [
        asyncio.create_task(copy(here[0], there[1])),
        asyncio.create_task(copy(there[0], here[1])),
    ]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
