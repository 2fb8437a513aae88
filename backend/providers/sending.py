"""What is put on the wire, seen where it leaves: below every SDK, for whoever made the call.

Bodies alone: keys travel in headers and are never seen here.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

Watch = Callable[[str, bytes], None]
"""Gets the host and the body of each request, before its first byte is written; may raise to keep it back."""

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class NotSentError(Exception):
    """A watcher kept the request back."""


@contextlib.asynccontextmanager
async def watched(watch: Watch | None) -> AsyncIterator[None]:
    """Have `watch` told of every request that is made in this task meanwhile."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def leaving(host: str, body: bytes) -> None:
    """A request is about to be written. Raises what the watcher raises."""
    watch = _watch.get()
    if watch is not None:
        watch(host, body)
