"""`syslog://HOST:PORT`: listens for RFC 5424 and 3164 messages over UDP, TCP and TLS.

Syslog has no acknowledgement. What was received but not stored when the process is killed, and what senders
sent while it was down, can't be had again; so every run is a partition of its own. Over TCP, a pipeline
without room slows the senders. Over UDP nothing can: what can't be taken is counted and said.
"""

import asyncio
import contextlib
import socket
import struct
import uuid
from collections.abc import Sequence

from backend.clock import Clock
from backend.sources.base import Intake, SourceStatus
from backend.sources.listener import READ_BYTES, Guest, Listener, until_open
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.syslog_buffer import Buffer, Message
from backend.sources.syslog_frames import SyslogFramer
from backend.sources.tls import server_tls_context
from backend.sources.uri import Address

MAX_CONNECTIONS = 512
QUIET_S = 60.0
"""A connection that was quiet for so long may be closed for a new one where there are too many."""
BUFFER_RECORDS = 20_000
BUFFER_BYTES = 16 * 1024 * 1024
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
"""Asked of the system for UDP; it gives what its own limit allows (Linux: net.core.rmem_max)."""
DRAIN_S = 1.5
"""At the end, what was received gets so long to be stored."""
DROPS_SHOWN_S = 60.0
"""A drop makes the source look troubled for so long; it is said for ever."""

_SO_MEMINFO, _MEMINFO_DROPS = 55, 8
"""Linux: a socket's memory figures, and which of them counts datagrams that found its buffer full."""


class SyslogSource:
    """Messages over UDP and TCP on one port; with a certificate in the config, over TLS alone."""

    def __init__(self, address: Address, *, clock: Clock, options: SourceOptions | None = None) -> None:
        """Prepare to listen; nothing is opened yet."""
        self.name = address.name
        self._options = options or SourceOptions()
        ((self._host, self._port),) = address.hosts
        self._clock = clock
        self._tally = Tally(self.name, "syslog", clock)
        self._udp: _Datagrams | None = None
        self._listener: Listener | None = None
        self._buffers: list[Buffer] = []
        self._shortened = self._broken = 0
        self._drops = 0
        self._dropped_at = -DROPS_SHOWN_S

    def status(self) -> SourceStatus:
        """The state now."""
        if self._listener is not None:
            self._measure()
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Listen until cancelled. Raises `SourceError` if that can't work on this machine."""
        context = await asyncio.to_thread(server_tls_context, self.name, self._options)
        run = uuid.uuid4().hex
        tcp, udp = (
            Buffer(
                self.name,
                f"run-{run}/{way}",
                self._tally,
                self._clock,
                records=BUFFER_RECORDS,
                size=BUFFER_BYTES,
            )
            for way in ("tcp", "udp")
        )

        async def serve(guest: Guest) -> None:
            await self._read(guest, tcp)

        listener = Listener(serve, self._clock, limit=MAX_CONNECTIONS, idle_s=QUIET_S)

        async def open_once() -> None:
            await listener.open(self._host, self._port, context)
            if context is None:  # beside TLS, open datagrams would be a hole
                try:
                    self._udp = await _Datagrams.open(self._host, self._port, udp, self._clock)
                except OSError:
                    await listener.close()
                    raise

        place = f"{self._host}:{self._port}"
        await until_open(open_once, self.name, place, self._tally, self._clock)
        self._listener, self._buffers = listener, [tcp, udp]
        delivering = [asyncio.create_task(buffer.run(intake)) for buffer in self._buffers]
        try:
            done, _ = await asyncio.wait(delivering, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            if self._udp is not None:
                self._udp.close()
            await listener.close()
            # Nothing sends it again, so it gets a moment more.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await asyncio.gather(*(buffer.drained() for buffer in self._buffers))
            for task in delivering:
                task.cancel()
            await asyncio.gather(*delivering, return_exceptions=True)
            self._listener = self._udp = None

    async def _read(self, guest: Guest, buffer: Buffer) -> None:
        """Take what one connection sends, no faster than the pipeline takes it."""
        framer = SyslogFramer()
        peer = guest.peer.encode()
        ended = False
        try:
            while not ended:
                try:
                    block = await guest.reader.read(READ_BYTES)
                except OSError:
                    block = b""  # cut: what came before it still counts
                ended = not block
                messages = framer.feed(block) if block else framer.finish()
                guest.idle_since = None
                await self._take(messages, peer, buffer)
                guest.idle_since = self._clock.mono()
        finally:
            self._shortened += framer.shortened
            self._broken += framer.broken

    async def _take(self, messages: Sequence[bytes], peer: bytes, buffer: Buffer) -> None:
        now = self._clock.wall_ms()
        for message in messages:
            await buffer.put(Message(message, peer, now))

    def _measure(self) -> None:
        """Say how it goes; what was lost is never left out."""
        ours, system = (self._udp.refused, self._udp.overflowed) if self._udp is not None else (0, 0)
        if ours + system > self._drops:
            self._drops, self._dropped_at = ours + system, self._clock.mono()
        words = []
        if ours:
            words.append(f"{ours} datagrams dropped by us: the pipeline had no room for them")
        if system:
            words.append(f"{system} datagrams dropped by the system: they came faster than we could read")
        if self._broken:
            words.append(f"{self._broken} messages with a wrong length, or cut off by their connection")
        if self._shortened:
            words.append(f"{self._shortened} messages were too long: only their beginning is kept")
        if self._listener is not None and self._listener.turned_away:
            words.append(f"{self._listener.turned_away} connections closed: over {MAX_CONNECTIONS} at once")
        waiting = sum(buffer.waiting for buffer in self._buffers)
        self._tally.lag, self._tally.caught_up = waiting, waiting == 0
        recent = self._clock.mono() - self._dropped_at < DROPS_SHOWN_S
        self._tally.say("lagging" if recent or waiting >= BUFFER_RECORDS else "live", "; ".join(words))


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP side: takes what there is room for and counts the rest."""

    def __init__(self, buffer: Buffer, clock: Clock) -> None:
        self.refused = 0
        self._buffer = buffer
        self._clock = clock
        self._transport: asyncio.DatagramTransport | None = None
        self._socket: socket.socket | None = None
        self._overflowed = 0

    @classmethod
    async def open(cls, host: str, port: int, buffer: Buffer, clock: Clock) -> "_Datagrams":
        """Bind. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: cls(buffer, clock), local_addr=(host, port)
        )
        protocol._transport = transport
        protocol._socket = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            protocol._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        return protocol

    @property
    def overflowed(self) -> int:
        """Datagrams that the system dropped before us, as far as it tells (Linux does)."""
        if self._socket is not None and self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError, struct.error):
                size = 4 * (_MEMINFO_DROPS + 1)
                figures = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, size)
                self._overflowed = struct.unpack(f"{_MEMINFO_DROPS + 1}I", figures)[_MEMINFO_DROPS]
        return self._overflowed

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """One datagram is one message (RFC 5426)."""
        message = data.rstrip(b"\r\n\0")
        if message and not self._buffer.offer(Message(message, str(addr[0]).encode(), self._clock.wall_ms())):
            self.refused += 1

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
