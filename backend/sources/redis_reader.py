"""What reading a Redis key is, whatever the key is: one connection at a time, and how it ends in words.

Imported when a Redis source first runs, off the event loop.
"""

import abc
import contextlib
import socket
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from backend.alerts.text import safe
from backend.clock import Clock
from backend.journal import JournalError
from backend.sources.base import Intake, SourceError
from backend.sources.cancelling import raise_if_cancelled
from backend.sources.state import Tally
from backend.sources.uri import Address

MEASURE_EVERY_S = 1.0
"""Seconds between looks at what waits."""

_REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)


def open_client(settings: dict[str, Any]) -> Redis:
    """A client that retries nothing: that would hide a dead server, and a move sent twice is two moves."""
    return Redis(**settings, retry=Retry(NoBackoff(), 0))


class Changed(Exception):
    """What Redis holds of us is not what we left there; the message says what."""


class KeyReader(abc.ABC):
    """Reads one key; `run` is one connection, and what was learnt outlives it.

    A consumer's name must be the same after a restart and differ between workers: what it was given and did
    not finish is read first.
    """

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
        """Connect to nothing yet. Consumers that are silent for `claim_idle_s` seconds are taken for gone."""
        self._address = address
        self._key = address.path
        self._consumer = address.query.get("consumer") or f"watchfloor-{socket.gethostname()}"
        self._intake = intake
        self._tally = tally
        self._clock = clock
        self._claim_idle_s = claim_idle_s
        self._redis = open_client(settings)
        self._live = False
        """This connection got as far as reading."""
        self._worked = False
        """Some connection did, so what is configured is right."""
        self._measure_at = 0.0

    async def run(self) -> tuple[str, bool]:
        """Read until the connection is lost; returns why, in words, and whether it had worked.

        Raises:
            SourceError: the server refuses the login, the key holds something else, or another worker took
                over under the same consumer name.
        """
        ((host, port),) = self._address.hosts
        self._live = False
        try:
            await self._resume()
            while True:
                raise_if_cancelled()
                await self._turn()
        except _REFUSED as error:
            if self._worked:
                return f"Redis refuses: {error}", self._live
            raise self._hopeless(f"Redis refuses: {error}") from error
        except ResponseError as error:
            if reason := self._impossible(str(error)):
                raise self._hopeless(reason) from error
            return f"Redis at {host}:{port} answers: {error}", self._live
        except JournalError as error:
            return f"the journal can't tell where to go on: {error}", self._live
        except Changed as change:
            return f"{self._key}: {change}", self._live
        except (RedisError, OSError) as error:
            return f"no Redis at {host}:{port} ({type(error).__name__}: {error})", self._live
        finally:
            # Every connection goes: a cancelled command may have left half an answer on it.
            with contextlib.suppress(RedisError, OSError):
                await self._redis.aclose()

    @abc.abstractmethod
    async def _resume(self) -> None:
        """Find our place, and deliver what an earlier run left half done. Calls `_connected` in between."""

    @abc.abstractmethod
    async def _turn(self) -> None:
        """Deliver what comes next, after waiting for it for no longer than the socket allows."""

    @abc.abstractmethod
    def _impossible(self, answer: str) -> str:
        """Why an answer of the server means that waiting does not help; empty where it may."""

    def _connected(self) -> None:
        self._live = self._worked = True
        self._tally.say("live")

    def _due(self) -> bool:
        """Whether it is time to look at what waits again."""
        if (now := self._clock.mono()) < self._measure_at:
            return False
        self._measure_at = now + MEASURE_EVERY_S
        return True

    def _hopeless(self, reason: str) -> SourceError:
        return SourceError(safe(f"{self._address.name}: {reason}"))
