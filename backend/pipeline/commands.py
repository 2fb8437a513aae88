"""What people ask of the engine: each command becomes a change in the journal, then one on the board."""

import functools
import sqlite3
from collections.abc import Awaitable, Callable

import msgspec

from backend.alerts.model import Head
from backend.alerts.text import safe
from backend.analysis.model import Decided
from backend.api import (
    AddNote,
    Approve,
    Ask,
    Claim,
    Command,
    Decide,
    Deny,
    Investigate,
    Look,
    Reopen,
    Reply,
    Row,
    SetFilter,
    SetOrder,
    Undo,
)
from backend.clock import Clock
from backend.enrichment.history import HistoryEnricher, keys
from backend.journal import outcomes
from backend.journal.reader import Reader
from backend.journal.store import Journal
from backend.journal.stored import MACHINE, Decision, DecisionKind
from backend.pipeline.approvals import DONE_BY_HAND, ApprovalError, approval
from backend.pipeline.board import Board
from backend.pipeline.investigations import Investigations, in_words, told
from backend.pipeline.job import Job
from backend.pipeline.scheduler import Scheduler

MAX_NOTE = 4_000
"""Characters of a note that are kept."""

Question = Callable[[Row, str], Awaitable[Reply]]


class Commands:
    """Runs commands on the engine's loop. Everything a person decides is on disk before it is confirmed."""

    def __init__(
        self,
        *,
        journal: Journal,
        board: Board,
        scheduler: Scheduler,
        investigations: Investigations,
        history: HistoryEnricher | None,
        ask: Question,
        clock: Clock,
        actor: str,
        look: Callable[[int], None] = lambda _alert_id: None,
        adopt: Callable[[int], bool] = lambda _alert_id: False,
    ) -> None:
        """`ask` puts a follow-up question to the models; `look` is told where the cursor rests.

        `adopt` says whether an alert is being analysed already though nobody had asked, and keeps that up.
        """
        self._journal = journal
        self._board = board
        self._scheduler = scheduler
        self._investigations = investigations
        self._history = history
        self._ask = ask
        self._look = look
        self._adopt = adopt
        self._clock = clock
        self._actor = actor

    async def run(self, command: Command) -> Reply:
        """Carry out one command."""
        match command:
            case SetFilter() | SetOrder():
                return self._view(command)
            case Investigate(alert_id):
                return await self._investigate(alert_id)
            case Look(alert_id):
                self._look(alert_id)
                return Reply(True, "", (alert_id,))
            case Ask(alert_id, question):
                row = self._board.get(alert_id)
                return await self._ask(row, question) if row is not None else _gone(alert_id)
            case Claim() | AddNote() | Decide():
                return await self._decide(command)
            case Reopen() | Approve() | Deny() | Undo():
                return await self._answer(command)

    async def _answer(self, command: Reopen | Approve | Deny | Undo) -> Reply:
        """What a person says to something that was done or proposed."""
        if isinstance(command, Undo):
            return await self._undo(command.actor)
        if isinstance(command, Reopen):
            return await self._reopen(command.alert_ids, command.actor)
        return await self._approve(command)

    def _view(self, command: SetFilter | SetOrder) -> Reply:
        if isinstance(command, SetOrder):
            self._board.set_order(command.order)
            return Reply(True, "newest first" if command.order == "newest" else "most urgent first")
        error = self._board.set_filter(command.text)
        return Reply(not error, error or (f"filter: {command.text}" if command.text else "filter cleared"))

    async def _investigate(self, alert_id: int) -> Reply:
        row = self._board.get(alert_id)
        if row is None:
            return _gone(alert_id)
        job = Job(alert_id, row.head, row.lane, row.received_ms, row.deadline_ms, self._clock.mono())
        if self._adopt(alert_id) or not self._scheduler.ask(job):
            return Reply(True, "already being investigated", (alert_id,))
        decision = Decision(alert_id, "investigate", "", self._actor, "", self._clock.wall_ms())
        await self._write([decision], {})
        return Reply(True, "investigating", (alert_id,))

    async def _decide(self, command: Claim | AddNote | Decide) -> Reply:
        rows = [row for row in map(self._board.get, command.alert_ids) if row is not None]
        if not rows:
            return _gone(*command.alert_ids)
        note = str(safe(command.note.strip(), MAX_NOTE)) if not isinstance(command, Claim) else ""
        if isinstance(command, AddNote) and not note:
            return Reply(False, "the note is empty")
        if isinstance(command, Claim):
            rows = [row for row in rows if row.state != "closed"]
            if not rows:
                return Reply(False, "closed already; undo, or decide anew", command.alert_ids)
        disposition = command.disposition if isinstance(command, Decide) else ""
        kind: DecisionKind = {Claim: "claim", AddNote: "note", Decide: "decide"}[type(command)]  # type: ignore[assignment]  # the values are its literals
        now = self._clock.wall_ms()
        decisions = [Decision(row.id, kind, disposition, command.actor, note, now) for row in rows]
        await self._write(decisions, {row.id: row.head for row in rows})
        for decision in decisions:
            self._apply(decision)
        return Reply(True, _said(kind, disposition, len(rows)), tuple(row.id for row in rows))

    def _apply(self, decision: Decision) -> None:
        """Show a decision that is on disk."""
        row = self._board.get(decision.alert_id)
        if row is None:
            return
        has_note = row.has_note or bool(decision.note)
        if decision.kind == "claim":
            self._board.update(row.id, state="claimed", decided_by=decision.actor)
        elif decision.kind == "decide":
            self._board.update(
                row.id,
                state="closed",
                verdict=decision.disposition,
                decided_by=decision.actor,
                has_note=has_note,
            )
            if self._history is not None:
                self._history.record_verdict(
                    row.head, decision.disposition, True, decision.wall_ms, decision.actor
                )
        else:
            self._board.update(row.id, has_note=True)
        event = Decided(in_words(decision), decision.actor, decision.wall_ms)
        self._investigations.tell(row.id, event, analysed=row.verdict_ms > 0)

    async def _approve(self, command: Approve | Deny) -> Reply:
        alert_id = command.alert_id
        stored = await self._journal.read(lambda reader: reader.alert(alert_id))
        trail = await self._journal.read(lambda reader: reader.decisions([alert_id]))
        try:
            decision = approval(command, stored, trail, self._clock)
        except ApprovalError as error:
            return Reply(False, str(error), (alert_id,))
        await self._write([decision], {})
        self._investigations.tell(alert_id, told(decision), analysed=True)
        if decision.kind == "deny":
            return Reply(True, f"denied {decision.disposition}", (alert_id,))
        return Reply(True, f"approved {decision.disposition}: {DONE_BY_HAND}", (alert_id,))

    async def _reopen(self, alert_ids: tuple[int, ...], actor: str) -> Reply:
        """Take back what the machine closed; recorded as the person's own act."""
        now = self._clock.wall_ms()
        taken = await (
            await self._journal.write(functools.partial(_reopen, alert_ids=alert_ids, actor=actor, now=now))
        )
        if not taken:
            return Reply(False, "the machine has not closed it", alert_ids)
        for decision in taken:
            await self._restore(decision, now, tell=told(decision))
        return Reply(True, f"reopened {_alerts(len(taken))}", tuple(d.alert_id for d in taken))

    async def _undo(self, actor: str) -> Reply:
        now = self._clock.wall_ms()
        undone = await (await self._journal.write(functools.partial(_take_back, actor=actor, now=now)))
        if not undone:
            return Reply(False, "nothing of yours to undo")
        for decision in undone:
            await self._restore(decision, now)
        what = {"claim": "claim", "note": "note", "approve": "approval", "deny": "denial"}.get(
            undone[0].kind, undone[0].disposition
        )
        return Reply(True, f"undone: {what} on {_alerts(len(undone))}", tuple(d.alert_id for d in undone))

    async def _restore(self, decision: Decision, now: int, tell: Decided | None = None) -> None:
        """Put the row back as the journal now has it."""
        alert_id = decision.alert_id
        stored = await self._journal.read(lambda reader: reader.alert(alert_id))
        trail = await self._journal.read(lambda reader: reader.decisions([alert_id]))
        if stored is None:
            return
        if decision.kind == "decide" and self._history is not None:
            self._history.forget(stored.head)
        row = self._board.get(alert_id)
        if row is not None:
            machine = stored.result.analysis.ruled if stored.result is not None else ""
            row = msgspec.structs.replace(row, verdict=machine)
            self._board.put(restored(row, stored.closed, stored.result is not None, trail))
        words = safe(f"took back: {in_words(msgspec.structs.replace(decision, undone_ms=None))}")
        event = tell or Decided(words, decision.actor, now)
        self._investigations.tell(alert_id, event, analysed=stored.result is not None)

    async def _write(self, decisions: list[Decision], heads: dict[int, Head]) -> None:
        """One gesture: the audit trail and what it teaches the history, in one transaction."""

        def put(connection: sqlite3.Connection) -> None:
            outcomes.put_decisions(connection, decisions)
            for decision in decisions:
                rule_key, entity_key = (
                    keys(heads[decision.alert_id]) if decision.kind == "decide" else ("", "")
                )
                if rule_key and entity_key:
                    outcomes.put_history(
                        connection,
                        rule_key=rule_key,
                        entity_key=entity_key,
                        verdict=decision.disposition,
                        when_ms=decision.wall_ms,
                        human_actor=decision.actor,
                    )

        await (await self._journal.write(put))


def _take_back(connection: sqlite3.Connection, *, actor: str, now: int) -> list[Decision]:
    """Undo the actor's latest gesture, and what the history learnt by it, in one transaction."""
    undone = outcomes.undo(connection, actor, now)
    reader = Reader(connection)
    for decision in undone:
        learnt = decision.kind == "decide" and decision.actor != MACHINE
        stored = reader.alert(decision.alert_id) if learnt else None
        if stored is not None:
            rule_key, entity_key = keys(stored.head)
            outcomes.drop_history(
                connection, rule_key=rule_key, entity_key=entity_key, verdict=decision.disposition
            )
    return undone


def _reopen(
    connection: sqlite3.Connection, *, alert_ids: tuple[int, ...], actor: str, now: int
) -> list[Decision]:
    """Take back the machine's closing and say by whom, in one transaction."""
    taken = [
        Decision(one, "reopen", "", actor, "", now) for one in outcomes.reopen(connection, alert_ids, now)
    ]
    if taken:
        outcomes.put_decisions(connection, taken)
    return taken


def restored(row: Row, closed: int, has_verdict: bool, trail: list[Decision]) -> Row:
    """A row with state, decision and note mark as the journal's audit trail says."""
    standing = [d for d in trail if d.undone_ms is None and d.kind in ("claim", "decide")]
    decided = [d for d in standing if d.kind == "decide"]
    state = ("triaged" if has_verdict else "queued", "claimed", "closed")[closed]
    changed: Row = msgspec.structs.replace(
        row,
        state=state,
        decided_by=standing[-1].actor if standing else "",
        verdict=decided[-1].disposition if decided else row.verdict,
        has_note=any(d.note and d.undone_ms is None and d.actor != MACHINE for d in trail),
    )
    return changed


def _said(kind: DecisionKind, disposition: str, count: int) -> str:
    if kind == "claim":
        return f"claimed {_alerts(count)}"
    if kind == "note":
        return f"noted on {_alerts(count)}"
    return f"closed {_alerts(count)} as {disposition}"


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


def _gone(*alert_ids: int) -> Reply:
    return Reply(False, f"{_alerts(len(alert_ids))} not in the queue any more", alert_ids)
