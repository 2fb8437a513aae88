"""A slow first vendor over real sockets: the next starts beside it, the loser is closed, freed and booked."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from backend.analysis.breaker import SLOW
from backend.analysis.call import SLOW_SHARE
from backend.analysis.ladder import Ladder
from backend.providers.base import Usage
from backend.providers.limits import Limits
from backend.providers.registry import warm
from tests.integration.analysis.desk import HALF, WHOLE, Desk, provider
from tests.support.vendors import Cut, Done, Hang, Pings, Script, Status, Tokens, VendorServer, Wait
from tests.unit.analysis.builders import answer

PATIENT = Limits(first_token_s=10.0, idle_s=10.0, total_s=20.0)
HEDGE_S = 0.4


@pytest.fixture(autouse=True)
async def warmed() -> AsyncIterator[None]:
    await warm(("anthropic", "openai", "ollama"))
    await Ladder.warm()
    yield


def hedging(*servers: VendorServer, slots: int = 1, limits: Limits = PATIENT) -> Desk:
    return Desk(*map(provider, servers), limits=limits, slots=slots, hedge_after_s=HEDGE_S)


SILENT: dict[str, Script] = {
    "hangs": [Hang()],
    "sends pings only": [Pings()],
    "hangs in its stream": [Wait(0.01), Hang()],
}


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "ollama"])
@pytest.mark.parametrize("case", SILENT)
async def test_the_next_answers_beside_a_silent_one(case: str, vendor: str) -> None:
    async with VendorServer(vendor, SILENT[case]) as slow, VendorServer("openai", WHOLE) as quick:
        desk = hedging(slow, quick)
        begun = time.monotonic()
        analysis = await desk.run()
        took = time.monotonic() - begun
        await slow.until_open(0)
    assert (analysis.provider, analysis.degraded, analysis.partial) == ("openai", True, False)
    assert HEDGE_S <= took < HEDGE_S + 3.0
    assert desk.endings() == ["complete"], "a change before the first content is unseen"
    settled = [entry for entry in desk.entries if entry.settled]
    assert {(e.model.partition(":")[0], e.kind, e.outcome) for e in settled} == {
        (vendor, "analysis", "cancelled"),
        ("openai", "hedge", "complete"),
    }
    assert analysis.cost_usd == pytest.approx(sum(entry.usd for entry in settled))
    assert min(entry.usd for entry in settled) > 0, "what the loser was asked is possible spend"
    assert all(not slot.locked() for slot in desk.slots)
    assert desk.rungs[0].breaker.state == "ready"


async def test_a_quick_first_vendor_is_asked_alone() -> None:
    rest = answer()[len(HALF) :]
    begins: Script = [Tokens(HALF), Wait(HEDGE_S * 2), Tokens(rest), Done(usage=Usage(900, 120))]
    async with VendorServer("anthropic", begins) as first, VendorServer("openai", WHOLE) as second:
        analysis = await hedging(first, second).run()
    assert (analysis.provider, analysis.degraded, analysis.attempts) == ("anthropic", False, ())
    assert second.requests == []


async def test_the_first_verdict_wins_and_taking_over_is_a_visible_new_attempt() -> None:
    late: Script = [Wait(HEDGE_S + 0.5), Tokens(answer()), Done(usage=Usage(900, 120))]
    trickling: Script = [Tokens(HALF), Hang()]
    async with VendorServer("anthropic", late) as first, VendorServer("openai", trickling) as second:
        desk = hedging(first, second)
        analysis = await desk.run()
        await second.until_open(0)
    assert (analysis.provider, analysis.degraded) == ("anthropic", False)
    assert desk.began()[-1] == ("anthropic", 2, "")
    assert desk.endings() == ["cancelled", "complete"]
    (loser,) = [entry for entry in desk.entries if entry.settled and entry.outcome == "cancelled"]
    assert loser.kind == "hedge"


async def test_both_fail_and_the_playbook_answers() -> None:
    async with (
        VendorServer("anthropic", [Wait(HEDGE_S * 2), Cut()]) as first,
        VendorServer("openai", [Status(529)]) as second,
    ):
        analysis = await hedging(first, second).run()
    assert (analysis.kind, analysis.degraded) == ("playbook", True)
    assert len(analysis.attempts) == 2


@pytest.mark.parametrize("case", SILENT)
async def test_a_vendor_that_only_hangs_is_asked_no_more_after_a_few_races(case: str) -> None:
    async with VendorServer("anthropic", SILENT[case]) as slow, VendorServer("openai", WHOLE) as quick:
        desk = hedging(slow, quick, limits=Limits(first_token_s=HEDGE_S / SLOW_SHARE, idle_s=10, total_s=20))
        breaker = desk.rungs[0].breaker
        for number in range(SLOW):
            assert breaker.state == "ready", number
            assert (await desk.ladder.run(desk.job(), desk.transcript.append)).provider == "openai"
        assert breaker.detail.startswith("silent for "), "the last race has opened it"
        assert desk.ladder.trouble == (f"rung0 (anthropic:test-model): {breaker.detail}",)
        begun = time.monotonic()
        analysis = await desk.run()
        took = time.monotonic() - begun
        await slow.until_open(0)
    assert (analysis.provider, analysis.degraded) == ("openai", True)
    assert "silent for" in analysis.attempts[0].error
    assert took < HEDGE_S, "nobody waits for it any more"
    assert len(slow.requests) == SLOW


async def test_cancelling_closes_both() -> None:
    async with VendorServer("anthropic", [Hang()]) as first, VendorServer("openai", [Hang()]) as second:
        desk = hedging(first, second)
        task = asyncio.create_task(desk.run())
        while not second.requests:
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await first.until_open(0)
        await second.until_open(0)
    assert [entry.outcome for entry in desk.entries if entry.settled] == ["cancelled", "cancelled"]
    assert all(not slot.locked() for slot in desk.slots)
