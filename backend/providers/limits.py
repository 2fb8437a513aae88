"""The three limits laid around a stream: first token, silence, and the whole."""

from collections.abc import AsyncGenerator
from typing import Literal

import msgspec
import structlog

from backend.clock import Clock
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Provider, Usage
from backend.providers.outcomes import error
from backend.providers.watchdog import LimitReachedError, Watchdog

CLOSE_TIMEOUT_S = 2.0
"""How long giving up a connection may take before it is left to itself."""

Silence = Literal["first token", "more text"]

log = structlog.get_logger("providers")


class Limits(msgspec.Struct, frozen=True, gc=False):
    """How long a model may take, in seconds. They count content: a ping is no sign of life."""

    first_token_s: float
    """From the request to the first text."""
    idle_s: float
    """Between two pieces of text."""
    total_s: float
    """From the request to the end."""


async def limited(
    provider: Provider, request: ModelRequest, *, limits: Limits, clock: Clock
) -> AsyncGenerator[Chunk, None]:
    """Ask `provider` within `limits`: its chunks, then exactly one `Ended`, whatever happens.

    Silence ends it as `idle`, the total as `deadline`; a provider that raises, or stops without an end, is an
    error of class protocol. The provider's stream is closed in every ending, also when the consumer is
    cancelled (then there is no one left to be told). Time the consumer spends on a chunk counts towards the
    total alone. To give up early, close this generator (`contextlib.aclosing`): breaking out of the loop
    leaves that to the garbage collector.
    """
    deadline = clock.mono() + limits.total_s
    silence: Silence = "first token"
    patience = limits.first_token_s
    stream: object = None
    watchdog: Watchdog[Chunk] | None = None
    ended: Ended | None = None
    try:
        stream = source = provider.stream(request)
        watchdog = Watchdog(aiter(source), clock)
        while ended is None:
            left = deadline - clock.mono()
            if left <= 0:  # text may come so fast that the watchdog never gets its turn
                ended = _deadline(limits, stream)
                break
            try:
                chunk = await watchdog.step(min(patience, left))
            except LimitReachedError:
                ended = _deadline(limits, stream) if left <= patience else _idle(silence, patience, stream)
                break
            if isinstance(chunk, Ended):
                ended = chunk
            else:
                yield chunk
                silence, patience = "more text", limits.idle_s
    except StopAsyncIteration:
        ended = Ended(error("protocol", "the provider stopped without an outcome"), _usage(stream))
    except Exception as exc:
        log.exception("provider raised", provider=provider.provider, model=provider.model)
        ended = Ended(error("protocol", f"unexpected {type(exc).__name__}: {exc}"), _usage(stream))
    finally:
        if watchdog is not None:
            watchdog.close()
        await _close(stream, clock)
    yield ended


def _deadline(limits: Limits, stream: object) -> Ended:
    return Ended(Outcome("deadline", f"not done within {limits.total_s:g} s"), _usage(stream))


def _idle(silence: Silence, seconds: float, stream: object) -> Ended:
    return Ended(Outcome("idle", f"no {silence} within {seconds:g} s", retryable=True), _usage(stream))


def _usage(stream: object) -> Usage:
    """What the stream had counted so far, where it can tell."""
    usage = getattr(stream, "usage", None)
    return usage if isinstance(usage, Usage) else Usage()


async def _close(stream: object, clock: Clock) -> None:
    """Close a provider's stream; a failure to close is logged, for the outcome is known by now."""
    close = getattr(stream, "aclose", None)
    if close is None:
        return
    try:
        async with clock.timeout(CLOSE_TIMEOUT_S):
            await close()
    except Exception:
        log.exception("stream did not close")
