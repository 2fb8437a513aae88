"""Short questions: when they pay, which alerts they are for, which answers will do, and how they are put."""

import itertools

import msgspec
import pytest

from backend.alerts.text import safe
from backend.analysis.guardrails.guard import Guard
from backend.analysis.ledger import Ledger
from backend.analysis.model import Delta, Guardrails, Verdict
from backend.analysis.paying import LEAST_SHARE, PROBE_EVERY, Paying
from backend.analysis.prompts import build_request, shortened
from backend.analysis.savings import Savings
from backend.analysis.short_answer import LineReader, Sure, doubts, too_much
from backend.analysis.verdict_stream import VerdictLine, VerdictReader
from backend.enrichment.base import Evidence, Finding
from tests.unit.analysis.builders import EVIDENCE, NARRATIVE, FakeClock, alert, line

PLANNED = 1.0
MILD = Verdict("Benign", 0.9, safe("Routine."), severity_id=2)
SOUND = Guardrails(borne_out=2)


@pytest.mark.parametrize("price", [0.0, 0.001, 0.02, 0.1, 0.2, 0.4, 0.9])
def test_what_is_lost_until_it_rests_is_bounded(price: float) -> None:
    paying, spent = Paying("medium"), 0.0
    while paying.wanted(PLANNED, price):
        paying.answered(accepted=False, usd=price)
        spent += price
        assert spent <= 2.5 * PLANNED + 1e-9
    assert paying.resting
    assert paying.share <= max(price, LEAST_SHARE)


@pytest.mark.parametrize(("price", "one_in"), [(0.1, 2), (0.3, 2), (0.02, 10)])
def test_it_goes_on_where_it_saves_more_than_it_costs(price: float, one_in: int) -> None:
    paying = Paying("medium")
    for number in range(1_000):
        assert paying.wanted(PLANNED, price)
        paying.answered(accepted=number % one_in == 0, usd=price)


def test_what_questions_really_cost_counts_not_the_estimate() -> None:
    paying = Paying("medium")
    assert paying.pays(PLANNED, 0.01)
    paying.answered(accepted=True, usd=0.9)
    assert not paying.pays(PLANNED, 0.01)
    assert not Paying("medium").pays(0.0, 0.0), "a planned call that costs nothing leaves nothing to save"


def test_the_price_of_the_planned_call_is_what_it_came_to_lately() -> None:
    paying = Paying("medium")
    assert paying.planned_usd == 0.0
    paying.followed(0.02)
    paying.followed(0.0)
    assert paying.planned_usd == pytest.approx(0.02)
    for _ in range(500):
        paying.followed(0.05)
    assert paying.planned_usd == pytest.approx(0.05, rel=0.01)


def test_while_it_rests_a_probe_is_made_and_brings_it_back() -> None:
    paying = Paying("low")
    while paying.wanted(PLANNED, 0.3):
        paying.answered(accepted=False, usd=0.3)
    asked = [number for number in range(10 * PROBE_EVERY) if _probe(paying, accepted=False)]
    assert len(asked) == 10, "one alert in so many"
    assert {after - before for before, after in itertools.pairwise(asked)} == {PROBE_EVERY}
    looked_at = 0
    while paying.resting:
        _probe(paying, accepted=True)
        looked_at += 1
    assert looked_at < PROBE_EVERY + 30, "a probe that did is followed by the next at once"
    assert all(_probe(paying, accepted=True) for _ in range(PROBE_EVERY))


def _probe(paying: Paying, *, accepted: bool) -> bool:
    wanted = paying.wanted(PLANNED, 0.3)
    if wanted:
        paying.answered(accepted=accepted, usd=0.3)
    return wanted


def test_savings_are_net_of_the_questions_asked_in_vain() -> None:
    ledger = Ledger(FakeClock())
    savings = Savings(ledger, lambda _lane, _model: None)
    savings.asked_first("medium", 0.1, 0.0)
    savings.asked_first("medium", 0.1, 0.25)
    assert ledger.view().savings[0].usd == pytest.approx(0.05)
    savings.asked_first("medium", 0.1, 0.0)
    savings.asked_first("medium", 0.1, 0.15)
    savings.asked_first("low", 0.1, 0.2)
    assert ledger.view().savings[0].usd == pytest.approx(0.15), "a lane's losses are its own"
    savings.asked_first("medium", 0.1, 0.25)
    assert ledger.view().savings[0].usd == pytest.approx(0.25)
    assert [one.by for one in ledger.view().savings] == ["first_ask"]


def test_which_alerts_are_never_asked_about_in_short() -> None:
    calm = (EVIDENCE[0],)
    low = alert()
    low = msgspec.structs.replace(low, head=msgspec.structs.replace(low.head, severity_id=2))
    assert not too_much(low, calm, (), "medium")
    assert not too_much(low, calm, (), "raw")
    assert too_much(low, calm, (), "high")
    assert too_much(low, calm, (), "critical")
    assert too_much(low, calm, ("override: ignore",), "medium")
    assert too_much(low, EVIDENCE, (), "medium"), "hard evidence"
    crown = Evidence("E2", Finding("asset", safe("dc-01"), tags=("asset:crown_jewel",)))
    assert too_much(low, (*calm, crown), (), "medium")
    for severity in (4, 5, 6):
        urgent = msgspec.structs.replace(low, head=msgspec.structs.replace(low.head, severity_id=severity))
        assert too_much(urgent, calm, (), "low"), "as where its vendor archived it"


@pytest.mark.parametrize(
    ("verdict", "rails", "second", "own", "against"),
    [
        (MILD, SOUND, MILD, 2, ""),
        (MILD, SOUND, Verdict("False Positive", 0.5, safe("x"), severity_id=1), 3, ""),
        (Verdict("Suspicious", 0.9, safe("x")), SOUND, MILD, 3, ""),
        (MILD, SOUND, Verdict("Insufficient Data", 0.3, safe("x")), 2, "rules alone say Insufficient Data"),
        (MILD, SOUND, Verdict("Suspicious", 0.5, safe("x")), 2, "rules alone say Suspicious"),
        (
            Verdict("Suspicious", 0.9, safe("x")),
            SOUND,
            Verdict("True Positive", 0.9, safe("x")),
            3,
            "rules alone say True Positive",
        ),
        (msgspec.structs.replace(MILD, severity_id=1), SOUND, MILD, 3, "it takes the severity below"),
        (msgspec.structs.replace(MILD, severity_id=1), SOUND, MILD, 0, "it takes the severity below"),
        (msgspec.structs.replace(MILD, severity_id=4), SOUND, MILD, 3, "it calls it High"),
        (msgspec.structs.replace(MILD, confidence=float("nan")), SOUND, MILD, 2, "confidence nan is below"),
        (MILD, Guardrails(borne_out=1), MILD, 2, "1 of 2 facts borne out"),
        (MILD, msgspec.structs.replace(SOUND, miscited=("x in E1",)), MILD, 2, "it names what"),
        (MILD, msgspec.structs.replace(SOUND, ungrounded=("x",)), MILD, 2, "it names what"),
        (MILD, msgspec.structs.replace(SOUND, withheld=("x",)), MILD, 2, "it recommends what"),
        (MILD, msgspec.structs.replace(SOUND, injection_suspected=True), MILD, 2, "it did not keep"),
        (MILD, msgspec.structs.replace(SOUND, output_valid=False), MILD, 2, "it did not keep"),
    ],
)
def test_which_answers_will_do(
    verdict: Verdict, rails: Guardrails, second: Verdict, own: int, against: str
) -> None:
    found = list(doubts(verdict, rails, second, own, Sure()))
    assert bool(found) == bool(against), found
    assert against in "; ".join(found)


def test_the_question_is_the_investigations_own_but_for_its_last_sentence() -> None:
    full = build_request(alert(), EVIDENCE, ("override: x",), nonce="n", max_tokens=1024)
    short = shortened(full, 320)
    assert (short.system, short.max_tokens) == (full.system, 320)
    before, _, last = short.messages[0].text.rpartition("\n")
    assert full.messages[0].text.startswith(f"{before}\n")
    assert "JSON line alone" in last
    assert "override" in before, "the warning stands in it"
    assert shortened(msgspec.structs.replace(full, max_tokens=100), 320).max_tokens == 100


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_line_is_read_and_nothing_behind_it(size: int) -> None:
    reader = LineReader(Guard(alert(), EVIDENCE).reader(VerdictReader(0)))
    text, events = f"{line()}\n\n{NARRATIVE}", []
    for at in range(0, len(text), size):
        events += reader.feed(text[at : at + size])
        if reader.failed:
            break
    assert reader.failed, "reading on is pointless"
    reading = reader.finish()
    events += reading.events
    assert [type(event) for event in events if not isinstance(event, Delta)] == [VerdictLine]
    assert all(event.kind == "facts" for event in events if isinstance(event, Delta))
    assert (reading.narrative, reading.problem) == ("", "")
    assert reading.verdict is not None


def test_a_line_without_a_line_end_is_whole_at_the_end() -> None:
    reader = LineReader(VerdictReader(0))
    reader.feed(line())
    assert not reader.failed
    assert reader.finish().verdict is not None
