"""A listening TCP socket with a bounded number of connections, for sources that others send to."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable

from backend.alerts.text import safe
from backend.clock import Clock
from backend.sources.backoff import Backoff
from backend.sources.base import SourceError
from backend.sources.state import Tally

HANDSHAKE_S = 10.0
"""Longest TLS handshake."""
BACKLOG = 256
READ_BYTES = 64 * 1024
LINGER_S = 2.0
"""How long a closed connection is still read, so that the last answer is not lost to a reset."""


class Guest:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, now: float) -> None:
        self.reader = reader
        self.writer = writer
        peer = writer.get_extra_info("peername")
        self.peer: str = safe(str(peer[0])) if isinstance(peer, tuple) else "?"
        self.idle_since: float | None = now
        """Since when nothing of it is under way, on the clock's `mono`; None while something is."""

    async def hang_up(self) -> None:
        """End our side, and give the other a moment to take the last answer."""
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(LINGER_S):
                await self.writer.drain()
                if self.writer.can_write_eof():
                    self.writer.write_eof()
                    while await self.reader.read(READ_BYTES):
                        pass
        self.writer.close()


class Listener:
    """Accepts connections and runs `serve` for each.

    At the limit, the connection that has been idle longest is closed for a new one, so that silent ones can't
    lock the others out; where all are at work, the new one is closed.
    """

    def __init__(
        self, serve: Callable[[Guest], Awaitable[None]], clock: Clock, *, limit: int, idle_s: float = 0.0
    ) -> None:
        """`idle_s`: how long a connection must have been idle to be closed for another."""
        self._serve = serve
        self._clock = clock
        self._limit = limit
        self._idle_s = idle_s
        self._guests: dict[asyncio.Task[None], Guest] = {}
        self._server: asyncio.Server | None = None
        self.turned_away = 0
        """Connections closed because there were too many."""

    async def open(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Listen. Raises `OSError`."""
        self._server = await asyncio.start_server(
            self._accept,
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_S if context else None,
            limit=READ_BYTES,
            backlog=BACKLOG,
        )

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._guests)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs has one
        if len(self._guests) >= self._limit and not self._make_room():
            self.turned_away += 1
            writer.transport.abort()
            return
        guest = Guest(reader, writer, self._clock.mono())
        with contextlib.suppress(OSError):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._guests[task] = guest
        try:
            await self._serve(guest)
        except (OSError, ssl.SSLError):
            pass  # the other side is gone
        except asyncio.CancelledError:
            pass  # closed for another, or the source ends; the stream server would report it as an error
        finally:
            self._guests.pop(task, None)
            if not writer.is_closing():
                writer.transport.abort()

    def _make_room(self) -> bool:
        now = self._clock.mono()
        idle = [
            (guest.idle_since, task)
            for task, guest in self._guests.items()
            if guest.idle_since is not None and now - guest.idle_since >= self._idle_s
        ]
        if not idle:
            return False
        _, oldest = min(idle, key=lambda pair: pair[0])
        self._guests.pop(oldest)
        oldest.cancel()
        self.turned_away += 1
        return True


async def until_open(
    open_once: Callable[[], Awaitable[None]], name: str, place: str, tally: Tally, clock: Clock
) -> None:
    """Run `open_once` until it works; a port that another program has may become free.

    Raises:
        SourceError: the address can't be listened on at all.
    """
    backoff = Backoff(base_s=0.25, cap_s=5.0)
    while True:
        try:
            await open_once()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                words = error.strerror or str(error)
                hint = "; ports below 1024 need privileges" if error.errno == errno.EACCES else ""
                raise SourceError(safe(f"{name}: can't listen on {place}: {words}{hint}")) from error
            delay = backoff.next_s()
            tally.say("reconnecting", f"{place} is in use by another program; trying again in {delay:.1f} s")
            await clock.sleep(delay)
        else:
            return
