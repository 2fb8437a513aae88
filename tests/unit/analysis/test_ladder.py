import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from backend.alerts.model import Alert
from backend.analysis.model import AttemptEnded, AttemptStarted, Delta, VerdictReady
from backend.enrichment.base import Evidence
from backend.providers.base import Chunk, Ended, Outcome, Text, Usage
from backend.providers.prices import Price
from tests.unit.analysis.builders import (
    COMPLETE,
    NARRATIVE,
    OVERLOADED,
    RESET,
    FakeModel,
    Rig,
    Script,
    answer,
    line,
)

GOOD: Script = (list(answer()), COMPLETE)
DEAR = Price(10.0, 50.0, 1.0, 12.5, known=True)
AUTH = Outcome("error", "invalid x-api-key", "auth", status=401)


def limited_for(seconds: float | None) -> Outcome:
    return Outcome("error", "slow down", "rate_limited", retryable=True, retry_after_s=seconds, status=429)


def ends(rig: Rig) -> list[str]:
    return [event.outcome for event in rig.events if isinstance(event, AttemptEnded)]


async def test_the_planned_model_answers() -> None:
    rig = Rig(FakeModel(GOOD), FakeModel(GOOD, name="second"))
    analysis = await rig.run(signals=("override: ignore …",))
    assert (analysis.verdict.verdict, analysis.narrative) == ("True Positive", NARRATIVE)
    assert (analysis.kind, analysis.model, analysis.degraded, analysis.partial) == (
        "model",
        "m",
        False,
        False,
    )
    assert analysis.attempts == ()
    assert analysis.usage == Usage(100, 50)
    assert analysis.guardrails.injection_suspected
    assert analysis.guardrails.output_valid
    order = rig.shown()
    assert order[0] == "AttemptStarted"
    assert order[-1] == "AttemptEnded"
    at = order.index("VerdictReady")
    assert all(event.kind == "facts" for event in rig.events[1:at] if isinstance(event, Delta))
    assert all(event.kind == "narrative" for event in rig.events[at + 1 : -1] if isinstance(event, Delta))


async def test_the_verdict_is_out_before_the_narrative_has_come() -> None:
    model = FakeModel(([line(), "\n"], COMPLETE))
    model.hold = asyncio.Event()
    rig = Rig(model)
    task = asyncio.create_task(rig.run())
    while not any(isinstance(event, VerdictReady) for event in rig.events):
        await asyncio.sleep(0)
    assert not task.done()
    model.hold.set()
    await task


@pytest.mark.parametrize(
    "outcome",
    [OVERLOADED, RESET, Outcome("idle", "no first token"), Outcome("truncated"), Outcome("filtered")],
)
async def test_a_failure_before_any_content_is_not_seen(outcome: Outcome) -> None:
    rig = Rig(FakeModel(([], outcome)), FakeModel(GOOD, name="second"))
    analysis = await rig.run()
    assert (analysis.model, analysis.degraded) == ("second", True)
    assert [attempt.model for attempt in analysis.attempts] == ["fake:m"]
    assert outcome.error_class in analysis.attempts[0].error or outcome.kind in analysis.attempts[0].error
    assert ends(rig) == ["complete"]
    assert [event.number for event in rig.events if isinstance(event, AttemptStarted)] == [1, 1]
    assert rig.shown()[:2] == ["AttemptStarted", "AttemptStarted"]


@pytest.mark.parametrize(
    ("script", "end"),
    [
        (([line()[:90]], RESET), "error"),
        (([line()[:90]], Outcome("idle", "silence")), "idle"),
        (([line()[:90]], Outcome("truncated")), "truncated"),
        ((["I'm sorry, I can't help. "], Outcome("filtered")), "filtered"),
    ],
)
async def test_a_failure_after_content_stays_and_the_next_is_a_new_attempt(script: Script, end: str) -> None:
    rig = Rig(FakeModel(script), FakeModel(GOOD, name="second"))
    analysis = await rig.run()
    assert (analysis.model, analysis.degraded, analysis.partial) == ("second", True, False)
    assert ends(rig) == [end, "complete"]
    assert [event.number for event in rig.events if isinstance(event, AttemptStarted)] == [1, 2]
    first = rig.events[: rig.shown().index("AttemptEnded")]
    assert any(isinstance(event, Delta) for event in first)
    assert len(analysis.attempts) == 1


@pytest.mark.parametrize("outcome", [RESET, Outcome("truncated"), Outcome("length"), Outcome("idle")])
async def test_a_break_after_the_verdict_gives_it_marked_partial(outcome: Outcome) -> None:
    second = FakeModel(GOOD, name="second")
    rig = Rig(FakeModel(([line(), "\n\nMany logins fail"], outcome)), second)
    analysis = await rig.run()
    assert (analysis.verdict.verdict, analysis.partial, analysis.degraded) == ("True Positive", True, False)
    assert analysis.narrative == "Many logins fail"
    assert second.requests == []
    assert ends(rig) == [outcome.kind]


async def test_an_invalid_object_is_read_no_further() -> None:
    model = FakeModel(([line(verdict="Fine"), *(["more "] * 500)], COMPLETE))
    rig = Rig(model)
    await rig.run()
    assert model.closed == len(model.requests) == 2, "it is asked to mend it once"
    assert not any(isinstance(event, Delta) and "more" in event.text for event in rig.events)


async def test_all_models_down_the_playbook_answers() -> None:
    rig = Rig(FakeModel(([], OVERLOADED)), FakeModel(([], RESET)))
    analysis = await rig.run()
    assert (analysis.kind, analysis.provider, analysis.degraded) == ("playbook", "playbook", True)
    assert analysis.verdict.verdict == "Suspicious"
    assert analysis.narrative == "By rules alone [E1]."
    assert len(analysis.attempts) == 2


async def test_a_planned_playbook_is_not_degraded() -> None:
    rig = Rig()
    analysis = await rig.run()
    assert (analysis.kind, analysis.degraded, analysis.attempts) == ("playbook", False, ())
    assert rig.shown()[0] == "AttemptStarted"
    assert rig.shown()[-1] == "AttemptEnded"


async def test_with_no_valid_verdict_anywhere_a_human_is_asked() -> None:
    async def broken(_a: Alert, _e: Sequence[Evidence], _s: Sequence[str]) -> AsyncIterator[Chunk]:
        yield Text("nothing")
        yield Ended(COMPLETE)

    analysis = await Rig(FakeModel(([], RESET)), playbook=broken).run()
    assert (analysis.verdict.verdict, analysis.verdict.confidence) == ("Insufficient Data", 0.0)
    assert not analysis.guardrails.output_valid


async def test_what_the_answer_names_out_of_thin_air_is_flagged() -> None:
    rig = Rig(FakeModel(([answer(summary="It called 203.0.113.99 [E9]")], COMPLETE)))
    analysis = await rig.run()
    assert set(analysis.guardrails.ungrounded) == {"203.0.113.99", "E9"}
    last = rig.events[-1]
    assert isinstance(last, AttemptEnded)
    assert set(last.ungrounded) == {"203.0.113.99", "E9"}


async def test_dropped_parts_of_the_output_are_signalled() -> None:
    rig = Rig(FakeModel(([answer(actions=[{"action": "rm_rf", "target": "/"}])], COMPLETE)))
    analysis = await rig.run()
    assert analysis.verdict.actions == ()
    assert not analysis.guardrails.output_valid
    assert not analysis.guardrails.injection_suspected
    assert any("rm_rf" in signal for signal in analysis.guardrails.signals)


# --- who may be asked ------------------------------------------------------------------------------------


async def test_no_time_left_goes_straight_to_the_playbook() -> None:
    model = FakeModel(GOOD)
    analysis = await Rig(model).run(left_s=0.8)
    assert analysis.kind == "playbook"
    assert model.requests == []
    assert "no time left" in analysis.attempts[0].error


async def test_an_open_breaker_is_passed_over_with_its_reason() -> None:
    model = FakeModel(([], OVERLOADED))
    rig = Rig(model, FakeModel(GOOD, name="second"))
    await rig.run()
    analysis = await rig.run()
    assert len(model.requests) == 1
    assert "cooling: overloaded: try later" in analysis.attempts[0].error
    assert analysis.model == "second"
    assert rig.ladder.trouble[0].startswith("rung0 (fake:m): overloaded")


async def test_when_a_vendor_dies_only_what_was_in_flight_has_asked_it() -> None:
    model = FakeModel(([], RESET))
    rig = Rig(model, slots=50)
    analyses = await asyncio.gather(*(rig.run() for _ in range(200)))
    assert all(analysis.kind == "playbook" for analysis in analyses)
    assert len(model.requests) <= 50


async def test_dollars_forbid_a_rung() -> None:
    dear = FakeModel(GOOD)
    rig = Rig(dear, price=DEAR, usd_per_hour=0.001)
    analysis = await rig.run()
    assert dear.requests == []
    assert "budget is spent" in analysis.attempts[0].error
    assert analysis.cost_usd == 0.0


async def test_critical_spends_the_reserve_and_concurrent_calls_never_overrun() -> None:
    model = FakeModel((list(answer()), COMPLETE, Usage(2_000, 1_000)))
    rig = Rig(model, price=DEAR, slots=50, usd_per_hour=1.0, reserve_for_critical=0.5)
    await asyncio.gather(*(rig.run(lane="low") for _ in range(50)))
    assert 0 < rig.ledger.usd_this_hour <= 0.5 + 0.07
    before = len(model.requests)
    await asyncio.gather(*(rig.run(lane="critical") for _ in range(50)))
    assert len(model.requests) > before
    assert rig.ledger.usd_this_hour <= 1.0 + 0.07, "by no more than one call"


async def test_a_refused_key_is_a_banner_and_not_asked_again() -> None:
    model = FakeModel(([], AUTH), GOOD)
    rig = Rig(model, FakeModel(GOOD, name="second"))
    await rig.run()
    rig.clock.pass_s(300)
    await rig.run()
    assert len(model.requests) == 1
    assert "invalid x-api-key" in rig.ladder.trouble[0]
    assert rig.rungs[0].breaker.state == "failed"
    rig.clock.pass_s(301)
    assert (await rig.run()).model == "m"
    assert rig.ladder.trouble == ()


async def test_a_short_rate_limit_is_waited_for() -> None:
    model = FakeModel(([], limited_for(2.0)), GOOD)
    rig = Rig(model, FakeModel(GOOD, name="second"))
    analysis = await rig.run(left_s=60)
    assert (analysis.model, analysis.degraded) == ("m", False)
    assert rig.clock.now == 1_002.0
    assert rig.rungs[0].breaker.state == "ready"
    assert [type(event) for event in rig.events].count(AttemptStarted) == 1


@pytest.mark.parametrize(("after", "left"), [(3600.0, 300.0), (5.0, 12.0), (None, 300.0)])
async def test_a_long_rate_limit_is_not(after: float | None, left: float) -> None:
    model = FakeModel(([], limited_for(after)), GOOD)
    rig = Rig(model, FakeModel(GOOD, name="second"))
    analysis = await rig.run(left_s=left)
    assert analysis.model == "second"
    assert rig.clock.now == 1_000.0
    assert (rig.rungs[0].breaker.state == "cooling") == (after is not None)


async def test_a_busy_model_is_passed_over() -> None:
    first = FakeModel(GOOD)
    first.hold = asyncio.Event()
    rig = Rig(first, FakeModel(GOOD, name="second"), slots=1)
    holding = asyncio.create_task(rig.run())
    while not first.requests:
        await asyncio.sleep(0)
    analysis = await rig.run(left_s=1.3)  # patience: a quarter of it
    assert analysis.model == "second"
    assert "busy" in analysis.attempts[0].error
    first.hold.set()
    assert (await holding).model == "m"


async def test_an_alert_too_long_for_a_model_says_nothing_about_the_model() -> None:
    too_long = Outcome("error", "prompt is too long", "too_long", status=400)
    rig = Rig(FakeModel(([], too_long)), FakeModel(GOOD, name="second"))
    for _ in range(5):
        assert (await rig.run()).model == "second"
    assert rig.rungs[0].breaker.state == "ready"


# --- money and cancelling --------------------------------------------------------------------------------


async def test_each_call_is_entered_before_and_after() -> None:
    model = FakeModel((list(answer()), COMPLETE, Usage(1_000, 200, 3_000)))
    rig = Rig(model, price=DEAR)
    analysis = await rig.run(lane="high")
    sent, settled = rig.entries
    assert (sent.settled, settled.settled, sent.id == settled.id) == (False, True, True)
    assert (settled.alert_id, settled.lane, settled.model, settled.outcome) == (
        7,
        "high",
        "fake:m",
        "complete",
    )
    assert settled.usd == analysis.cost_usd == pytest.approx((1_000 * 10 + 200 * 50 + 3_000 * 1) / 1e6)
    assert settled.saved_usd == analysis.saved_usd == pytest.approx(3_000 * 9 / 1e6)
    assert sent.usd > settled.usd
    assert not settled.estimated


async def test_a_broken_stream_is_booked_by_its_length() -> None:
    model = FakeModel((list(answer()), RESET, Usage(900, 1)))
    rig = Rig(model, price=DEAR)
    await rig.run()
    settled = rig.entries[-1]
    assert settled.estimated
    assert settled.usage.input_tokens == 900
    assert settled.usage.output_tokens == -(-len(answer()) // 4)


async def test_a_refusal_before_any_work_costs_nothing() -> None:
    rig = Rig(FakeModel(([], OVERLOADED, Usage())), price=DEAR)
    assert (await rig.run()).cost_usd == 0.0
    assert (rig.entries[-1].settled, rig.entries[-1].usd) == (True, 0.0)


async def test_what_failed_attempts_cost_is_counted() -> None:
    rig = Rig(
        FakeModel((["no json"], RESET, Usage(100, 10))),
        FakeModel((list(answer()), COMPLETE, Usage(200, 20)), name="second"),
        price=DEAR,
    )
    analysis = await rig.run()
    assert analysis.usage == Usage(300, 30)
    assert analysis.cost_usd == pytest.approx(rig.ledger.usd_today)


async def test_cancelling_frees_everything() -> None:
    model = FakeModel(([line()[:50]], COMPLETE))
    model.hold = asyncio.Event()
    rig = Rig(model, price=DEAR, slots=1)
    task = asyncio.create_task(rig.run())
    while not any(isinstance(event, Delta) for event in rig.events):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.closed == 1
    assert ends(rig) == ["cancelled"]
    assert rig.entries[-1].settled
    assert rig.entries[-1].estimated, "what it wrote is possible spend"
    assert rig.rungs[0].breaker.state == "ready"
    model.hold.set()
    model._scripts = (GOOD,)
    assert (await rig.run()).model == "m", "the slot is free again"


async def test_cancelling_a_probe_lets_another_try() -> None:
    model = FakeModel(([], OVERLOADED), ([line()[:50]], COMPLETE), GOOD)
    rig = Rig(model)
    await rig.run()
    rig.clock.pass_s(10)
    model.hold = asyncio.Event()
    task = asyncio.create_task(rig.run())
    while len(model.requests) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    model.hold = None
    assert (await rig.run()).model == "m"


# --- the playbook with nobody watching -------------------------------------------------------------------


async def test_the_playbooks_judgement_is_taken_as_it_is_where_nothing_need_be_streamed() -> None:
    streamed, at_once = Rig(), Rig()
    first = await streamed.run()
    at_once.ladder._playbook_judge = lambda _alert, _evidence, _signals: (first.verdict, first.narrative)
    second = await at_once.run()
    assert (second.verdict, second.narrative) == (first.verdict, first.narrative)
    assert (second.kind, second.degraded, second.partial) == ("playbook", False, False)
    assert at_once.shown() == ["AttemptStarted", "VerdictReady", "Delta", "AttemptEnded"]
