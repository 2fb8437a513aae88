"""A Redis stream or list as a source: connecting, again and again, until waiting can't help."""

import asyncio
import importlib
from typing import Any

from backend.clock import Clock
from backend.sources.backoff import Backoff
from backend.sources.base import Intake, SourceStatus
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.tls import tls_context
from backend.sources.uri import Address

SOCKET_TIMEOUT_S = 4.0
"""Longest silence on the connection; above the longest blocking read, so that a dead server shows in 5 s."""


class RedisSource:
    """One stream read as a consumer of a group, or one list; removed or acknowledged once the journal has it.

    The consumer's name is the host's unless the address says `consumer=`: it must be the same after a
    restart, and differ between workers on one host.
    """

    def __init__(self, address: Address, *, clock: Clock, options: SourceOptions | None = None) -> None:
        """Prepare to read; nothing is connected yet. Raises `SourceError` for impossible settings."""
        self.name = address.name
        self._address = address
        self._clock = clock
        self._options = options or SourceOptions()
        self._tally = Tally(self.name, "redis", clock)
        self._claim_idle_s = address.number("claim_idle_s", 30.0, least=0.1)

    def status(self) -> SourceStatus:
        """The state now."""
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Consume for ever, through every server trouble.

        Raises:
            SourceError: the login is refused, or the key is neither stream nor list: waiting would not help.
        """
        # Importing the client costs a tenth of a second that no event loop has.
        module = await asyncio.to_thread(importlib.import_module, "backend.sources.redis_kind")
        settings = await connection_settings(self._address, self._options, self.name)
        reader = module.Reader(
            self._address, settings, intake, self._tally, self._clock, claim_idle_s=self._claim_idle_s
        )
        backoff = Backoff(base_s=0.25, cap_s=5.0)
        while True:
            reason, lasted = await reader.run()
            if lasted:
                backoff.reset()
            delay = backoff.next_s()
            self._tally.caught_up = False
            self._tally.say("reconnecting", f"{reason}; trying again in {delay:.1f} s")
            await self._clock.sleep(delay)


async def connection_settings(address: Address, options: SourceOptions, name: str) -> dict[str, Any]:
    """The client settings for an address, for sources and targets. Raises `SourceError` for bad TLS files."""
    ((host, port),) = address.hosts
    settings: dict[str, Any] = {
        "host": host,
        "port": port,
        "db": address.db,
        "username": options.username,
        "password": options.password,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": 3.0,
        "client_name": "watchfloor",
    }
    if address.tls or options.tls:
        await asyncio.to_thread(tls_context, name, options)  # says in words what is wrong with the files
        settings |= {
            "ssl": True,
            "ssl_ca_certs": options.ca_file,
            "ssl_certfile": options.cert_file,
            "ssl_keyfile": options.key_file,
        }
    return settings
