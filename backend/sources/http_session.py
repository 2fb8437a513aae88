"""One HTTP connection, request by request, with a limit to everything a sender may do.

Imported when an HTTP source first runs, off the event loop.
"""

import hmac
import re
import zlib
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import h11
import msgspec

from backend.clock import Clock
from backend.sources.http_posts import RETRY_AFTER_S, ComeAgain, Posts
from backend.sources.listener import READ_BYTES, Guest

HEAD_S = 10.0
"""From a request's first byte to the end of its headers; from the connection on for the first request."""
IDLE_S = 60.0
"""Longest silence between two requests of one connection."""
BODY_S = 15.0
BODY_BYTES_PER_S = 10_000
"""A body has `BODY_S`, and a second more for each so many bytes that came."""
WRITE_S = 10.0
MAX_HEAD_BYTES = 16 * 1024
HEALTH = b"/healthz"

_REQUEST_START = re.compile(rb"\s*(?:[A-Z]+(?: |$)|$)")
_WORDS = {
    200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 404: b"Not Found", 405: b"Method Not Allowed",
    408: b"Request Timeout", 413: b"Content Too Large", 415: b"Unsupported Media Type",
    429: b"Too Many Requests", 503: b"Service Unavailable",
}  # fmt: skip


class Rules(msgspec.Struct, frozen=True):
    """What a source accepts."""

    path: bytes
    token: str | None
    max_body: int
    """Bytes of a body, before and after decompression."""


class _Refused(Exception):
    """A request that gets no 2xx. Unless `read` its body was left unread, so the connection has to end."""

    def __init__(self, status: int, words: str, *headers: tuple[bytes, bytes], read: bool = False) -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers
        self.read = read


class Session:
    """Serves one connection.

    Args:
        refused: told the status of each request that got no 2xx.
        ready: whether the pipeline takes alerts now, for health checks.
    """

    def __init__(
        self,
        guest: Guest,
        rules: Rules,
        posts: Posts,
        clock: Clock,
        *,
        refused: Callable[[int], None],
        ready: Callable[[], bool],
    ) -> None:
        self._guest = guest
        self._rules = rules
        self._posts = posts
        self._clock = clock
        self._refused = refused
        self._ready = ready
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._held = 0

    async def run(self) -> None:
        """Answer requests until either side ends it. Raises `OSError` if the connection breaks."""
        first = True
        while await self._request(first):
            first = False
        await self._guest.hang_up()

    async def _request(self, first: bool) -> bool:
        """One request and its answer; False when it was the last."""
        try:
            request = await self._head(first)
            if request is None:
                return False
            self._guest.idle_since = None
            status, answer, headers = await self._answer(request)
            await self._send(status, answer, *headers, body=request.method != b"HEAD")
        except _Refused as refusal:
            self._refused(refusal.status)
            answer = {"error": str(refusal)}
            await self._send(refusal.status, answer, *refusal.headers, close=not refusal.read)
        except h11.RemoteProtocolError as error:
            self._refused(error.error_status_hint)
            await self._send(error.error_status_hint, {"error": f"no HTTP: {error}"}, close=True)
        finally:
            self._posts.let_go(self._held)
            self._held = 0
        if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
            return False
        self._wire.start_next_cycle()
        self._guest.idle_since = self._clock.mono()
        return True

    async def _head(self, first: bool) -> h11.Request | None:
        """The next request's head; None where the sender has no more to say."""
        if not first and not self._wire.trailing_data[0]:
            try:
                await self._receive(IDLE_S)
            except TimeoutError:
                return None
        deadline = self._clock.mono() + HEAD_S
        while True:
            event = self._wire.next_event()
            if isinstance(event, h11.Request):
                return event
            if isinstance(event, h11.ConnectionClosed):
                return None
            try:
                await self._receive(deadline - self._clock.mono())
            except TimeoutError:
                if first and not self._wire.trailing_data[0]:
                    return None  # it never began
                raise _Refused(408, f"headers not complete in {HEAD_S:.0f} s") from None

    async def _answer(
        self, request: h11.Request
    ) -> tuple[int, dict[str, object], tuple[tuple[bytes, bytes], ...]]:
        """Do what is asked. Raises `_Refused` for everything that is no success."""
        path = unquote_to_bytes(request.target.partition(b"?")[0])
        headers = dict(request.headers)
        if path == HEALTH and request.method in (b"GET", b"HEAD"):
            await self._body(headers)
            if self._ready():
                return 200, {"status": "ok"}, ()
            return 503, {"status": "no room, or the journal can't store"}, (_retry_after(),)
        if path != self._rules.path:
            raise _Refused(404, "nothing is here; alerts are posted to the path in the configuration")
        if request.method != b"POST":
            raise _Refused(405, "POST alerts here", (b"Allow", b"POST"))
        self._check_token(headers)
        self._check_headers(headers)
        try:
            body = _decoded(await self._body(headers), headers, self._rules.max_body)
            if not body.strip():
                raise _Refused(400, "the body is empty: post an alert, an array or NDJSON", read=True)
            held, self._held = self._held, 0
            stored = await self._posts.store(body, headers.get(b"idempotency-key", b""), held)
        except ComeAgain as reason:
            read = self._wire.their_state is h11.DONE
            raise _Refused(429, str(reason), _retry_after(), read=read) from reason
        return 200, {"records": stored.records, "repeated": stored.repeated}, ()

    def _check_token(self, headers: dict[bytes, bytes]) -> None:
        if self._rules.token is None:
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = token.strip() if scheme.lower() == b"bearer" else b""
        if not hmac.compare_digest(given, self._rules.token.encode()):
            raise _Refused(401, "a bearer token is needed", (b"WWW-Authenticate", b"Bearer"))

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length")
        if length is not None and b"transfer-encoding" in headers:
            raise _Refused(400, "Content-Length and Transfer-Encoding contradict each other")
        if (
            length is not None and int(length) > self._rules.max_body
        ):  # h11 has seen to it that it is a number
            raise _Refused(413, f"at most {self._rules.max_body} bytes a request")
        if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b"gzip"):
            raise _Refused(415, "bodies may be plain or gzip", (b"Accept-Encoding", b"gzip"))

    async def _body(self, headers: dict[bytes, bytes]) -> bytes:
        """The body as sent, held in the account of `Posts`."""
        parts: list[bytes] = []
        size = 0
        began = self._clock.mono()
        while True:
            event = self._wire.next_event()
            if isinstance(event, h11.Data):
                size += len(event.data)
                if size > self._rules.max_body:
                    raise _Refused(413, f"at most {self._rules.max_body} bytes a request")
                self._posts.hold(len(event.data))
                self._held += len(event.data)
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                if self._wire.they_are_waiting_for_100_continue:
                    await self._write(self._wire.send(h11.InformationalResponse(status_code=100, headers=[])))
                due = began + BODY_S + size / BODY_BYTES_PER_S
                try:
                    await self._receive(due - self._clock.mono())
                except TimeoutError:
                    raise _Refused(408, f"the body stopped after {size} bytes") from None
        if b"content-length" in headers and not _REQUEST_START.match(self._wire.trailing_data[0][:16]):
            raise _Refused(400, "the body is longer than its Content-Length")
        return b"".join(parts)

    async def _receive(self, seconds: float) -> None:
        """Give the wire what comes next. Raises `TimeoutError`."""
        async with self._clock.timeout(max(0.0, seconds)):
            data = await self._guest.reader.read(READ_BYTES)
        self._wire.receive_data(data)

    async def _send(
        self,
        status: int,
        answer: dict[str, object],
        *headers: tuple[bytes, bytes],
        close: bool = False,
        body: bool = True,
    ) -> None:
        if self._wire.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        content = msgspec.json.encode(answer) + b"\n"
        fields = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(content)),
            *headers,
        ]
        if close:
            fields.append((b"Connection", b"close"))
        response = h11.Response(status_code=status, headers=fields, reason=_WORDS.get(status, b""))
        data = self._wire.send(response) or b""
        if body:
            data += self._wire.send(h11.Data(data=content)) or b""
        await self._write(data + (self._wire.send(h11.EndOfMessage()) or b""))

    async def _write(self, data: bytes | None) -> None:
        self._guest.writer.write(data or b"")
        async with self._clock.timeout(WRITE_S):
            await self._guest.writer.drain()


def _retry_after() -> tuple[bytes, bytes]:
    return b"Retry-After", b"%d" % RETRY_AFTER_S


def _decoded(body: bytes, headers: dict[bytes, bytes], most: int) -> bytes:
    """The body without its compression. Raises `_Refused` if it is damaged or grows too large."""
    if headers.get(b"content-encoding", b"identity").lower() != b"gzip":
        return body
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(body, most)
    except zlib.error as error:
        raise _Refused(400, f"gzip is damaged: {error}", read=True) from error
    if inflate.unconsumed_tail:
        raise _Refused(413, f"at most {most} bytes a request, decompressed", read=True)
    if not inflate.eof or inflate.unused_data:
        raise _Refused(400, "gzip is not whole, or more than one", read=True)
    return plain
