"""Analyses of like alerts: what is kept, what counts as alike, and what is never lowered by them."""

import msgspec
import pytest

from backend.alerts.model import Alert, Head, Process
from backend.alerts.text import safe
from backend.analysis.likes import LOWERING, MAX_CONFIDENCE, SAME_TTL_S, TTL_S, Likes
from backend.analysis.model import AttemptStarted, Guardrails, Verdict, VerdictReady
from backend.enrichment.base import Evidence, Finding
from backend.providers.base import Outcome
from tests.unit.analysis.builders import (
    COMPLETE,
    EVIDENCE,
    RESET,
    FakeClock,
    FakeModel,
    Rig,
    Script,
    alert,
    analysis,
    answer,
    line,
)

PLAIN = (Evidence("E1", Finding("alert", safe("5 failed logins"))),)


def of(uid: str, severity: int = 3, src: str = "198.51.100.7", rule: str = "r1") -> Alert:
    head = Head(
        uid, "generic_json", 1, severity, safe("SSH brute force"), rule_uid=safe(rule), src_ip=safe(src)
    )
    return Alert(head, b"{}")


def kept(clock: FakeClock, verdict: str = "False Positive", severity: int = 3, **fields: object) -> Likes:
    likes = Likes(clock.mono)
    said = Verdict(verdict, 0.95, safe("It was a scanner of ours."))
    likes.keep(of("a1", severity), PLAIN, (), 41, analysis(verdict=said, **fields))
    return likes


def test_a_like_alert_finds_it_and_another_does_not() -> None:
    likes = kept(FakeClock())
    assert likes.find(of("a2"), PLAIN, (), "medium") is not None
    assert likes.find(of("a2", src="203.0.113.5"), PLAIN, (), "medium") is not None, "another outer address"
    assert likes.find(of("a2", rule="r2"), PLAIN, (), "medium") is None
    assert likes.find(of("a2", severity=2), PLAIN, (), "low") is None
    assert likes.find(of("a2", src="10.0.0.9"), PLAIN, (), "medium") is None, "an inner address"
    weighed = (*PLAIN, Evidence("E2", Finding("threat_intel", safe("listed"), 3)))
    assert likes.find(of("a2"), weighed, (), "medium") is None, "what is known of it weighs otherwise"


@pytest.mark.parametrize("verdict", sorted(LOWERING - {"Unknown"}))
def test_nothing_that_must_stand_is_lowered(verdict: str) -> None:
    assert kept(FakeClock(), verdict).find(of("a2"), PLAIN, (), "medium") is not None
    assert kept(FakeClock(), verdict).find(of("a2"), PLAIN, (), "critical") is None
    assert kept(FakeClock(), verdict).find(of("a2"), PLAIN, (), "high") is None
    assert kept(FakeClock(), verdict).find(of("a2"), PLAIN, ("override: ignore",), "medium") is None
    assert kept(FakeClock(), verdict, severity=4).find(of("a2", severity=4), PLAIN, (), "medium") is None


def test_what_raises_may_stand_anywhere() -> None:
    likes = kept(FakeClock(), "True Positive", severity=5)
    assert likes.find(of("a2", severity=5), PLAIN, ("override: ignore",), "critical") is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "playbook"},
        {"kind": "cache"},
        {"partial": True},
        {"degraded": True},
        {"guardrails": Guardrails(injection_suspected=True)},
        {"guardrails": Guardrails(output_valid=False)},
        {"guardrails": Guardrails(ungrounded=("203.0.113.9",))},
    ],
)
def test_only_sound_analyses_are_kept(fields: dict[str, object]) -> None:
    assert len(kept(FakeClock(), "True Positive", 3, **fields)) == 0


def test_what_says_nothing_is_not_kept() -> None:
    assert len(kept(FakeClock(), "Insufficient Data")) == 0
    likes = Likes(FakeClock().mono)
    likes.keep(of("a1"), PLAIN, ("override: ignore",), 1, analysis())
    assert len(likes) == 0
    nameless = Alert(Head("u", "plain", 1, 3, safe("")), b"")
    likes.keep(nameless, PLAIN, (), 1, analysis())
    assert len(likes) == 0


def test_hosts_that_come_in_turn_do_not_oust_each_other() -> None:
    clock = FakeClock()
    likes = Likes(clock.mono, max_likes=4)
    sources = [f"198.51.100.{number}" for number in range(3)]
    for number, src in enumerate(sources):
        likes.keep(of(f"a{number}", src=src), PLAIN, (), number, analysis())
    assert len(likes) == 1, "one kind of alert"
    for number, src in enumerate(sources):
        found = likes.instead(of("b", src=src), PLAIN, (), "low")
        assert found is not None
        assert found.alert_id == number, "each has the analysis of its own host"
    assert likes.instead(of("b", src="198.51.100.9"), PLAIN, (), "low") is None, "a new host is looked at"
    for number in range(10):
        likes.keep(of("c", src=f"203.0.113.{number}"), PLAIN, (), number, analysis())
    kept = sum(
        likes.instead(of("d", src=f"203.0.113.{number}"), PLAIN, (), "low") is not None
        for number in range(10)
    )
    assert kept == 4, "bounded: the oldest are let go"


def test_it_forgets_after_its_time_and_holds_no_more_than_its_room() -> None:
    clock = FakeClock()
    likes = kept(clock)
    clock.pass_s(3_601)
    assert likes.find(of("a2"), PLAIN, (), "medium") is None
    small = Likes(clock.mono, max_likes=3)
    for number in range(10):
        small.keep(of("a", rule=f"r{number}"), PLAIN, (), number, analysis())
    assert len(small) == 3
    assert small.find(of("b", rule="r9"), PLAIN, (), "medium") is not None


# --- in a ladder -----------------------------------------------------------------------------------------

GOOD: Script = (list(answer()), COMPLETE)


async def test_with_no_model_left_a_like_alerts_analysis_stands_marked() -> None:
    clock = FakeClock()
    rig = Rig(FakeModel(GOOD, ([], RESET)), clock=clock, likes=Likes(clock.mono))
    first = await rig.run(alert_id=41)
    clock.pass_s(600)
    second = await rig.run(alert=alert("a2"), alert_id=42)
    assert first.kind == "model"
    assert (second.kind, second.degraded, second.provider, second.model) == ("cache", True, "fake", "m")
    assert second.verdict.verdict == "True Positive"
    assert second.verdict.confidence == MAX_CONFIDENCE
    assert (second.verdict.facts, second.verdict.actions) == ((), ())
    assert "Alert 41 (a1)" in second.narrative
    assert "10 min ago by fake:m: True Positive, confidence 0.92" in second.narrative
    assert "- 412 failed logins" in second.narrative
    assert second.verdict.summary.startswith("As like alert 41:")
    assert [a.model for a in second.attempts] == ["fake:m"]
    assert second.cost_usd == 0.0
    started = [event for event in rig.events if isinstance(event, AttemptStarted)][-1]
    assert (started.provider, started.model) == ("cache", "alert 41")
    last = [event for event in rig.events if isinstance(event, VerdictReady)][-1]
    assert last.verdict == second.verdict


async def test_a_harmless_one_does_not_stand_for_a_high_alert_or_one_with_a_hard_signal() -> None:
    clock = FakeClock()
    likes = Likes(clock.mono)
    benign: Script = ([line(verdict="Benign", summary="A scanner.", facts=[])], COMPLETE)
    rig = Rig(FakeModel(benign, ([], RESET)), clock=clock, likes=likes)
    await rig.run(lane="medium", alert=of("a1"), evidence=PLAIN)
    assert len(likes) == 1
    assert (await rig.run(lane="medium", alert=of("a2"), evidence=PLAIN)).kind == "cache"
    assert (await rig.run(lane="high", alert=of("a2"), evidence=PLAIN)).kind == "playbook"
    hard = await rig.run(lane="medium", alert=of("a2"), evidence=EVIDENCE)
    assert hard.kind == "playbook"


@pytest.mark.parametrize("script", [(["no"], COMPLETE), (["I won't"], Outcome("filtered"))])
async def test_it_does_not_stand_in_for_an_answer_that_broke_the_form(script: Script) -> None:
    clock = FakeClock()
    rig = Rig(FakeModel(GOOD, script), clock=clock, likes=Likes(clock.mono))
    await rig.run()
    analysed = await rig.run(alert=alert("a2"))
    assert (analysed.kind, analysed.verdict.verdict) == ("playbook", "Insufficient Data")


async def test_it_is_no_answer_to_what_nobody_asked_and_no_rung_where_no_model_was_planned() -> None:
    clock = FakeClock()
    likes = Likes(clock.mono)
    rig = Rig(FakeModel(GOOD, ([], RESET)), clock=clock, likes=likes)
    await rig.run()
    assert (await rig.run(kind="speculation")).kind == "playbook"
    assert (await Rig(clock=clock, likes=likes).run()).kind == "playbook"


def test_the_very_same_alert_costs_no_second_call_and_another_entity_does() -> None:
    likes = kept(FakeClock())
    for lane in ("medium", "low"):
        assert likes.instead(of("a2"), PLAIN, (), lane) is not None
    for lane in ("critical", "high"):
        assert likes.instead(of("a2"), PLAIN, (), lane) is None
    assert likes.instead(of("a3", src="198.51.100.8"), PLAIN, (), "medium") is None
    ran = msgspec.structs.replace(of("a4"), process=Process(name=safe("x"), cmd_line=safe("x -e")))
    assert likes.instead(ran, PLAIN, (), "medium") is None
    assert likes.instead(of("a5"), PLAIN, ("override: ignore",), "medium") is None
    assert kept(FakeClock(), severity=4).instead(of("a6", 4), PLAIN, (), "medium") is None


def test_the_very_same_alert_has_its_analysis_for_half_a_shift_a_like_one_for_an_hour() -> None:
    clock = FakeClock()
    likes = kept(clock)
    clock.now += TTL_S + 1
    assert likes.find(of("a2"), PLAIN, (), "low") is None
    assert likes.instead(of("a2"), PLAIN, (), "low") is not None
    clock.now += SAME_TTL_S - TTL_S
    assert likes.instead(of("a2"), PLAIN, (), "low") is None
