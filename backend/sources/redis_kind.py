"""What a Redis key is, a stream or a list: told by the address, else asked of the server once.

Imported when a Redis source first runs, off the event loop.
"""

import contextlib
from typing import Any

from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError

from backend.clock import Clock
from backend.sources.base import Intake
from backend.sources.redis_list import ListReader
from backend.sources.redis_peers import consumers_key
from backend.sources.redis_reader import KeyReader, open_client
from backend.sources.redis_session import StreamReader
from backend.sources.state import Tally
from backend.sources.uri import Address


class Reader:
    """Reads one key, whatever it is; what was learnt outlives a connection."""

    def __init__(
        self,
        address: Address,
        settings: dict[str, Any],
        intake: Intake,
        tally: Tally,
        clock: Clock,
        *,
        claim_idle_s: float,
    ) -> None:
        self._address = address
        self._settings = settings
        self._parts = (intake, tally, clock)
        self._claim_idle_s = claim_idle_s
        self._reader: KeyReader | None = None

    async def run(self) -> tuple[str, bool]:
        """Read until the connection is lost; returns why, in words, and whether it had worked.

        Raises:
            SourceError: the server refuses the login or the key holds something else.
        """
        if self._reader is None:
            try:
                kind = self._address.query.get("type") or await self._ask()
            except (RedisError, OSError) as error:
                ((host, port),) = self._address.hosts
                return f"no Redis at {host}:{port} ({type(error).__name__}: {error})", False
            intake, tally, clock = self._parts
            reader = ListReader if kind == "list" else StreamReader
            self._reader = reader(
                self._address, self._settings, intake, tally, clock, claim_idle_s=self._claim_idle_s
            )
        return await self._reader.run()

    async def _ask(self) -> str:
        """`list` where the key is one, or was when it was last read: an emptied list is no key at all.

        A key that isn't there yet, or can't be asked about, is taken for a stream.
        """
        client = open_client(self._settings)
        try:
            found: Any = await client.type(self._address.path)
            if found == b"none" and await client.exists(consumers_key(self._address)):
                return "list"
        except (AuthenticationError, AuthorizationError, ResponseError):
            return "stream"  # the reader meets the same refusal and says it in full
        finally:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()
        return "list" if found == b"list" else "stream"
