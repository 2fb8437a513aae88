"""`kafka://…` as a target of replay."""

import asyncio
from collections.abc import Sequence
from typing import Any

from backend.alerts.text import safe
from backend.sources.base import SourceError
from backend.sources.kafka import security
from backend.sources.options import SourceOptions
from backend.sources.record_key import key_at
from backend.sources.uri import Address

SEND_TIMEOUT_S = 60.0
"""Longest wait for all of a batch to be confirmed."""


class KafkaTarget:
    """Produces to one topic; `key=FIELD` (a dotted path) keeps records with the same value in order."""

    def __init__(self, address: Address, *, options: SourceOptions | None = None) -> None:
        """Prepare to send; nothing is connected yet.

        Raises:
            SourceError: the address names several topics.
        """
        if len(address.topics) != 1 or address.pattern:
            raise SourceError(f"{address.name}: one topic to send to, not {len(address.topics)}")
        self._address = address
        self._options = options or SourceOptions()
        self._topic = address.topics[0]
        self._key_path = address.query.get("key", "").split(".") if "key" in address.query else []
        self._producer: Any = None

    async def open(self) -> None:
        """Connect. Raises `SourceError` if no broker answers or the login is refused."""
        producer_class, errors = await asyncio.to_thread(_client)
        settings = await security(self._address, self._options)
        producer = producer_class(
            bootstrap_servers=[f"{host}:{port}" for host, port in self._address.hosts],
            acks="all",
            linger_ms=5,
            request_timeout_ms=15_000,
            **settings,
        )
        try:
            async with asyncio.timeout(20.0):
                await producer.start()
        except (errors, OSError, TimeoutError) as error:
            await producer.stop()
            hosts = ", ".join(f"{host}:{port}" for host, port in self._address.hosts)
            raise SourceError(safe(f"no Kafka at {hosts} ({type(error).__name__}: {error})")) from error
        self._producer = producer

    async def send(self, records: Sequence[bytes]) -> None:
        """Send a batch and wait until the broker has confirmed all of it.

        Raises:
            KafkaError: a record was refused.
            TimeoutError: no confirmation within `SEND_TIMEOUT_S`.
        """
        async with asyncio.timeout(SEND_TIMEOUT_S):
            confirmed = [
                await self._producer.send(self._topic, record, key=key_at(record, self._key_path))
                for record in records
            ]
            await asyncio.gather(*confirmed)

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            async with asyncio.timeout(20.0):
                await producer.stop()


def _client() -> tuple[Any, type[Exception]]:
    """The client's classes; importing them takes long, so it happens in a thread."""
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    return AIOKafkaProducer, KafkaError
