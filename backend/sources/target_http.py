"""`http://…` as a target of replay."""

import asyncio
import ssl
import time
import uuid
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from backend.alerts.text import safe
from backend.sources.backoff import Backoff
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.target_file import one_line
from backend.sources.tls import tls_context
from backend.sources.uri import Address

SEND_TIMEOUT_S = 120.0
"""How long a batch is tried, in seconds: longer than a pipeline that has no room keeps senders away."""
REQUEST_TIMEOUT_S = 30.0
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class HttpTarget:
    """Posts batches as NDJSON. The config's password is sent as a bearer token.

    Each batch has an `Idempotency-Key`, so that a try whose answer was lost does not count twice.
    """

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to send; nothing is connected yet."""
        self._name = address.name
        self._options = options or SourceOptions()
        ((self._host, self._port),) = address.hosts
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._tls = address.tls or self._options.tls
        self._url = f"{'https' if self._tls else 'http'}://{host}:{self._port}{quote(address.path)}"
        self._client: Any = None
        self._error: type[Exception] = OSError

    async def open(self) -> None:
        """See that somebody listens. Raises `SourceError` if nobody does."""
        context = await asyncio.to_thread(tls_context, self._name, self._options) if self._tls else False
        self._client, self._error = await asyncio.to_thread(_client, context, self._options.password)
        try:
            async with asyncio.timeout(10.0):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            await self.close()
            raise SourceError(
                safe(f"no HTTP server at {self._host}:{self._port} ({type(error).__name__}: {error})")
            ) from error
        writer.close()

    async def send(self, records: Sequence[bytes]) -> None:
        """Post a batch, again and again while the server has no room.

        Raises:
            SourceError: the server refuses it, or did not take it within `SEND_TIMEOUT_S`.
        """
        if not records:
            return
        body = b"".join(one_line(record) + b"\n" for record in records)
        if await self._post(body):
            return
        if len(records) == 1:
            raise SourceError(
                f"{self._name}: a record of {len(records[0])} bytes is too large for the server"
            )
        middle = len(records) // 2
        await self.send(records[:middle])
        await self.send(records[middle:])

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _post(self, body: bytes) -> bool:
        """False where the server says that the body is too large."""
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": uuid.uuid4().hex}
        backoff = Backoff(base_s=0.25, cap_s=10.0)
        due = time.monotonic() + SEND_TIMEOUT_S
        while True:
            delay = backoff.next_s()
            try:
                response = await self._client.post(self._url, content=body, headers=headers)
            except self._error as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return True
                if response.status_code == 413:
                    return False
                reason = f"{response.status_code} {response.text[:200].strip()}"
                if response.status_code not in _AGAIN:
                    raise SourceError(safe(f"{self._name} refuses: {reason}"))
                delay = max(delay, _retry_after_s(response.headers.get("Retry-After", "")))
            if time.monotonic() + delay > due:
                raise SourceError(safe(f"{self._name} did not take a batch: {reason}"))
            await asyncio.sleep(delay)


def _retry_after_s(value: str) -> float:
    """Seconds to wait by a Retry-After header: a number, or a date; 0 for anything else."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _client(verify: ssl.SSLContext | bool, token: str | None) -> tuple[Any, type[Exception]]:
    """The client and its error; importing it takes long."""
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    client = httpx.AsyncClient(verify=verify, headers=headers, timeout=REQUEST_TIMEOUT_S, trust_env=False)
    return client, httpx.TransportError
