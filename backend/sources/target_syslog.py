"""`syslog://…` as a target of replay: TCP with octet counting, TLS if the config asks for it."""

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import Sequence

from backend.alerts.text import safe
from backend.clock import iso
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.tls import tls_context
from backend.sources.uri import Address

SEND_TIMEOUT_S = 60.0
"""Longest wait for the receiver to take a batch; it slows us down when it has no room."""
CLOSE_S = 10.0
PRIORITY = 133
"""Facility local0 (16), severity notice (5)."""

_PRI = re.compile(rb"<\d{1,3}>")
_NOT_A_NAME = re.compile(r"[^!-~]")


class SyslogTarget:
    """Sends records as syslog messages; a record that is none yet gets an RFC 5424 header.

    Syslog confirms nothing: `send` returns when the system has taken the batch, `close` when the receiver has
    read all of it and closed its side, or after `CLOSE_S`.
    """

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to send; nothing is connected yet."""
        self._name = address.name
        ((self._host, self._port),) = address.hosts
        self._options = options or SourceOptions()
        self._hostname = (_NOT_A_NAME.sub("-", socket.gethostname()) or "-")[:255]
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect. Raises `SourceError` if nobody listens."""
        context: ssl.SSLContext | None = None
        if self._options.tls or self._options.ca_file:
            context = await asyncio.to_thread(tls_context, self._name, self._options)
        try:
            async with asyncio.timeout(10.0):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, ssl=context
                )
        except (OSError, TimeoutError) as error:
            raise SourceError(
                safe(f"no syslog receiver at {self._host}:{self._port} ({type(error).__name__}: {error})")
            ) from error

    async def send(self, records: Sequence[bytes]) -> None:
        """Hand a batch to the system. Raises `SourceError` if the connection is lost: some may be too."""
        if self._writer is None or self._reader is None:
            raise SourceError(f"{self._name}: is not open")
        messages = (self._message(record) for record in records)
        self._writer.write(b"".join(b"%d %b" % (len(message), message) for message in messages))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._writer.drain()
            if self._reader.at_eof():
                raise ConnectionResetError("the receiver closed the connection")
        except (OSError, TimeoutError) as error:
            raise SourceError(safe(f"{self._name}: connection lost ({error or 'no room'})")) from error

    async def close(self) -> None:
        """Say that this was all, and wait for the receiver to have read it."""
        writer, self._writer = self._writer, None
        if writer is None or self._reader is None:
            return
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                if writer.can_write_eof():
                    writer.write_eof()
                    await self._reader.read()
                writer.close()
                await writer.wait_closed()
        writer.transport.abort()

    def _message(self, record: bytes) -> bytes:
        if _PRI.match(record):
            return record
        stamp = iso(time.time_ns() // 1_000_000)
        return f"<{PRIORITY}>1 {stamp} {self._hostname} watchfloor - - - ".encode() + record
