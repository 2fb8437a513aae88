"""Two short, like requests to a model, made as the pipeline makes them, and what came of them."""

import contextlib

import msgspec

from backend.analysis.prompts import SYSTEM
from backend.clock import Clock
from backend.providers.base import Ended, Message, ModelRequest, Outcome, Provider, Text, Usage
from backend.providers.limits import Limits, limited
from backend.providers.outcomes import error

PROBE_TOKENS = 32
"""Longest answer asked for: enough to tell a speed, and a fraction of a cent of the dearest models."""
MEASURED_TOKENS = 4
MEASURED_S = 0.02
"""With fewer tokens, or in less time (as when one packet holds them all), there is no speed to tell."""


class Answer(msgspec.Struct, frozen=True):
    """One request and its ending; times in seconds."""

    outcome: Outcome
    usage: Usage
    first_text_s: float | None
    """From the request to the first text; None where none came."""
    writing_s: float
    """From the first text to the last."""
    pieces: int
    """Of text that came."""

    @property
    def whole(self) -> bool:
        """Whether it ended as asked: by itself or at the length limit."""
        return self.outcome.kind in ("complete", "length")

    @property
    def prompt_tokens(self) -> int:
        """All of the prompt, cached or not."""
        return self.usage.input_tokens + self.usage.cache_read_tokens + self.usage.cache_write_tokens

    @property
    def tokens_per_s(self) -> float | None:
        """While it was writing; None where too little was written to tell."""
        tokens = self.usage.output_tokens or self.pieces
        if tokens < MEASURED_TOKENS or self.writing_s < MEASURED_S or self.pieces < 2:
            return None
        return (tokens - 1) / self.writing_s


def probe(number: int) -> ModelRequest:
    """The request: the instructions of every investigation first, as they are what a cache is to hold.

    Two numbers differ at the very end alone.
    """
    ask = f"This is a check of the connection, with no alert: count from one to twenty, in words. ({number})"
    return ModelRequest(SYSTEM, (Message("user", ask),), PROBE_TOKENS)


async def ask(provider: Provider, request: ModelRequest, limits: Limits, clock: Clock) -> Answer:
    """Ask within the model's own limits; never raises for what the vendor or the network does."""
    began = clock.mono()
    first = last = None
    pieces = 0
    ended = Ended(error("protocol", "the provider stopped without an outcome"))
    async with contextlib.aclosing(limited(provider, request, limits=limits, clock=clock)) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, Text):
                last = clock.mono()
                first = last if first is None else first
                pieces += 1
            else:
                ended = chunk
    return Answer(
        ended.outcome,
        ended.usage,
        None if first is None else first - began,
        0.0 if first is None or last is None else last - first,
        pieces,
    )
