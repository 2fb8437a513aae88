"""A short question to a cheap model first: what is settled by it, what never is, and when it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.api import Investigate
from backend.settings import LaneConfig
from console.view_models.cost import cost_lines
from tests.integration.engine.floor import Floor
from tests.integration.engine.short_asking import (
    BIG,
    BIG_USD,
    HIGH,
    LOW,
    MALWARE,
    ORDER,
    PROSE,
    SMALL,
    SMALL_USD,
    SMALL_USED,
    answering,
    asked,
    kinds,
    line,
    play,
    saved,
    shop,
    through,
)
from tests.support.vendors import Cut, Done, Hang, Status, Tokens
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest
from tests.support.watchfloor import wait_for
from widgets.figures import usd


async def test_a_sure_answer_spares_the_planned_model(tmp_path: Path) -> None:
    def run(floor: Floor) -> None:
        cost = through(floor, place, 3)
        rows = floor.engine.snapshot.rows
        assert {(row.analysed_by, row.verdict, row.degraded) for row in rows} == {(SMALL, "Benign", False)}
        assert [round(row.cost_usd, 6) for row in rows] == [SMALL_USD] * 3
        assert kinds(cost) == {"first": (3, round(3 * SMALL_USD, 6))}
        # no planned call has been made yet, so what it would have cost is told by its price for these tokens
        spared = (SMALL_USED.input_tokens * 3.0 + SMALL_USED.output_tokens * 15.0) / 1e6
        assert saved(cost) == pytest.approx(3 * (spared - SMALL_USD))
        text = "\n".join("".join(run for run, _ in one) for one in cost_lines(cost))
        assert f"short questions {usd(saved(cost))}" in text
        assert floor.told(rows[0].id)[0] == "AttemptStarted"
        assert floor.told(rows[0].id)[-1] == "AttemptEnded"
        assert "VerdictReady" in floor.told(rows[0].id)
        (record, *_) = floor.records()
        assert record["analysed_by"]["attempts"] == []  # type: ignore[index]  # a table
        assert str(record["narrative"]).startswith("**Answered in short** by openai:mini")
        assert "[E1]" in str(record["narrative"])

    async with shop(tmp_path, answering(SMALL_USED)) as place:
        await play(place, run)
        assert len(place.small.requests) == 3
        assert place.big.requests == []
        assert all(asked(one)[1].endswith("nothing after it.") for one in place.small.requests)
        assert all(_most(one) <= 320 for one in place.small.requests)


async def test_what_is_written_after_the_line_is_read_no_further(tmp_path: Path) -> None:
    def run(floor: Floor) -> None:
        cost = through(floor, place, 1)
        (row,) = floor.engine.snapshot.rows
        assert row.analysed_by == SMALL
        assert kinds(cost)["first"][1] > 0, "broken off, so its cost is told by the text's length"

    def endless(request: ReceivedRequest) -> Script:
        return (Tokens(line(asked(request)[0]) + "\n\n"), Tokens(["And so on, "] * 500, every_s=0.01), Hang())

    async with shop(tmp_path, endless) as place:
        await play(place, run)
        assert place.big.requests == []


def fails(*script: object) -> Callable[[ReceivedRequest], Script]:
    return lambda _request: script  # type: ignore[return-value]  # steps


def cut(request: ReceivedRequest) -> Script:
    return (Tokens(line(asked(request)[0]) + "\n"), Cut())


def leaking(request: ReceivedRequest) -> Script:
    """An answer with all of the system prompt in it, and so with its canary."""
    system = str(request.body["messages"][0]["content"])
    return (Tokens(line(asked(request)[0], summary=system[-300:])), Done(usage=SMALL_USED))


UNKNOWN_HOST = [{"text": "It asked for host db-77 on 10.9.9.9", "evidence": ["E1"]}] * 2
NOT_THERE = [{"text": "It asked 203.0.113.9:443", "evidence": ["E9"]}] * 2


@pytest.mark.parametrize(
    ("small", "why"),
    [
        (answering(SMALL_USED, confidence=0.5), "confidence 0.50 is below 0.80"),
        (answering(SMALL_USED, facts=UNKNOWN_HOST), "it names what its evidence does not"),
        (answering(SMALL_USED, facts=NOT_THERE), "it names what its evidence does not"),
        (answering(SMALL_USED, facts=[]), "0 of 2 facts borne out by what they cite"),
        (answering(SMALL_USED, verdict="Insufficient Data"), "it decides nothing"),
        (answering(SMALL_USED, verdict="True Positive", severity="High"), "it calls it High"),
        (answering(SMALL_USED, actions=[{"action": "format_disk", "target": "web-0"}]), "to the form"),
        (answering(SMALL_USED, verdict="Fine"), "invalid: verdict: 'Fine' is none of OCSF's verdicts"),
        (fails(Tokens("I can't say."), Done(usage=SMALL_USED)), "invalid: the answer does not begin"),
        (leaking, "invalid: the answer gives away the system prompt's canary"),
        (cut, "network"),
        (fails(Status(500, "down")), "server"),
        (fails(Hang()), "idle"),
    ],
)
async def test_an_answer_that_will_not_do_is_followed_by_the_planned_model(
    tmp_path: Path, small: Callable[[ReceivedRequest], Script], why: str
) -> None:
    def run(floor: Floor) -> None:
        cost = through(floor, place, 1)
        (row,) = floor.engine.snapshot.rows
        assert (row.analysed_by, row.verdict, row.degraded) == (BIG, "Suspicious", False)
        calls = kinds(cost)
        assert (calls["analysis"], calls["first"][0]) == ((1, round(BIG_USD, 6)), 1)
        assert row.cost_usd == pytest.approx(calls["analysis"][1] + calls["first"][1], abs=1e-6)
        assert saved(cost) == 0.0
        (record,) = floor.records()
        (attempt,) = record["analysed_by"]["attempts"]  # type: ignore[index]  # a table
        assert attempt["model"] == SMALL
        assert attempt["error"].startswith("short question: ")
        assert why in attempt["error"]
        assert floor.told(row.id).count("AttemptStarted") == 1, "nothing of it was on screen"
        assert row.injection == ("canary" in why)

    async with shop(tmp_path, small) as place:
        await play(place, run)
        assert len(place.small.requests) == len(place.big.requests) == 1
        (short, full) = place.small.requests[0], place.big.requests[0]
        assert _prefix(short) == _prefix(full), "the same guards, the same data: another last sentence"


async def test_no_answer_is_milder_than_rules_alone(tmp_path: Path) -> None:
    said = [f"short question: rules alone say {verdict}" for verdict in ("Suspicious", "True Positive")]

    def run(floor: Floor) -> None:
        place.add(1, alert=MALWARE)
        wait_for(lambda: bool(floor.engine.snapshot.rows) and floor.engine.idle, "it is judged")
        (row,) = floor.engine.snapshot.rows
        assert row.analysed_by == BIG
        (record,) = floor.records()
        (attempt,) = record["analysed_by"]["attempts"]  # type: ignore[index]  # a table
        assert attempt["error"] in said

    async with shop(tmp_path, answering(SMALL_USED, severity="Medium")) as place:
        await play(place, run)
        assert (len(place.small.requests), len(place.big.requests)) == (1, 1)


async def test_what_is_urgent_instructs_or_is_asked_for_is_never_left_to_it(tmp_path: Path) -> None:
    def run(floor: Floor) -> None:
        through(floor, place, 2, HIGH)
        (first, _) = rows = floor.engine.snapshot.rows
        assert {(row.lane, row.analysed_by) for row in rows} == {("high", BIG)}
        order = {"http_user_agent": ORDER, "hostname": "a.example"}
        through(floor, place, 1, http=order)
        through(floor, place, 1, LOW, http={"http_user_agent": PROSE, "hostname": "a.example"})
        assert place.small.requests == []
        through(floor, place, 1, LOW)
        assert len(place.small.requests) == 1
        (low,) = [row for row in floor.engine.snapshot.rows if row.analysed_by == SMALL]
        before = len(place.big.requests)
        assert floor.do(Investigate(low.id)).ok
        wait_for(lambda: floor.row(low.id).analysed_by == BIG and floor.engine.idle, "it is analysed in full")
        assert (len(place.small.requests), len(place.big.requests)) == (1, before + 1)
        assert first.analysed_by == BIG

    async with shop(tmp_path, answering(SMALL_USED)) as place:
        place.lanes = {lane: LaneConfig(models=["best"], first_ask="small") for lane in ("critical", "high")}
        await play(place, run)


async def test_it_rests_where_it_does_not_pay_and_comes_back(tmp_path: Path) -> None:
    helpful = [False]

    def small(request: ReceivedRequest) -> Script:
        sure = 0.95 if helpful[0] else 0.3
        return (Tokens(line(asked(request)[0], confidence=sure)), Done(usage=SMALL_USED))

    def run(floor: Floor) -> None:
        cost = through(floor, place, 60)
        asked_in_vain = len(place.small.requests)
        # at a third of the price half a dozen refusals do; those out at once come on top, then one in 25
        assert 1 <= asked_in_vain <= 16
        assert len(place.big.requests) == 60, "each alert was analysed all the same"
        assert saved(cost) == 0.0
        wasted = kinds(cost)["first"][1]
        helpful[0] = True
        cost = through(floor, place, 80)
        assert len(place.small.requests) - asked_in_vain > 30, "a probe told that it pays again"
        settled = sum(row.analysed_by == SMALL for row in floor.engine.snapshot.rows)
        spent = kinds(cost)["first"][1]
        # the planned calls' mean is known: what was spared, less all that the questions cost
        assert saved(cost) == pytest.approx(settled * BIG_USD - spent, abs=1e-4)
        assert spent > wasted

    async with shop(tmp_path, small) as place:
        place.small_price = 4
        await play(place, run)


async def test_where_the_planned_model_costs_nothing_it_is_asked_at_once(tmp_path: Path) -> None:
    def run(floor: Floor) -> None:
        through(floor, place, 2)
        assert {row.analysed_by for row in floor.engine.snapshot.rows} == {BIG}

    async with shop(tmp_path, answering(SMALL_USED)) as place:
        place.big_price = 0
        await play(place, run)
        assert place.small.requests == []


def _most(request: ReceivedRequest) -> int:
    return int(request.body.get("max_completion_tokens") or request.body["max_tokens"])


def _prefix(request: ReceivedRequest) -> str:
    """The system prompt and all of the message but its last line."""
    system = request.body.get("system") or request.body["messages"][0]["content"]
    system = system if isinstance(system, str) else "".join(part["text"] for part in system)
    content = request.body["messages"][-1]["content"]
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return f"{system}\n{text.rpartition(chr(10))[0]}"


async def test_in_a_lane_that_batches_it_is_for_alerts_analysed_by_themselves(tmp_path: Path) -> None:
    def run(floor: Floor) -> None:
        through(floor, place, 1)
        assert [row.analysed_by for row in floor.engine.snapshot.rows] == [SMALL]

    async with shop(tmp_path, answering(SMALL_USED)) as place:
        place.lanes = {"medium": LaneConfig(models=["best"], first_ask="small", max_wait_s=0.1)}
        await play(place, run)
        assert place.big.requests == []


async def test_a_vendors_small_model_gets_pseudonyms_and_its_answer_is_checked_with_names(
    tmp_path: Path,
) -> None:
    def run(floor: Floor) -> None:
        through(floor, place, 1)
        (row,) = floor.engine.snapshot.rows
        assert row.analysed_by == SMALL
        (record,) = floor.records()
        assert "fired for 10.4.0.1 [E1]" in str(record["narrative"])

    async with shop(tmp_path, answering(SMALL_USED)) as place:
        place.privacy = "pseudonymise"
        await play(place, run)
        sent = json.dumps(place.small.requests[0].body)
        assert "10.4.0.1" not in sent
        assert "IP-" in sent
