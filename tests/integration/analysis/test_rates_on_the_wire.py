"""Rate limits over real sockets: our own, the vendor's headers, and retries that stay within their budget."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from backend.analysis.ladder import Ladder
from backend.analysis.rates import RETRY_FLOOR, RETRY_SHARE, Gate
from backend.providers.registry import warm
from tests.integration.analysis.desk import WHOLE, Desk, provider
from tests.support.vendors import Status, VendorServer

SLOW = {"error": {"type": "rate_limit_error", "message": "slow down"}}


@pytest.fixture(autouse=True)
async def warmed() -> AsyncIterator[None]:
    await warm(("anthropic", "openai", "ollama"))
    await Ladder.warm()
    yield


NOTHING_LEFT = {
    "anthropic": {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2999-01-01T00:00:00Z",
    },
    "openai": {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
    },
}


@pytest.mark.parametrize("vendor", NOTHING_LEFT)
async def test_a_vendor_that_says_nothing_is_left_is_not_asked_for_a_refusal(vendor: str) -> None:
    async with VendorServer(vendor, WHOLE) as server, VendorServer("ollama", WHOLE) as spare:
        server.headers = NOTHING_LEFT[vendor]
        one, two = provider(server), provider(spare)
        desk = Desk(one, two)
        first = await desk.ladder.run(desk.job(), desk.transcript.append)
        second = await desk.ladder.run(desk.job(), desk.transcript.append)
        await one.close()
        await two.close()
    assert (first.provider, second.provider, second.degraded) == (vendor, "ollama", True)
    assert len(server.requests) == 1
    assert "rate limit: the next call is free in" in second.attempts[0].error


async def test_headers_of_a_refusal_are_read_too() -> None:
    async with VendorServer("openai", [Status(500, SLOW, NOTHING_LEFT["openai"])]) as server:
        one = provider(server)
        desk = Desk(one)
        for _ in range(2):
            await desk.ladder.run(desk.job(), desk.transcript.append)
        await one.close()
    assert len(server.requests) == 1


async def test_the_configured_rate_is_kept_to() -> None:
    async with VendorServer("anthropic", WHOLE) as server:
        one = provider(server)
        desk = Desk(one, slots=20, gates=(Gate(requests_per_minute=120),))
        for _ in range(104):  # 16 are left, 12 of them for the critical lane alone
            desk.rungs[0].gate.draw(time.monotonic(), 0)
        begun = time.monotonic()
        jobs = [desk.job(30.0) for _ in range(8)]
        analyses = await asyncio.gather(*(desk.ladder.run(job, lambda _event: None) for job in jobs))
        took = time.monotonic() - begun
        await one.close()
    assert all(analysis.kind == "model" for analysis in analyses)
    assert len(server.requests) == 8
    assert took >= (8 - 4) * 0.5 - 0.2, "four at once, then two a second"


async def test_two_hundred_rate_limited_alerts_make_few_more_calls() -> None:
    refusing = Status(429, SLOW, {"retry-after": "0.5"})
    async with VendorServer("anthropic", [refusing]) as server:
        one = provider(server)
        desk = Desk(one, slots=200)
        analyses = await asyncio.gather(
            *(desk.ladder.run(desk.job(30.0), lambda _event: None) for _ in range(200))
        )
        await one.close()
    assert all(analysis.kind == "playbook" for analysis in analyses)
    assert len(server.requests) <= 200 * (1 + RETRY_SHARE) + RETRY_FLOOR
