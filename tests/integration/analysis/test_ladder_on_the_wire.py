"""The ladder over real sockets: real SDKs and limits against vendors that fail on command."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from backend.analysis.ladder import Ladder
from backend.analysis.model import VerdictReady
from backend.providers.base import Usage
from backend.providers.registry import warm
from tests.integration.analysis.desk import HALF, QUICK, WHOLE, Desk, provider
from tests.support.vendors import (
    Cut,
    Done,
    End,
    Error,
    Hang,
    Page,
    Pings,
    Script,
    Status,
    Step,
    Tokens,
    VendorServer,
)
from tests.unit.analysis.builders import NARRATIVE, line


@pytest.fixture(autouse=True)
async def warmed() -> None:
    """What the engine does at its start: without it the first call's time goes into imports."""
    await warm(("anthropic", "openai", "ollama"))
    await Ladder.warm()


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "ollama"])
async def test_a_good_answer_over_each_wire(vendor: str) -> None:
    async with VendorServer(vendor, WHOLE) as server:
        desk = Desk(provider(server))
        analysis = await desk.run()
    assert (analysis.verdict.verdict, analysis.narrative) == ("True Positive", NARRATIVE)
    assert (analysis.provider, analysis.degraded, analysis.partial, analysis.attempts) == (
        vendor,
        False,
        False,
        (),
    )
    assert analysis.usage == Usage(900, 120)
    assert analysis.cost_usd == pytest.approx((900 * 3 + 120 * 15) / 1e6)
    assert 0 < analysis.first_token_ms <= analysis.analyse_ms
    assert "412 failed logins" in desk.text("facts")
    sent = str(server.requests[0].body)
    assert "BEGIN DATA" in sent
    assert "198.51.100.7 is on two brute-force lists" in sent


UNSEEN: dict[str, Sequence[Step]] = {
    "529": [Status(529, {"error": {"type": "overloaded_error", "message": "Overloaded"}})],
    "401": [Status(401, {"error": {"type": "authentication_error", "message": "bad key"}})],
    "hang": [Hang()],
    "pings only": [Pings()],
    "reset": [Cut()],
    "sign-in page": [Page()],
    "error event": [Error()],
    "no end marker": [End()],
}


@pytest.mark.parametrize("case", UNSEEN)
async def test_failing_before_content_the_next_answers_unseen(case: str) -> None:
    async with VendorServer("anthropic", UNSEEN[case]) as bad, VendorServer("openai", WHOLE) as good:
        desk = Desk(provider(bad), provider(good))
        begun = time.monotonic()
        analysis = await desk.run()
        took = time.monotonic() - begun
    assert (analysis.provider, analysis.degraded, analysis.partial) == ("openai", True, False)
    assert [attempt.model for attempt in analysis.attempts] == ["anthropic:test-model"]
    assert desk.endings() == ["complete"]
    assert took < QUICK.first_token_s + 6
    assert bool(desk.ladder.trouble) == (case in ("401", "529", "error event"))


MID_STREAM: dict[str, tuple[Step, str]] = {
    "reset": (Cut(), "error"),
    "closed": (Cut(reset=False), "error"),
    "no end marker": (End(), "truncated"),
    "silence": (Hang(), "idle"),
    "pings only": (Pings(), "idle"),
    "error event": (Error(), "error"),
    "length": (Done("max_tokens"), "length"),
}


@pytest.mark.parametrize("case", MID_STREAM)
async def test_breaking_inside_the_verdict_keeps_what_came_and_the_next_answers(case: str) -> None:
    step, ending = MID_STREAM[case]
    async with (
        VendorServer("anthropic", [Tokens(HALF), step]) as bad,
        VendorServer("ollama", WHOLE) as good,
    ):
        desk = Desk(provider(bad), provider(good))
        analysis = await desk.run()
    assert (analysis.provider, analysis.degraded, analysis.partial) == ("ollama", True, False)
    assert desk.endings()[0] in (ending, "truncated")
    assert desk.endings()[-1] == "complete"
    mended = case == "length"  # it came to its end, but not in the form: the same model is asked once more
    assert len(bad.requests) == len(desk.endings()) - 1 == (2 if mended else 1)
    assert desk.text("facts").count("412 failed logins") == (3 if mended else 2), "what was written stays"


@pytest.mark.parametrize("case", MID_STREAM)
async def test_breaking_after_the_verdict_gives_it_marked_partial(case: str) -> None:
    step, ending = MID_STREAM[case]
    async with (
        VendorServer("anthropic", [Tokens(f"{line()}\n\nMany logins failed [E1]"), step]) as bad,
        VendorServer("ollama", WHOLE) as spare,
    ):
        desk = Desk(provider(bad), provider(spare))
        analysis = await desk.run()
    assert (analysis.provider, analysis.degraded, analysis.partial) == ("anthropic", False, True)
    assert analysis.verdict.verdict == "True Positive"
    assert analysis.narrative == "Many logins failed [E1]"
    assert desk.endings()[0] in (ending, "truncated")
    assert spare.requests == []


async def test_all_vendors_down_the_playbook_answers_in_time() -> None:
    overloaded = [Status(529, {"error": {"type": "overloaded_error", "message": "Overloaded"}})]
    async with VendorServer("anthropic", overloaded) as one, VendorServer("openai", [Status(500)]) as two:
        desk = Desk(provider(one), provider(two))
        analysis = await desk.run()
    assert (analysis.kind, analysis.degraded) == ("playbook", True)
    assert len(analysis.attempts) == 2
    assert analysis.guardrails.output_valid
    assert analysis.guardrails.ungrounded == ()
    assert desk.endings() == ["complete"]
    assert any(isinstance(event, VerdictReady) for event in desk.transcript.since().events)
    assert desk.ledger.usd_today == 0.0


async def test_the_lanes_deadline_cuts_a_slow_model_short() -> None:
    slow: Script = [Tokens(["word "] * 1_000, every_s=0.1)]
    async with VendorServer("openai", slow) as server:
        desk = Desk(provider(server))
        begun = time.monotonic()
        analysis = await desk.run(left_s=2.0)
        took = time.monotonic() - begun
    assert analysis.kind == "playbook"
    assert "deadline" in analysis.attempts[0].error
    assert "word word" in desk.text("raw")
    assert took < 6


async def test_a_short_rate_limit_is_waited_for_and_a_long_one_is_not() -> None:
    short = Status(429, {"error": {"type": "rate_limit_error", "message": "slow"}}, {"retry-after": "0.3"})
    long = Status(429, {"error": {"type": "rate_limit_error", "message": "slow"}}, {"retry-after": "3600"})
    async with (
        VendorServer("anthropic", [short], WHOLE) as patient,
        VendorServer("openai", [long]) as hopeless,
    ):
        first = await Desk(provider(patient)).run()
        second = await Desk(provider(hopeless)).run()
    assert (first.provider, first.degraded, len(patient.requests)) == ("anthropic", False, 2)
    assert (second.kind, len(hopeless.requests)) == ("playbook", 1)


async def test_cancelling_closes_the_connection_and_books_the_call() -> None:
    async with VendorServer("anthropic", [Tokens(HALF), Hang()]) as server:
        desk = Desk(provider(server))
        task = asyncio.create_task(desk.run())
        while not desk.text("facts"):
            await asyncio.sleep(0.01)
        assert server.open_connections == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_open(0)
    assert desk.endings() == ["cancelled"]
    assert not desk.transcript.live
    assert desk.ledger.usd_today > 0


async def test_a_question_is_answered_after_a_failed_rung() -> None:
    async with (
        VendorServer("anthropic", WHOLE, [Tokens("Becau"), Cut()]) as first,
        VendorServer("openai", [Tokens("Because it is listed [E2]."), Done()]) as second,
    ):
        providers = provider(first), provider(second)
        desk = Desk(*providers)
        analysis = await desk.ladder.run(desk.job(), desk.transcript.append)
        job = desk.job(turn=1, analysis=analysis)
        follow = await desk.ladder.ask(job, (), "Why not benign?", desk.transcript.append)
        for one in providers:
            await one.close()
    assert (follow.text, follow.provider, follow.degraded) == ("Because it is listed [E2].", "openai", True)
    assert len(follow.attempts) == 1
    messages = second.requests[0].body["messages"]
    assert "Why not benign?" in str(messages[-1])
    assert "True Positive" in str(messages)
