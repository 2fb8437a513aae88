"""An HTTP transport that keeps its connections alive, and replaces unseen the ones that turn out dead.

A kept connection may have been closed at the other end a moment before it is used again: by a server that
restarts, a load balancer that ran out of patience, a firewall that forgot it. The request then dies without
an answer, and nothing is wrong with the vendor. Such a request is sent once more on a new connection.
"""

import socket
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import structlog

from backend.providers.config import MAX_CONNECTIONS
from backend.providers.sending import leaving

KEEPALIVE_S = 300.0
"""How long an idle connection is kept: less than the 350 s after which AWS's load balancers drop it."""
MAX_IDLE = 20

_PROBE_AFTER_S = 30
"""Silence before the kernel asks whether the other end is there; also keeps a NAT's entry alive."""
_PROBE_EVERY_S = 10
_PROBES = 3
_UNACKNOWLEDGED_MS = 5000
"""Sent bytes unconfirmed for so long break the connection: as long as a new one may take to open."""

log = structlog.get_logger("providers")


def socket_options() -> list[tuple[int, int, int]]:
    """TCP keep-alive and a limit on unconfirmed data, as far as this platform knows them."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (
        ("TCP_KEEPIDLE", _PROBE_AFTER_S),
        ("TCP_KEEPINTVL", _PROBE_EVERY_S),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS),
    ):
        if (number := getattr(socket, name, None)) is not None:
            options.append((socket.IPPROTO_TCP, number, value))
    return options


class _Attempt:
    """What is known of one sending of a request."""

    __slots__ = ("fresh", "received")

    def __init__(self) -> None:
        self.fresh = False
        """A connection was opened for it."""
        self.received = False
        """The server has said something."""


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class _Stream:
    """A network stream that notes when bytes come in. (Any-typed: httpcore and httpcore2 have one each.)"""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - see above
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        data: bytes = await self._inner.read(max_bytes, timeout)
        if data and (attempt := _attempt.get()) is not None:
            attempt.received = True
        return data

    async def start_tls(self, *args: Any, **options: Any) -> "_Stream":  # noqa: ANN401 - passed through
        return _Stream(await self._inner.start_tls(*args, **options))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - write, aclose and the rest are the inner one's
        return getattr(self._inner, name)


class _Backend:
    """Opens connections with our socket options, and notes that one was opened."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - as above
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        if (attempt := _attempt.get()) is not None:
            attempt.fresh = True
        options = [*_OPTIONS, *(socket_options or ())]
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, options))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - unix sockets and sleep are the inner one's
        return getattr(self._inner, name)


_OPTIONS = socket_options()


class RenewingTransport:
    """A transport for an `AsyncClient` of httpx or httpx2, around the library's own."""

    def __init__(self, http: Any, **options: Any) -> None:  # noqa: ANN401 - two libraries, one interface
        """Build it for `http`, the module httpx or httpx2; `options` go to its `AsyncHTTPTransport`.

        Raises what that raises: `ValueError` for an unknown kind of proxy.
        """
        limits = http.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE, keepalive_expiry=KEEPALIVE_S
        )
        self._inner = http.AsyncHTTPTransport(limits=limits, **options)
        # The libraries take a backend in their pools, but not through their transports.
        self._pool = self._inner._pool
        self._pool._network_backend = _Backend(self._pool._network_backend)
        self._broken = (http.RemoteProtocolError, http.ReadError, http.WriteError)
        self._repeatable = http.ByteStream

    async def handle_async_request(self, request: Any) -> Any:  # noqa: ANN401 - as above
        """Send a request; once more on a new connection where a kept one was dead. Raises as httpx does.

        Only where not one byte had come back: a server that had begun to answer has seen the request.
        """
        leaving(request.url.host, request.content if isinstance(request.stream, self._repeatable) else b"")
        attempt = _Attempt()
        token = _attempt.set(attempt)
        try:
            return await self._inner.handle_async_request(request)
        except self._broken as exc:
            if attempt.fresh or attempt.received or not isinstance(request.stream, self._repeatable):
                raise
            log.info("a kept connection was dead, asking anew", host=request.url.host, why=repr(exc))
        finally:
            _attempt.reset(token)
        await self._drop_idle()
        return await self._inner.handle_async_request(request)

    async def _drop_idle(self) -> None:
        """Close what lies idle: where one died, its like died with it.

        The pool passes over what is closed.
        """
        for connection in self._pool.connections:
            if connection.is_idle():
                await connection.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def __aenter__(self) -> "RenewingTransport":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
