"""`watchfloor bench stream`: the way of a model's tokens, beside the bare SDKs and the server's own rate."""

import asyncio
import importlib.metadata
import math
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from backend.bench.report import BenchError
from backend.bench.stream_bare import BARE, Timed
from backend.bench.stream_many import many
from backend.bench.stream_model import ModelAddress
from backend.bench.stream_ours import Ours, Provider, request, words_at
from backend.bench.stream_report import FirstToken, StreamReport, VendorFigures
from backend.bench.stream_wire import answer_tokens

PROVIDERS: tuple[Provider, ...] = ("anthropic", "openai", "ollama")
TOKENS = 400
PACED_TOKENS = 100
"""In the answers at 50 tokens/s whose first token is timed: what comes after it does not matter there."""
RATE = 50
APART_S = 0.1
"""Between the starts of paced calls, one of each side by turns: some twenty are then open at a time."""
WARM_UP = 3

OneCall = Callable[[], Coroutine[Any, Any, Timed]]


async def run(model: ModelAddress, *, calls: int, streams: int, seconds: float) -> StreamReport:
    """Measure `calls` on each side and vendor, then `streams` at once for `seconds`.

    Raises:
        BenchError: an answer did not come through.
    """
    vendors = [await _vendor(provider, model.url, calls) for provider in PROVIDERS]
    return StreamReport(
        bench="stream",
        vendors=tuple(vendors),
        many=await many(model, streams=streams, tokens=max(100, round(seconds * RATE)), rate=RATE),
    )


async def _vendor(provider: Provider, url: str, calls: int) -> VendorFigures:
    fast = _Pair(provider, url, TOKENS, 0)
    await fast.open()
    try:
        bare_us, ours_us = await fast.take_turns(calls)
        figures = [fast.first()]
        received = fast.whole
    finally:
        await fast.close()
    paced = _Pair(provider, url, PACED_TOKENS, RATE)
    await paced.open()
    try:
        await paced.in_step(calls)
        figures.append(paced.first())
    finally:
        await paced.close()
    return VendorFigures(
        provider=provider,
        sdk=f"{provider} {importlib.metadata.version(provider)}",
        calls=calls,
        tokens=TOKENS,
        received=received,
        bare_us=round(bare_us, 2),
        ours_us=round(ours_us, 2),
        ratio=round(ours_us / bare_us, 3),
        first=tuple(figures),
    )


class _Pair:
    """The bare SDK and the product's way, asked the same of the same server."""

    def __init__(self, provider: Provider, url: str, tokens: int, rate: int) -> None:
        self._provider = provider
        self._url = url
        self._tokens = tokens
        self._rate = rate
        self._model = f"scripted-{tokens}-{rate}"
        self._text = "".join(answer_tokens(tokens))
        self._tail = self._text[-100:]
        self._ours = Ours(provider, url, self._model)
        self._request = request()
        self._words_at = words_at()
        self._timed: dict[str, list[Timed]] = {"bare": [], "ours": []}
        self.whole = 0

    async def open(self) -> None:
        """Import, connect and run both sides warm."""
        self._bare = await BARE[self._provider](self._url)
        await self._ours.open()
        for _ in range(WARM_UP):
            await self._call_bare()
            await self._ours.call()

    async def close(self) -> None:
        """Close both sides' connections."""
        await self._bare.close()
        await self._ours.close()

    async def take_turns(self, calls: int) -> tuple[float, float]:
        """One call after the other; CPU microseconds a token of the bare SDK and of ours."""
        bare: list[float] = []
        ours: list[float] = []
        for _ in range(calls):
            bare.append(await self._priced("bare", self._call_bare))
            ours.append(await self._priced("ours", self._ours.call))
        return statistics.median(bare), statistics.median(ours)

    async def in_step(self, calls: int) -> None:
        """Many open at a time, as they write slowly, but begun one by one."""
        under_way: dict[str, list[asyncio.Task[Timed]]] = {"bare": [], "ours": []}
        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                for side, call in (("bare", self._call_bare), ("ours", self._ours.call)):
                    under_way[side].append(group.create_task(call()))
                    await asyncio.sleep(APART_S)
        for side, tasks in under_way.items():
            self._note(side, [task.result() for task in tasks])

    def first(self) -> FirstToken:
        """The first tokens' times."""
        bare, ours = self._timed["bare"], self._timed["ours"]
        bare_first, ours_first = _ms([one.first_s for one in bare]), _ms([one.first_s for one in ours])
        bare_words, ours_words = _ms([one.words_s for one in bare]), _ms([one.words_s for one in ours])
        return FirstToken(
            tokens_per_s=self._rate,
            calls=len(ours),
            bare_p50_ms=round(_quantile(bare_first, 0.5), 2),
            bare_p99_ms=round(_quantile(bare_first, 0.99), 2),
            ours_p50_ms=round(_quantile(ours_first, 0.5), 2),
            ours_p99_ms=round(_quantile(ours_first, 0.99), 2),
            later_p99_ms=round(_quantile(ours_first, 0.99) - _quantile(bare_first, 0.99), 2),
            words_later_p99_ms=round(_quantile(ours_words, 0.99) - _quantile(bare_words, 0.99), 2),
        )

    async def _call_bare(self) -> Timed:
        return await self._bare.call(self._request, self._model, self._words_at)

    async def _priced(self, side: str, call: OneCall) -> float:
        """One call; its CPU microseconds a token."""
        begun = time.process_time()
        done = await call()
        used = time.process_time() - begun
        self._note(side, [done])
        return used / self._tokens * 1e6

    def _note(self, side: str, done: Sequence[Timed]) -> None:
        for one in done:
            if not one.text.rstrip().endswith(self._tail.rstrip()):
                raise BenchError(f"{self._provider}: an answer did not come through word for word")
            self.whole += 1
        self._timed[side].extend(done)


def _ms(seconds: list[float]) -> list[float]:
    return [one * 1000 for one in seconds]


def _quantile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed; exact, for there are few."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
