"""Answers that break the form, over each wire: one repair with the same prefix, then a human."""

from collections.abc import AsyncIterator

import pytest

from backend.analysis.ladder import Ladder
from backend.providers.base import Usage
from backend.providers.registry import warm
from tests.integration.analysis.desk import HALF, WHOLE, Desk, provider
from tests.support.vendors import Done, Refusal, Script, Tokens, VendorServer
from tests.unit.analysis.builders import answer, line

BROKEN: dict[str, Script] = {
    "prose": [Tokens("I think that this is bad."), Done()],
    "two JSONs": [Tokens(f"{line()}\n{line(verdict='Benign')}"), Done()],
    "a fence after prose": [Tokens(f"Here:\n```json\n{line()}\n```"), Done()],
    "NaN": [Tokens(line().replace("0.92", "NaN")), Done()],
    "cut by length": [Tokens(HALF), Done("max_tokens")],
}


@pytest.fixture(autouse=True)
async def warmed() -> AsyncIterator[None]:
    await warm(("anthropic", "openai", "ollama"))
    await Ladder.warm()
    yield


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "ollama"])
@pytest.mark.parametrize("case", BROKEN)
async def test_one_repair_mends_it(case: str, vendor: str) -> None:
    mended: Script = [Tokens(answer()), Done(usage=Usage(50, 120, cache_read_tokens=850))]
    async with VendorServer(vendor, BROKEN[case], mended) as server:
        desk = Desk(provider(server))
        analysis = await desk.run()
    assert (analysis.verdict.verdict, analysis.degraded, analysis.partial) == ("True Positive", False, False)
    assert desk.began() == [(vendor, 1, ""), (vendor, 2, "repair")]
    assert [entry.kind for entry in desk.entries if entry.settled] == ["analysis", "repair"]
    first, repair = (request.body for request in server.requests)
    count = len(first["messages"])
    assert repair["messages"][:count] == first["messages"], "the prefix the prompt cache goes by is the same"
    assert repair.get("system") == first.get("system")
    assert [message["role"] for message in repair["messages"][count:]] == ["assistant", "user"]
    if vendor != "ollama":
        assert analysis.usage.cache_read_tokens == 850


@pytest.mark.parametrize("case", BROKEN)
async def test_what_stays_broken_goes_to_a_human(case: str) -> None:
    async with VendorServer("anthropic", BROKEN[case]) as server:
        desk = Desk(provider(server))
        analysis = await desk.run()
    assert len(server.requests) == 2
    assert analysis.verdict.verdict == "Insufficient Data"
    assert (analysis.kind, analysis.degraded) == ("playbook", True)
    assert not analysis.guardrails.output_valid
    assert desk.endings()[-1] == "complete"


async def test_a_refusal_goes_to_a_human_without_a_second_try() -> None:
    async with VendorServer("anthropic", [Refusal("I can't."), Done("refusal")]) as server:
        analysis = await Desk(provider(server)).run()
    assert (len(server.requests), analysis.verdict.verdict) == (1, "Insufficient Data")


async def test_going_on_after_a_cut_shows_the_model_its_own_words() -> None:
    story = "**What happened.** Many logins failed [E1] and then"
    cut: Script = [Tokens(f"{line()}\n\n{story}"), Done("max_tokens")]
    async with VendorServer("anthropic", cut, [Tokens(" one worked [E1]."), Done()]) as server:
        one = provider(server)
        desk = Desk(one)
        analysis = await desk.ladder.run(desk.job(), desk.transcript.append)
        job = desk.job(turn=1, analysis=analysis)
        follow = await desk.ladder.ask(job, (), "Go on", desk.transcript.append)
        await one.close()
    assert (analysis.partial, analysis.narrative) == (True, story)
    assert follow.text.strip() == "one worked [E1]."
    messages = server.requests[1].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert str(messages[1]["content"]).count(f"{story} [Cut off here") == 1
    assert "Go on" in str(messages[2])
    assert "begin where the last of them breaks off" in str(messages[2])
    assert messages[0] == server.requests[0].body["messages"][0]


async def test_a_whole_answer_is_not_called_cut() -> None:
    async with VendorServer("anthropic", WHOLE, [Tokens("Because."), Done()]) as server:
        one = provider(server)
        desk = Desk(one)
        analysis = await desk.ladder.run(desk.job(), desk.transcript.append)
        await desk.ladder.ask(desk.job(turn=1, analysis=analysis), (), "Why?", desk.transcript.append)
        await one.close()
    assert "ut off" not in str(server.requests[1].body["messages"])
