"""When a prompt cache is warmed: only where that costs less than letting every call write it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Caller, Rung
from backend.analysis.entry import LedgerEntry
from backend.analysis.estimate import estimate_tokens
from backend.analysis.examples import EXAMPLES
from backend.analysis.ledger import Ledger
from backend.analysis.prompts import SYSTEM, system_prompt
from backend.analysis.verdict_stream import VerdictReader
from backend.analysis.warming import AGAIN_S, CacheWarmer
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Usage
from backend.providers.limits import Limits, limited
from backend.providers.prices import Price
from backend.providers.prompt_cache import TTL_S, least_tokens
from tests.unit.pipeline.test_speculation import HandClock

TOKENS = 2_200
SONNET = Price(3.0, 15.0, 0.3, 3.75, known=True)


class Cached:
    """A model whose prompt cache is written by the first call; remembers what it was asked."""

    provider = "anthropic"
    model = "claude-sonnet-4-5"

    def __init__(self, *, caches: bool = True) -> None:
        self.asked: list[ModelRequest] = []
        self.caches = caches
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.asked.append(request)
        await self.go_on.wait()
        written = TOKENS if self.caches else 0
        yield Ended(Outcome("length"), Usage(10, 1, 0, written))

    async def close(self) -> None:
        pass


class Bench:
    def __init__(self, price: Price = SONNET, *, caches: bool = True) -> None:
        self.clock = HandClock()
        self.model = Cached(caches=caches)
        self.entries: list[LedgerEntry] = []
        ledger = Ledger(self.clock, self.entries.append)
        rung = Rung(
            "best",
            self.model,
            Limits(5, 5, 10),
            price,
            asyncio.Semaphore(4),
            Breaker(self.clock),
            system=system_prompt(2_048),
        )
        self.warmer = CacheWarmer(
            rung, Caller(self.clock, ledger, Budget(ledger), limited), self.clock, TOKENS
        )

    async def warmed(self, at_once: int) -> int:
        self.warmer.begin("medium", at_once)
        await self.warmer.ready()
        return len(self.model.asked)


async def test_it_pays_from_two_calls_on_and_never_for_one() -> None:
    warmer = Bench().warmer
    assert [n for n in range(5) if warmer.pays(n)] == [2, 3, 4]


@pytest.mark.parametrize(
    "price",
    [Price(0, 0, 0, 0, known=True), Price(3.0, 15.0, 3.0, 3.0, known=True)],
    ids=["free", "no-discount"],
)
async def test_it_never_pays_where_reading_is_no_cheaper(price: Price) -> None:
    assert not any(Bench(price).warmer.pays(n) for n in range(50))


async def test_a_cold_cache_is_warmed_once_with_a_tiny_request() -> None:
    bench = Bench()
    assert await bench.warmed(1) == 0
    bench.model.go_on.clear()
    bench.warmer.begin("medium", 4)
    bench.warmer.begin("medium", 4)
    bench.model.go_on.set()
    assert await bench.warmed(4) == 1
    (request,) = bench.model.asked
    assert (request.max_tokens, request.system) == (1, system_prompt(2_048))
    assert bench.entries[-1].kind == "warm"
    assert bench.entries[-1].usd == pytest.approx((TOKENS * 3.75 + 10 * 3 + 15) / 1e6)
    assert bench.warmer.warm
    assert await bench.warmed(4) == 1


async def test_a_call_that_used_the_cache_keeps_it_warm_and_five_minutes_without_let_it_go_cold() -> None:
    bench = Bench()
    assert await bench.warmed(4) == 1
    bench.clock.now += TTL_S - 30
    used = LedgerEntry(
        "c",
        bench.clock.wall_ms(),
        1,
        "low",
        "anthropic:claude-sonnet-4-5",
        0.01,
        Usage(10, 10, TOKENS),
        settled=True,
    )
    bench.warmer.booked(used)
    bench.clock.now += 200
    assert bench.warmer.warm
    assert await bench.warmed(4) == 1
    bench.clock.now += 100
    assert not bench.warmer.warm
    assert await bench.warmed(4) == 2


async def test_a_prefix_that_the_vendor_does_not_cache_is_not_sent_again_and_again() -> None:
    bench = Bench(caches=False)
    assert await bench.warmed(4) == 1
    assert not bench.warmer.warm
    assert await bench.warmed(4) == 1
    bench.clock.now += AGAIN_S + 1
    assert await bench.warmed(4) == 2


async def test_nobody_waits_for_long() -> None:
    bench = Bench()
    bench.model.go_on.clear()
    bench.warmer.begin("medium", 4)
    await asyncio.wait_for(bench.warmer.ready(), 8)
    await bench.warmer.close()


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("anthropic", "claude-sonnet-4-5", 1_024),
        ("anthropic", "claude-sonnet-4-6", 2_048),
        ("anthropic", "claude-sonnet-5", 1_024),
        ("anthropic", "claude-opus-5", 512),
        ("anthropic", "claude-fable-5-1", 512),
        ("anthropic", "claude-opus-4-7", 2_048),
        ("anthropic", "claude-haiku-5-5", 4_096),
        ("anthropic", "claude-opus-4-1-20250805", 1_024),
        ("anthropic", "claude-opus-4-20250514", 1_024),
        ("anthropic", "claude-opus-4-6", 4_096),
        ("anthropic", "claude-haiku-4-5-20251001", 4_096),
        ("anthropic", "claude-3-5-haiku-latest", 2_048),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 1_024),
        ("bedrock", "amazon.nova-pro-v1:0", None),
        ("openai", "gpt-5", None),
        ("ollama", "llama3", None),
    ],
)
def test_the_shortest_prefix_that_is_cached(provider: str, model: str, tokens: int | None) -> None:
    assert least_tokens(provider, model) == tokens
    assert least_tokens(provider, model, "http://127.0.0.1:8080") is None


def test_the_prompt_is_as_long_as_the_cache_needs_and_no_longer() -> None:
    assert system_prompt(None) == SYSTEM
    assert system_prompt(512) == SYSTEM  # long enough as it is
    assert system_prompt(4_096) == SYSTEM  # the examples do not reach so far
    for least in (1_024, 2_048):
        prompt = system_prompt(least)
        assert prompt.startswith(SYSTEM)
        assert least <= estimate_tokens(len(prompt)) < least + 400
        assert prompt == system_prompt(least)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_an_answer_that_would_be_accepted(example: str) -> None:
    answer = example.partition("Answer:\n")[2]
    reader = VerdictReader(0)
    reader.feed(answer)
    reading = reader.finish()
    assert reading.problem == ""
    assert reading.notes == ()
    assert reading.verdict is not None
    assert len(reading.verdict.facts) == 3
