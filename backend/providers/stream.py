"""One call under way, the same for every vendor: text as it comes, then exactly one outcome."""

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, Protocol

from backend.providers.base import Chunk, Ended, Outcome, Text, Usage
from backend.providers.outcomes import FailedError, from_exception, masked, without_end


class VendorCall(Protocol):
    """What a vendor's file tells of one request."""

    usage: Usage
    """What the vendor has counted so far."""
    started: bool
    """Whether any event of the vendor's stream was seen."""
    secret: str | None
    """The key in use, which no message may show."""

    def texts(self) -> AsyncGenerator[str, None]:
        """Send the request and yield the answer's text; closing it closes the response. May raise."""
        ...

    def ending(self) -> Outcome | None:
        """What the vendor's end marker said; None while it was not seen."""
        ...

    def failure(self, exc: Exception) -> Outcome | None:
        """What an exception of the vendor's own SDK means; None leaves it to the rules shared by all."""
        ...


class ModelStream(AsyncIterator[Chunk]):
    """The chunks of one call.

    `usage` may be read at any time, also after the stream was closed from outside: whoever pays wants to know
    what a call that was cut short had used.
    """

    def __init__(self, call: VendorCall) -> None:
        self._call = call
        self._chunks = self._run()

    @property
    def usage(self) -> Usage:
        """Tokens counted so far."""
        return self._call.usage

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    def __anext__(self) -> Coroutine[Any, Any, Chunk]:
        return self._chunks.__anext__()

    async def aclose(self) -> None:
        """Give the call up; the connection is closed when this returns."""
        await self._chunks.aclose()

    async def _run(self) -> AsyncGenerator[Chunk, None]:
        call = self._call
        texts = call.texts()
        seen = False
        failure: Outcome | None = None
        try:
            async for text in texts:
                seen = True
                yield Text(text)
        except Exception as exc:  # noqa: BLE001 - the contract: nothing a vendor does is raised
            failure = _failure(call, exc, seen=seen)
        finally:
            await texts.aclose()
        # A connection that breaks after the end marker took nothing from the answer.
        outcome = call.ending() or failure or without_end(started=call.started)
        limits = getattr(call, "limits", None)  # only the vendors that send such headers have it
        yield Ended(masked(outcome, call.secret), call.usage, limits)


def _failure(call: VendorCall, exc: Exception, *, seen: bool) -> Outcome:
    if isinstance(exc, FailedError):
        return exc.outcome
    return call.failure(exc) or from_exception(exc, seen=seen)


def count(value: object) -> int:
    """A vendor's token count; whatever is no count is 0."""
    return value if isinstance(value, int) and value > 0 else 0
