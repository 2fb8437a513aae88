"""What is analysed before anybody opens it: what is begun, broken off, and how it is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from backend.alerts.text import SafeText
from backend.analysis.budget import Budget
from backend.analysis.entry import CallKind, LedgerEntry
from backend.analysis.ledger import Ledger
from backend.analysis.model import Analysis, AnalysisKind, Verdict
from backend.clock import SystemClock
from backend.pipeline.board import Board
from backend.pipeline.foresight import KEPT, PATIENCE_S, Foresight, SpareAllowance
from backend.pipeline.investigations import Investigations
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.speculation import IN_VAIN_S, REST_S, RETRY_S, Speculation
from tests.unit.pipeline.builders import build_alert, job, open_journal, row
from tests.unit.pipeline.test_bring_forward import nothing_more


class HandClock(SystemClock):
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def mono(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return int(self.now * 1000)


def call(
    usd: float, *, alert_id: int = 1, settled: bool = True, id: str = "c", kind: CallKind = "speculation"
) -> LedgerEntry:
    return LedgerEntry(id, 0, alert_id, "low", "openai:m", usd, settled=settled, kind=kind)


def analysis(kind: AnalysisKind = "model", first_ms: float = 0.0, all_ms: float = 0.0) -> Analysis:
    verdict = Verdict("Suspicious", 0.5, SafeText("so"))
    return Analysis(verdict, SafeText("n"), kind, "openai", "m", first_token_ms=first_ms, analyse_ms=all_ms)


class Ahead:
    """Six alerts that the playbook judged in place of a model, and somebody's second look at them."""

    def __init__(self, journal_of: Investigations, board: Board) -> None:
        self.clock = HandClock()
        self.board = board
        self.investigations = journal_of
        self.scheduler = Scheduler(nothing_more, now_ms=lambda: 1)
        self.foresight = Foresight(self.clock, 0.15)
        self.asked: list[int] = []
        self.ended: list[int] = []
        self.wanted: list[int] = []
        self.spare = True
        self.room = True
        self.answers = True
        self.go_on = asyncio.Event()
        self.speculation = Speculation(
            scheduler=self.scheduler,
            board=board,
            investigations=self.investigations,
            foresight=self.foresight,
            again=self._again,
            has_spare=lambda _lane: self.spare,
            wanted=self.wanted.append,
            clock=self.clock,
            actor="ann",
            enabled=True,
            may_risk=lambda: self.room,
        )

    async def _again(self, one: Job) -> bool:
        self.asked.append(one.alert_id)
        self.foresight.booked(call(0.02, alert_id=one.alert_id, settled=False, id=f"c{one.alert_id}"))
        usd = 0.004
        try:
            await self.go_on.wait()
            usd = 0.01
        finally:
            self.ended.append(one.alert_id)
            self.foresight.booked(call(usd, alert_id=one.alert_id, id=f"c{one.alert_id}"))
        if self.answers:
            self.board.update(one.alert_id, degraded=False, analysed_by="openai:m")
        return self.answers

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def ahead_of(tmp_path: Path, rows: int = 6) -> AsyncIterator[Ahead]:
    async with open_journal(tmp_path) as journal:
        board = Board()
        for number in range(1, rows + 1):
            board.put(
                row(number, state="triaged", verdict_ms=5, degraded=True, analysed_by="playbook:built-in")
            )
        desk = Ahead(Investigations(journal, board, build_alert), board)
        yield desk
        await desk.speculation.close()
        await desk.investigations.close()


async def test_the_row_under_the_cursor_comes_first_then_those_that_follow(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(2)
        await desk.settle()
        assert desk.asked == [2]
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [2, 3]
        assert desk.speculation.running == 2
        desk.go_on.set()
        await desk.settle()
        assert desk.asked == [2, 3, 4]  # and no further, however long the cursor rests
        for _ in range(5):
            desk.speculation.tick()
            await desk.settle()
        assert desk.asked == [2, 3, 4]


async def test_it_is_broken_off_when_the_cursor_moves_on_and_what_it_cost_is_waste(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(1)
        await desk.settle()
        desk.speculation.look(6)
        await desk.settle()
        assert desk.ended == [1]
        view = desk.foresight.view(0)
        assert (view.misses, view.hits) == (1, 0)
        assert view.wasted_usd == view.spent_usd - 0.02 == 0.004  # 6 is out at its estimate


async def test_an_alert_that_is_open_is_not_broken_off(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(1)
        await desk.settle()
        desk.investigations.watch(1)
        desk.speculation.opened(1)
        desk.speculation.look(6)
        await desk.settle()
        assert desk.ended == []
        desk.go_on.set()
        await desk.settle()
        assert 1 in desk.wanted


async def test_closed_or_taken_by_another_it_is_broken_off_but_not_when_claimed_here(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(1)
        desk.speculation.tick()
        await desk.settle()
        assert desk.speculation.running == 2
        desk.board.update(1, state="claimed", decided_by="ann")
        desk.board.update(2, state="claimed", decided_by="bob")
        desk.speculation.review()
        await desk.settle()
        assert desk.ended == [2]
        desk.board.update(1, state="closed")
        desk.speculation.review()
        await desk.settle()
        assert 1 in desk.ended


async def test_one_call_gives_way_at_a_time_the_one_least_likely_to_be_opened(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(2)
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [2, 3]
        assert desk.speculation.give_way()
        await desk.settle()
        assert desk.ended == [3]
        assert desk.speculation.give_way()
        assert not desk.speculation.give_way(), "the last one is ending already"
        await desk.settle()
        assert desk.ended == [3, 2]


async def test_without_room_in_its_share_nothing_is_begun_and_in_vain_it_is_tried_again_soon(
    tmp_path: Path,
) -> None:
    async with ahead_of(tmp_path, 1) as desk:
        desk.room = False
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == []
        desk.room, desk.answers = True, False
        desk.go_on.set()
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [1]
        desk.clock.now += IN_VAIN_S - 1
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == [1]
        desk.clock.now += 2
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == [1, 1]


def test_estimates_count_as_far_as_they_are_usually_billed() -> None:
    foresight = Foresight(HandClock(), 0.15)
    assert foresight.may_risk(0.0), "what a call costs is not known yet"
    for number in range(30):
        id = f"n{number}"
        foresight.booked(call(0.04, settled=False, id=id, kind="analysis"))
        done = call(0.01, id=id, kind="analysis")
        foresight.booked(msgspec.structs.replace(done, outcome="complete"))
    assert not foresight.may_risk(0.05)
    assert foresight.may_risk(0.07)  # a share of 1.05 cents, for one that is billed 1 of its 4
    foresight.began(1)
    foresight.booked(call(0.04, settled=False))
    assert not foresight.may_risk(0.12)
    assert foresight.may_risk(0.14)
    foresight.booked(call(0.03))
    assert not foresight.may_risk(0.14)


async def test_it_gives_way_to_a_lane_and_rests_before_it_tries_again(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation.look(1)
        await desk.settle()
        desk.speculation.give_way()
        await desk.settle()
        assert desk.ended == [1]
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [1]
        desk.clock.now += REST_S + 0.1
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [1, 1]


async def test_nothing_is_begun_while_an_alert_waits_or_no_slot_is_free(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.scheduler.offer(job(99, "low", 0))
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == []
        desk.scheduler.done(await desk.scheduler.take())
        desk.spare = False
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == []
        desk.spare = True
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [1]


async def test_where_no_model_answered_it_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async with ahead_of(tmp_path, 1) as desk:
        desk.answers = False
        desk.go_on.set()
        for _ in range(3):
            desk.speculation.look(1)
            await desk.settle()
        assert desk.asked == [1]
        desk.clock.now += RETRY_S + 1
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == [1, 1]


async def test_an_inherited_verdict_is_looked_at_only_under_the_cursor(tmp_path: Path) -> None:
    async with ahead_of(tmp_path, 3) as desk:
        for number in (1, 2, 3):
            desk.board.update(number, degraded=False, analysed_by="openai:m")
            desk.speculation.answered(number, analysis("aggregate"))
        desk.speculation.look(1)
        desk.speculation.tick()
        await desk.settle()
        assert desk.asked == [1]


async def test_a_model_s_own_verdict_is_not_doubted(tmp_path: Path) -> None:
    async with ahead_of(tmp_path, 2) as desk:
        for number in (1, 2):
            desk.board.update(number, degraded=False, analysed_by="openai:m")
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == []


async def test_who_asks_for_what_is_being_made_gets_that(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        assert not desk.speculation.adopt(1)
        desk.speculation.look(1)
        await desk.settle()
        assert desk.speculation.adopt(1)
        desk.speculation.give_way()
        desk.speculation.look(6)
        await desk.settle()
        assert 1 not in desk.ended
        assert desk.foresight.view(0).hits == 1


async def test_waiting_alerts_are_brought_forward_and_count_when_they_are_opened(tmp_path: Path) -> None:
    async with ahead_of(tmp_path, 1) as desk:
        for number in (11, 12, 13):
            desk.board.put(row(number, lane="low", deadline_ms=0))
            desk.scheduler.offer(job(number, "low", 0))
        desk.speculation.look(13)
        first = await desk.scheduler.take()
        assert first.alert_id == 13
        desk.clock.now += 4.0
        desk.speculation.answered(13, analysis(first_ms=1_500, all_ms=3_500))
        desk.clock.now += 10.0
        desk.speculation.opened(13)
        view = desk.foresight.view(0)
        assert (view.hits, view.saved_s) == (1, 2.0)  # 4 s of work, its first words 2 s before its end
        desk.speculation.opened(13)
        assert desk.foresight.view(0).hits == 1


async def test_switched_off_it_does_nothing(tmp_path: Path) -> None:
    async with ahead_of(tmp_path) as desk:
        desk.speculation._enabled = False
        desk.speculation.look(1)
        await desk.settle()
        assert desk.asked == []


def test_an_alert_opened_halfway_saved_what_had_passed() -> None:
    clock = HandClock()
    foresight = Foresight(clock, 0.15)
    foresight.began(1)
    clock.now += 0.8
    foresight.opened(1)
    assert foresight.view(0).saved_s == 0.8


def test_what_is_never_opened_is_missed_in_the_end() -> None:
    clock = HandClock()
    foresight = Foresight(clock, 0.15)
    foresight.began(1)
    foresight.booked(call(0.01))
    clock.now += PATIENCE_S + 1
    assert foresight.waiting() == ()
    assert foresight.view(0).wasted_usd == 0.01
    for number in range(KEPT + 3):
        foresight.began(number)
    assert foresight.view(0).misses == 4


def test_what_is_at_risk_stays_within_its_share_and_off_the_reserve() -> None:
    clock = HandClock()
    foresight = Foresight(clock, 0.15)
    ledger = Ledger(clock)
    allowance = SpareAllowance(Budget(ledger, usd_per_hour=1.0, reserve_for_critical=0.3), foresight, ledger)
    assert not allowance.allows("low", 0.01)[0]  # nothing was spent yet
    assert allowance.allows("low", 0.0)[0]  # a local model is free
    spent = ledger.send(alert_id=1, lane="low", model="openai:m", estimate_usd=0.1)
    ledger.settle(spent, usage=spent.usage, usd=0.1)
    assert allowance.allows("low", 0.01)[0]
    foresight.began(1)
    foresight.booked(call(0.01))
    assert not allowance.allows("low", 0.01)[0]
    foresight.opened(1)
    assert allowance.allows("low", 0.01)[0]  # it was wanted: no longer at risk
    spent = ledger.send(alert_id=1, lane="critical", model="openai:m", estimate_usd=0.6)
    ledger.settle(spent, usage=spent.usage, usd=0.6)
    assert not allowance.allows("critical", 0.01)[0]
