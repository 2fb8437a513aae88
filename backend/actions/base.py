"""What a sink is: it takes verdict records and confirms them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Parcel(msgspec.Struct, frozen=True, gc=False):
    """One verdict record on its way to a sink."""

    key: str
    """Idempotency key: the same for every try at the same delivery."""
    payload: bytes
    """The record as one line of JSON, without the line end."""


class Sink(Protocol):
    """One place that verdict records go to."""

    name: str
    """Its address without secrets."""

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Hand over all of `parcels`, in order; returns once they are safely there.

        Raises:
            SinkError: not all are; they are tried again later, with the same keys.
        """
        ...

    async def close(self) -> None:
        """Flush and let go."""
        ...


class SinkError(Exception):
    """A delivery failed. The message says what, where and how to mend it, in one line."""
