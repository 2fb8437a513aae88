"""`redis://…` as a target of replay."""

import asyncio
from collections.abc import Sequence
from typing import Any

from backend.alerts.text import safe
from backend.sources.base import SourceError
from backend.sources.options import SourceOptions
from backend.sources.redis_stream import connection_settings
from backend.sources.uri import Address


class RedisTarget:
    """Adds records to one stream, in the field `data`; `maxlen=N` keeps about the newest N entries.

    Where the key is a list, or the address says `type=list`, records are pushed on its right, or on its left
    for readers that `take=right`.
    """

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to send; nothing is connected yet. Raises `SourceError` if a list is to be cut short."""
        self._address = address
        self._options = options or SourceOptions()
        self._maxlen = int(address.number("maxlen", 0, least=1)) or None
        self._list = address.query.get("type") == "list"
        if self._list and self._maxlen:
            raise SourceError(f"{address.name}: maxlen is for streams; cutting a list would lose its alerts")
        self._redis: Any = None

    async def open(self) -> None:
        """Connect. Raises `SourceError` if no server answers or the login is refused."""
        client_class, once, errors = await asyncio.to_thread(_client)
        settings = await connection_settings(self._address, self._options, self._address.name)
        client = client_class(**settings | {"socket_timeout": 15.0, "retry": once})
        try:
            await client.ping()
            if "type" not in self._address.query:
                self._list = await client.type(self._address.path) == b"list"
        except (errors, OSError) as error:
            await client.aclose()
            ((host, port),) = self._address.hosts
            raise SourceError(safe(f"no Redis at {host}:{port} ({type(error).__name__}: {error})")) from error
        self._redis = client

    async def send(self, records: Sequence[bytes]) -> None:
        """Add a batch in one round trip. Raises `redis.RedisError` if any of it was refused."""
        pipeline = self._redis.pipeline(transaction=False)
        if self._list:
            push = pipeline.lpush if self._address.query.get("take") == "right" else pipeline.rpush
            if records:
                push(self._address.path, *records)
            await pipeline.execute()
            return
        for record in records:
            pipeline.xadd(self._address.path, {b"data": record}, maxlen=self._maxlen)
        await pipeline.execute()

    async def close(self) -> None:
        """Disconnect."""
        client, self._redis = self._redis, None
        if client is not None:
            await client.aclose()


def _client() -> tuple[Any, Any, type[Exception]]:
    """The client, a policy of no retries (a record sent twice is two records) and its error; slow."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    return Redis, Retry(NoBackoff(), 0), RedisError
