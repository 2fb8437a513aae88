"""What the files of the vendors with an SDK share: one client made lazily, warmed, and closed."""

import abc
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import structlog

from backend.clock import Clock, SystemClock
from backend.providers.base import ModelRequest
from backend.providers.client import LazyClient
from backend.providers.config import ProviderConfig, api_key, key_problem
from backend.providers.outcomes import FailedError, failed, from_exception, masked
from backend.providers.reach import timeout, transport
from backend.providers.stream import ModelStream, VendorCall

ClientT = TypeVar("ClientT")

WARM_TIMEOUT_S = 10.0
"""For a connection and one small answer; nobody waits for it."""

log = structlog.get_logger("providers")


class SdkProvider(abc.ABC, Generic[ClientT]):
    """One model behind a vendor's SDK."""

    provider: str
    """The vendor's name in specs."""
    needs_key = True

    def __init__(self, config: ProviderConfig, clock: Clock | None = None) -> None:
        """Prepare; nothing is imported or connected until it is first asked or warmed.

        `clock` serves to read a retry-after that is a date, and to limit the warming.
        """
        self.model = config.model
        self.config = config
        self.clock = clock or SystemClock()
        self.key = api_key(config)
        self.client: LazyClient[ClientT] = LazyClient(self.build)

    def stream(self, request: ModelRequest) -> ModelStream:
        """Ask; see `Provider.stream`."""
        return ModelStream(self.call(request))

    async def warm(self) -> None:
        """Make the client and open a connection that the first request will find ready; see `Warmable`."""
        try:
            client = await self.ready()
            async with self.clock.timeout(WARM_TIMEOUT_S):
                await self.touch(client)
        except Exception as exc:  # noqa: BLE001 - the first request will tell, to someone who waits for it
            if _status_of(exc):  # a refusal came over a connection that stands
                return
            why = masked(from_exception(exc, seen=False), self.key).detail
            log.info("connection not warmed", provider=self.provider, model=self.model, why=why)

    async def close(self) -> None:
        """Close the connection pool."""
        if self.client.made is not None:
            await self.shut(self.client.made)

    async def ready(self) -> ClientT:
        """The client. Raises `FailedError` when the key can't be sent, and what building it raises."""
        if (self.key is not None or self.needs_key) and (problem := key_problem(self.provider, self.key)):
            raise failed("auth", problem)
        return await self.client.get()

    def options(self, http: Any, address: str) -> dict[str, Any]:  # noqa: ANN401 - the module httpx2
        """The arguments that every SDK on httpx2 takes, for a client that talks to `address`."""
        limits = timeout(http, self.config)
        return {
            "api_key": self.key,
            "max_retries": 0,  # the pipeline owns the retries: the SDKs would obey a retry-after of weeks
            "timeout": limits,
            "default_headers": dict(self.config.headers),
            "http_client": http.AsyncClient(
                transport=transport(http, self.config, address), timeout=limits, follow_redirects=True
            ),
        }

    @abc.abstractmethod
    def call(self, request: ModelRequest) -> VendorCall:
        """One request under way."""

    @abc.abstractmethod
    def build(self) -> ClientT:
        """Import the SDK and make its client; runs in a thread."""

    @abc.abstractmethod
    async def touch(self, client: ClientT) -> None:
        """Send the vendor's cheapest request, one that costs nothing; may raise."""

    async def shut(self, client: ClientT) -> None:
        """Close the SDK's client."""
        await client.close()  # type: ignore[attr-defined]  # every SDK's has it


def _status_of(exc: Exception) -> object:
    """The HTTP status behind an SDK's error, if one came."""
    if isinstance(exc, FailedError):
        return exc.outcome.status
    return getattr(exc, "status_code", None)


def turns(request: ModelRequest, *, system_first: bool = False) -> list[Any]:
    """The conversation as role and content; with `system_first` the system prompt opens it."""
    return list(_turns(request, system_first=system_first))


def _turns(request: ModelRequest, *, system_first: bool) -> Iterator[dict[str, str]]:
    if system_first and request.system:
        yield {"role": "system", "content": request.system}
    for message in request.messages:
        yield {"role": message.role, "content": message.text}
