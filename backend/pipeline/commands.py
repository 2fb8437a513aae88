"""What people ask of the engine: each command becomes a change in the journal, then one on the board."""

import functools
from collections.abc import Awaitable, Callable

import msgspec

from backend.alerts.text import safe
from backend.analysis.model import Decided
from backend.api import (
    AddNote,
    Ask,
    Claim,
    Command,
    Decide,
    Investigate,
    Reply,
    Row,
    SetFilter,
    SetOrder,
    Undo,
)
from backend.clock import Clock
from backend.enrichment.history import HistoryEnricher, keys
from backend.journal import outcomes
from backend.journal.store import Journal
from backend.journal.stored import Decision, DecisionKind
from backend.pipeline.board import Board
from backend.pipeline.investigations import Investigations
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
    ) -> None:
        """`ask` puts a follow-up question to the models."""
        self._journal = journal
        self._board = board
        self._scheduler = scheduler
        self._investigations = investigations
        self._history = history
        self._ask = ask
        self._clock = clock
        self._actor = actor

    async def run(self, command: Command) -> Reply:
        """Carry out one command."""
        match command:
            case SetFilter() | SetOrder():
                return self._view(command)
            case Investigate(alert_id):
                return await self._investigate(alert_id)
            case Ask(alert_id, question):
                row = self._board.get(alert_id)
                return await self._ask(row, question) if row is not None else _gone(alert_id)
            case Claim() | AddNote() | Decide():
                return await self._decide(command)
            case Undo(actor):
                return await self._undo(actor)

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
        if row.state in ("enriching", "analysing"):
            return Reply(True, "already being investigated", (alert_id,))
        now = self._clock.wall_ms()
        await self._write([Decision(alert_id, "investigate", "", self._actor, "", now)])
        job = Job(alert_id, row.head, row.lane, row.received_ms, row.deadline_ms, self._clock.mono())
        self._scheduler.ask(job)
        return Reply(True, "investigating", (alert_id,))

    async def _decide(self, command: Claim | AddNote | Decide) -> Reply:
        rows = [row for row in map(self._board.get, command.alert_ids) if row is not None]
        if not rows:
            return _gone(*command.alert_ids)
        now = self._clock.wall_ms()
        actor = command.actor
        note = str(safe(command.note, MAX_NOTE)) if not isinstance(command, Claim) else ""
        disposition = command.disposition if isinstance(command, Decide) else ""
        kind: DecisionKind = {Claim: "claim", AddNote: "note", Decide: "decide"}[type(command)]  # type: ignore[assignment]
        await self._write([Decision(row.id, kind, disposition, actor, note, now) for row in rows])
        for row in rows:
            self._apply(row, kind, disposition, actor, bool(note))
            if kind == "decide":
                await self._remember(row, disposition, actor, now)
            words = {"claim": "claimed it", "note": f"note: {note}"}.get(kind, f"closed it as {disposition}")
            tail = f": {note}" if note and kind == "decide" else ""
            self._investigations.writing(row.id).append(Decided(safe(words + tail), actor, now))
            self._investigations.changed(row.id)
        return Reply(True, _said(kind, disposition, len(rows)), tuple(row.id for row in rows))

    def _apply(self, row: Row, kind: DecisionKind, disposition: str, actor: str, noted: bool) -> None:
        has_note = row.has_note or noted
        if kind == "claim":
            self._board.update(row.id, state="claimed", decided_by=actor)
        elif kind == "decide":
            self._board.update(
                row.id, state="closed", verdict=disposition, decided_by=actor, has_note=has_note
            )
        else:
            self._board.update(row.id, has_note=True)

    async def _remember(self, row: Row, disposition: str, actor: str, now: int) -> None:
        rule_key, entity_key = keys(row.head)
        if not (rule_key and entity_key):
            return
        await self._journal.write(
            functools.partial(
                outcomes.put_history,
                rule_key=rule_key,
                entity_key=entity_key,
                verdict=disposition,
                when_ms=now,
                human_actor=actor,
            )
        )
        if self._history is not None:
            self._history.record_verdict(row.head, disposition, True, now, actor)

    async def _undo(self, actor: str) -> Reply:
        now = self._clock.wall_ms()
        undone = await (await self._journal.write(functools.partial(outcomes.undo, actor=actor, wall_ms=now)))
        if not undone:
            return Reply(False, "nothing of yours to undo")
        for decision in undone:
            await self._restore(decision, now)
        what = {"claim": "claim", "note": "note"}.get(undone[0].kind, undone[0].disposition)
        return Reply(True, f"undone: {what} on {_alerts(len(undone))}", tuple(d.alert_id for d in undone))

    async def _restore(self, decision: Decision, now: int) -> None:
        """Put the row back as the journal now has it."""
        alert_id = decision.alert_id
        stored = await self._journal.read(lambda reader: reader.alert(alert_id))
        trail = await self._journal.read(lambda reader: reader.decisions([alert_id]))
        if stored is None:
            return
        row = self._board.get(alert_id)
        if row is not None:
            self._board.put(restored(row, stored.closed, stored.result is not None, trail))
            verdict = stored.result.analysis.verdict.verdict if stored.result is not None else ""
            self._board.update(alert_id, verdict=verdict)
            if decision.kind == "decide":
                await self._unlearn(row, decision)
        self._investigations.writing(alert_id).append(Decided(safe("undid that"), decision.actor, now))
        self._investigations.changed(alert_id)

    async def _unlearn(self, row: Row, decision: Decision) -> None:
        rule_key, entity_key = keys(row.head)
        forget = functools.partial(
            outcomes.drop_history, rule_key=rule_key, entity_key=entity_key, verdict=decision.disposition
        )
        await (await self._journal.write(forget))
        if self._history is not None:
            self._history.forget(row.head)

    async def _write(self, decisions: list[Decision]) -> None:
        await (await self._journal.write(functools.partial(outcomes.put_decisions, decisions=decisions)))


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
        has_note=any(d.note and d.undone_ms is None for d in trail),
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
    return Reply(False, f"{_alerts(len(alert_ids))} not on the board any more", alert_ids)
