"""Kafka topics as a source: connecting, connecting again, and giving up only where waiting can't help."""

import asyncio
import importlib
import ssl
from typing import Any

from backend.clock import Clock
from backend.sources.backoff import Backoff
from backend.sources.base import Intake, SourceError, SourceStatus
from backend.sources.options import SourceOptions
from backend.sources.state import Tally
from backend.sources.tls import tls_context
from backend.sources.uri import Address

MAX_POLL_INTERVAL_MS = 300_000
"""getmany always runs, so this only ends a loop that hangs (Kafka's own default)."""


class KafkaSource:
    """Topics read as one consumer group member; offsets are committed once the journal holds the records."""

    def __init__(self, address: Address, *, clock: Clock, options: SourceOptions | None = None) -> None:
        """Prepare to read; nothing is connected yet. Raises `SourceError` for impossible settings."""
        self.name = address.name
        self._address = address
        self._clock = clock
        self._options = options or SourceOptions()
        self._tally = Tally(self.name, "kafka", clock)
        self._timing = group_timing(address)

    def status(self) -> SourceStatus:
        """The state now."""
        return self._tally.snapshot()

    async def run(self, intake: Intake) -> None:
        """Consume for ever, through every broker trouble.

        Raises:
            SourceError: the broker refuses the login, the topic or the group: waiting would not help.
        """
        # Importing the client costs tenths of a second that no event loop has.
        module = await asyncio.to_thread(importlib.import_module, "backend.sources.kafka_session")
        settings = await self._settings()
        backoff = Backoff(base_s=0.5, cap_s=10.0)
        worked = False
        while True:
            session = module.Session(self._address, settings, intake, self._tally, self._clock)
            try:
                reason = await session.run()
            except SourceError as error:
                if not worked:
                    raise
                reason = str(error)  # it did work as configured: what the broker has changed may change again
            if session.was_live:
                worked = True
                backoff.reset()
            delay = backoff.next_s()
            self._tally.caught_up = False
            self._tally.say("reconnecting", f"{reason}; trying again in {delay:.1f} s")
            await self._clock.sleep(delay)

    async def _settings(self) -> dict[str, Any]:
        address, options = self._address, self._options
        settings: dict[str, Any] = {
            "bootstrap_servers": [f"{host}:{port}" for host, port in address.hosts],
            "group_id": address.group,
            "group_instance_id": address.query.get("instance"),
            "client_id": "watchfloor",
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "max_poll_interval_ms": MAX_POLL_INTERVAL_MS,
            # A topic that is created later, or grows partitions, is noticed within this time.
            "metadata_max_age_ms": 10_000,
            "request_timeout_ms": 15_000,
            # How long a broker may sit on a fetch. Kafka answers as soon as there is a record; some brokers
            # that speak its protocol only look again at the end of this time.
            "fetch_max_wait_ms": 25,
            **self._timing,
        }
        return settings | await security(address, options)


def group_timing(address: Address) -> dict[str, int]:
    """Session, heartbeat and rebalance timeouts in milliseconds.

    A member with a fixed identity (`instance=`) that is killed and comes back takes its own old place at
    once, so it may have Kafka's patient 30 s. Without one, the killed process is still a member when it comes
    back, and the broker gives its partitions to nobody until its session has run out: so the session is the
    shortest that brokers accept by default (`group.min.session.timeout.ms`, 6 s). Losing it to a hiccup costs
    one rebalance and no record.
    """
    default = 30.0 if "instance" in address.query else 6.0
    session_ms = int(address.number("session_timeout_s", default, least=1.0) * 1000)
    return {
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": min(3_000, session_ms // 3),
        "rebalance_timeout_ms": 60_000,
    }


async def security(address: Address, options: SourceOptions) -> dict[str, Any]:
    """The client settings for TLS and login that the config asks for, for consumers and producers.

    Raises:
        SourceError: a certificate file can't be used, or a password without a user name.
    """
    sasl = options.username is not None
    if options.password is not None and not sasl:
        raise SourceError(f"{address.name}: a password but no username in the config")
    context: ssl.SSLContext | None = None
    if options.tls:
        context = await asyncio.to_thread(tls_context, address.name, options)
    settings: dict[str, Any] = {
        "security_protocol": ("SASL_" if sasl else "") + ("SSL" if options.tls else "PLAINTEXT"),
        "ssl_context": context,
    }
    if sasl:
        settings |= {
            "sasl_mechanism": options.sasl_mechanism or "PLAIN",
            "sasl_plain_username": options.username,
            "sasl_plain_password": options.password or "",
        }
    return settings
