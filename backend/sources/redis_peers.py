"""The other consumers of a Redis list: nobody takes over what they left half done, so it is said."""

from typing import Any, cast

from redis.asyncio import Redis

from backend.sources.state import Tally
from backend.sources.uri import Address


def consumers_key(address: Address) -> str:
    """The set that names every consumer of a list and group."""
    return f"{address.path}:{address.group}:consumers"


class Peers:
    """Keeps our own entry fresh and looks for consumers that are gone and left records behind.

    A live consumer shows itself each second; `away_s` of silence (seconds) are taken for its end.
    """

    def __init__(self, redis: Redis, address: Address, consumer: str, tally: Tally, *, away_s: float) -> None:
        self._redis = redis
        self._prefix = f"{address.path}:{address.group}"
        self._names = consumers_key(address)
        self._consumer = consumer
        self._tally = tally
        self._away_s = away_s

    async def join(self) -> None:
        """Make our name known. Raises `redis.RedisError`."""
        await cast("Any", self._redis.sadd(self._names, self._consumer))

    async def look(self) -> None:
        """Show that we live; note what others left. Raises `redis.RedisError`."""
        now = (await self._redis.time())[0]
        await cast("Any", self._redis.hset(f"{self._prefix}:{self._consumer}:state", "seen", str(now)))
        known: Any = await cast("Any", self._redis.smembers(self._names))
        others = sorted(name.decode("utf-8", "replace") for name in known)
        others = [name for name in others if name != self._consumer]
        if not others:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for name in others:
            pipeline.hget(f"{self._prefix}:{name}:state", "seen")
            pipeline.llen(f"{self._prefix}:{name}")
        reply = await pipeline.execute()
        for name, seen, left in zip(others, reply[::2], reply[1::2], strict=True):
            if now - int(seen or 0) <= self._away_s:
                continue
            if left:
                self._tally.note(
                    f"{left} records wait in {self._prefix}:{name}, whose worker is gone: start a worker with"
                    f" consumer={name}, or move them back with LMOVE"
                )
            else:
                await cast("Any", self._redis.srem(self._names, name))
