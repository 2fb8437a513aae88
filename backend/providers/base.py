"""What every vendor is reduced to: a request, text as it comes, and one outcome type for every ending."""

from collections.abc import AsyncIterator
from typing import Literal, Protocol, runtime_checkable

import msgspec

OutcomeKind = Literal["complete", "length", "filtered", "truncated", "idle", "deadline", "cancelled", "error"]
ErrorClass = Literal[
    "",
    "rate_limited",
    "overloaded",
    "server",
    "auth",
    "not_found",
    "too_long",
    "bad_request",
    "network",
    "protocol",
    "unavailable",
]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    text: str


class Form(msgspec.Struct, frozen=True, gc=False):
    """The form of an answer, in the two ways in which servers can be told to enforce one."""

    name: str
    schema: str
    """JSON schema: the whole answer is one such object."""
    grammar: str
    """GBNF, as llama.cpp takes it: it may allow text behind the object."""


class ModelRequest(msgspec.Struct, frozen=True):
    """What a model is asked. The stable part stands first, so that prompt caches hit."""

    system: str
    messages: tuple[Message, ...]
    max_tokens: int = 1024
    temperature: float | None = None
    """None leaves it out of the request: several current models refuse it."""
    hidden: bool = False
    """Names in it are pseudonyms, or it holds none; never sent, it says who may be asked."""
    form: Form | None = None
    """Sent only to servers that are configured to enforce it; None: the answer is free text."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the vendor counted them; `input_tokens` leaves out what came from or went to the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a stream ended. Success is a positive check: `complete` means the vendor's end marker was seen."""

    kind: OutcomeKind
    detail: str = ""
    """One line for people; may quote the vendor, so it is made safe before it is shown."""
    error_class: ErrorClass = ""
    retryable: bool = False
    retry_after_s: float | None = None
    status: int | None = None
    """HTTP status where there was one."""


class Text(msgspec.Struct, frozen=True, gc=False):
    """Some more of the answer; never empty."""

    text: str


class Window(msgspec.Struct, frozen=True, gc=False):
    """One of a vendor's rate limits, as its response told."""

    limit: int
    """What it grants in all; 0 where it did not say."""
    remaining: int
    reset_s: float
    """Seconds until all of it is there again; 0 where it did not say."""


class RateLimits(msgspec.Struct, frozen=True, gc=False):
    """What a vendor says is left for further calls; None where it did not say."""

    requests: Window | None = None
    tokens: Window | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """Always the last chunk, once."""

    outcome: Outcome
    usage: Usage = Usage()
    limits: RateLimits | None = None
    """What the response's headers said of the vendor's rate limits."""


Chunk = Text | Ended


class Provider(Protocol):
    """One vendor's model, ready to be asked."""

    provider: str
    """anthropic, openai, ollama …"""
    model: str

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Ask; yields `Text` as it comes and ends with exactly one `Ended`.

        Never raises for anything the vendor or the network does: every ending is an `Outcome`. Cancelling the
        consumer closes the connection, so that the server stops writing. It has no clock of its own: first
        token, idle and total limits are laid around it by `backend.providers.limits`.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


@runtime_checkable
class Warmable(Protocol):
    """A provider that can be readied before it is needed."""

    async def warm(self) -> None:
        """Make the client, off the loop, and open a connection that the first request will find ready.

        Sends one request that costs nothing. Never raises for anything the vendor or the network does, and
        takes its time: not to be waited for.
        """
        ...
