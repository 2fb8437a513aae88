"""The limits against servers that keep a connection alive and say nothing."""

import time

import pytest

from backend.clock import SystemClock
from backend.providers.base import Chunk, Ended, OutcomeKind, Text, Usage
from backend.providers.limits import Limits, limited
from tests.integration.providers.asking import QUESTION, VENDORS, provider_for
from tests.support.vendors import Done, Hang, Pings, Script, Thinking, Tokens, VendorServer

ROWS: dict[str, tuple[Script, Limits, OutcomeKind, str]] = {
    "hangs before the headers": ([Hang()], Limits(0.2, 9, 9), "idle", "no first token within 0.2 s"),
    "pings only": ([Pings()], Limits(0.3, 9, 9), "idle", "no first token within 0.3 s"),
    "thinks only": ([Thinking(), Pings()], Limits(0.3, 9, 9), "idle", "no first token within 0.3 s"),
    "falls silent": ([Tokens(["a"]), Hang()], Limits(9, 0.2, 9), "idle", "no more text within 0.2 s"),
    "pings after text": ([Tokens(["a"]), Pings()], Limits(9, 0.3, 9), "idle", "no more text within 0.3 s"),
    "drips for ever": ([Tokens(["a"] * 10_000, every_s=0.05)], Limits(9, 9, 2.0), "deadline", "2 s"),
    "floods for ever": ([Tokens(["a"] * 200_000)], Limits(9, 9, 2.0), "deadline", "2 s"),
    "never starts": ([Hang()], Limits(9, 9, 0.3), "deadline", "0.3 s"),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_limit(vendor: str, row: tuple[Script, Limits, OutcomeKind, str]) -> None:
    script, limits, kind, detail = row
    async with VendorServer(vendor, script) as server:
        provider = provider_for(vendor, server.base_url)
        begun = time.monotonic()
        chunks: list[Chunk] = [
            c async for c in limited(provider, QUESTION, limits=limits, clock=SystemClock())
        ]
        took = time.monotonic() - begun
        await server.until_open(0)
        await provider.close()
    last = chunks[-1]
    assert isinstance(last, Ended)
    assert (last.outcome.kind, last.outcome.detail[-len(detail) :]) == (kind, detail)
    assert all(isinstance(chunk, Text) for chunk in chunks[:-1])
    has_text = isinstance(script[0], Tokens)
    assert bool(chunks[:-1]) == has_text
    assert took < 8, "the limit that was set, not one of the long ones"


async def test_what_was_counted_before_the_limit_is_told() -> None:
    script: Script = [Tokens(["a"]), Hang(), Done(usage=Usage(50, 9, 700, 0))]
    async with VendorServer("anthropic", script) as server:
        provider = provider_for("anthropic", server.base_url)
        chunks = [c async for c in limited(provider, QUESTION, limits=Limits(9, 0.2, 9), clock=SystemClock())]
        await provider.close()
    last = chunks[-1]
    assert isinstance(last, Ended)
    assert last.usage == Usage(50, 1, 700, 0)
