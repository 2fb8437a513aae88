"""A small HTTP/1.1 server over asyncio streams that can also misbehave below HTTP."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HEAD_LIMIT = 64 * 1024
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


class ClientLeft(Exception):
    """The client closed the connection."""


@dataclass(frozen=True)
class HttpRequest:
    """One request as it was read; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Wire(asyncio.StreamReaderProtocol):
    """A stream protocol that tells when the client has left, without reading."""

    def __init__(self, reader: asyncio.StreamReader, serve: Callable[..., Awaitable[None]]) -> None:
        super().__init__(reader, serve)
        self.gone = asyncio.Event()

    def eof_received(self) -> bool:
        self.gone.set()
        return bool(super().eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


class Response:
    """What a handler answers with: a whole body, or a chunked stream, or a break of the connection."""

    def __init__(self, writer: asyncio.StreamWriter, gone: asyncio.Event) -> None:
        self._writer = writer
        self._gone = gone
        self._chunked = False

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a complete response."""
        await self._send(_head(status, {"content-length": str(len(body)), **headers}) + body)

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are. Raises `ClientLeft`."""
        await self._send(data)

    async def begin(self, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        """Start a chunked 200."""
        self._chunked = True
        await self._send(
            _head(200, {"content-type": content_type, "transfer-encoding": "chunked", **(headers or {})})
        )

    async def chunk(self, data: bytes) -> None:
        """Send some of the body. Raises `ClientLeft`."""
        await self._send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End a chunked body cleanly."""
        await self._send(b"0\r\n\r\n")

    async def pause(self, seconds: float | None) -> None:
        """Wait, for ever with None. Raises `ClientLeft` as soon as the client closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        if self._gone.is_set():
            raise ClientLeft

    def cut(self, *, reset: bool) -> None:
        """Break the connection, with a RST or a plain FIN, and end the script."""
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()
        raise ClientLeft

    async def _send(self, data: bytes) -> None:
        if self._gone.is_set():
            raise ClientLeft
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError as exc:
            raise ClientLeft from exc


Handler = Callable[[HttpRequest, Response], Awaitable[None]]


class HttpServer:
    """Serves one handler on a free loopback port; keeps connections alive between requests."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[asyncio.Task[None]] = set()
        self._open = 0
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.accepted = 0
        """Connections that were ever opened."""

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed."""
        return self._open

    async def until_open(self, count: int, timeout_s: float = 20.0) -> None:
        """Wait until exactly `count` connections are open. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self._open == count)

    def hang_up(self) -> None:
        """Close every connection now, as a server does with those that lie idle too long."""
        for writer in self._writers:
            writer.close()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Wire(asyncio.StreamReader(limit=HEAD_LIMIT), self._serve), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._writers.add(writer)
        self.accepted += 1
        await self._count(+1)
        try:
            wire = writer.transport.get_protocol()
            assert isinstance(wire, _Wire)
            while (request := await _read(reader)) is not None:
                await self._handler(request, Response(writer, wire.gone))
        except (ClientLeft, ConnectionError, asyncio.CancelledError):
            pass  # cancelled by the server's end; asyncio would log a cancelled connection as an error
        finally:
            self._connections.discard(task)
            self._writers.discard(writer)
            writer.transport.abort() if writer.is_closing() else writer.close()
            await asyncio.shield(self._count(-1))

    async def _count(self, step: int) -> None:
        async with self._changed:
            self._open += step
            self._changed.notify_all()


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    pairs = (line.split(":", 1) for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return HttpRequest(method, path, headers, body)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
