"""`http://HOST:PORT/PATH`: listens for alerts that are posted; one, an array, or NDJSON."""

import asyncio
import importlib
from collections import Counter

from backend.clock import Clock
from backend.sources.base import Intake, SourceError, SourceStatus
from backend.sources.http_posts import Posts
from backend.sources.listener import Guest, Listener, until_open
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.tls import server_tls_context
from backend.sources.uri import Address

MAX_CONNECTIONS = 256
MAX_BODY_MB = 10.0
"""Megabytes a request may have unless the address says `max_mb=`."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class HttpSource:
    """Alerts by POST. An answer of 200 means that the journal holds them; 429 means: send it again.

    The bearer token is the config's password. TLS needs cert_file and key_file; with ca_file, senders must
    show a certificate too. `GET /healthz` answers 200 while alerts are taken. Requests sent again are
    recognised (see `backend.sources.http_posts`).
    """

    def __init__(self, address: Address, *, clock: Clock, options: SourceOptions | None = None) -> None:
        """Prepare to listen; nothing is opened yet. Raises `SourceError` for impossible settings."""
        self.name = address.name
        self._address = address
        self._options = options or SourceOptions()
        self._clock = clock
        self._tally = Tally(self.name, "http", clock)
        self._max_body = int(address.number("max_mb", MAX_BODY_MB, least=0.001) * 1_000_000)
        self._refused: Counter[int] = Counter()
        self._listener: Listener | None = None
        if address.tls and not self._options.cert_file:
            raise SourceError(f"{self.name}: https needs cert_file and key_file in the config")

    def status(self) -> SourceStatus:
        """The state now."""
        if self._listener is not None:
            self._tally.say("live", self._words())
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Listen until cancelled. Raises `SourceError` if that can't work on this machine."""
        module = await asyncio.to_thread(importlib.import_module, "backend.sources.http_session")
        context = await asyncio.to_thread(server_tls_context, self.name, self._options)
        posts = Posts(self.name, intake, self._tally, self._clock)
        rules = module.Rules(self._address.path.encode(), self._options.password, self._max_body)

        async def serve(guest: Guest) -> None:
            await module.Session(
                guest, rules, posts, self._clock, refused=self._count, ready=self._ready
            ).run()

        listener = Listener(serve, self._clock, limit=MAX_CONNECTIONS)
        ((host, port),) = self._address.hosts
        await until_open(
            lambda: listener.open(host, port, context), self.name, f"{host}:{port}", self._tally, self._clock
        )
        self._tally.caught_up = True
        self._tally.say("live")
        if self._options.password is None and host not in _LOOPBACK:
            self._tally.note("no token is set: whoever reaches this port can post alerts")
        self._listener = listener
        try:
            await asyncio.Event().wait()
        finally:
            self._listener = None
            await listener.close()
            await posts.close()

    def _count(self, status: int) -> None:
        self._refused[status] += 1

    def _ready(self) -> bool:
        return self._tally.snapshot().state == "live"

    def _words(self) -> str:
        refused = [f"{count} with {status}" for status, count in sorted(self._refused.items())]
        words = [f"requests refused: {', '.join(refused)}"] if refused else []
        if self._listener is not None and self._listener.turned_away:
            words.append(f"{self._listener.turned_away} connections closed: over {MAX_CONNECTIONS} at once")
        return "; ".join(words)
