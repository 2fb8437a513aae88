"""Alerts that another one stands for: counted, kept and decided together, on one row of the board.

The low lane folds by rule and kind of source, window by window: the first alert is analysed, then a few
samples whose entities differ, and the verdict is all members' own, marked. A surge, a kind of source that is
new for the rule, a rule never seen before, or a sample that is judged worse promotes the fold: its leader
goes to the medium lane, once, with the reason. In the lanes above, only the very same alert again counts up:
the same uid, or nothing different but its id and time. So no entity is ever hidden there.
"""

import operator
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from backend.alerts.model import DataClass
from backend.alerts.text import SafeText
from backend.analysis.likes import LOWERING
from backend.clock import Clock
from backend.journal import folds as stored
from backend.journal.store import Journal
from backend.patterns.baseline import Baseline
from backend.pipeline.board import Board
from backend.pipeline.fingerprint import Key, alike_key, entities, rule_of, same_keys
from backend.pipeline.fold import Fold, FoldKind, begun, restored
from backend.pipeline.fold_batch import FoldBatch
from backend.pipeline.job import Job
from backend.pipeline.looks import Looks
from backend.pipeline.scheduler import Scheduler
from backend.pipeline.verdicts import new_row

WINDOW_S = 3_600.0
"""Of a fold, from its first alert: eight in a shift, so that a verdict is never carried on for long."""
SAMPLE = 2
"""Members analysed beside the first: at the tenth and the hundredth, where their entities are new."""
MOST = 20_000
"""Folds in memory: a kilobyte each, ten where very many took part; the oldest are let go."""
REMEMBERED = 20_000
"""Rates, rules and samples that are remembered."""
SURGE_FACTOR, SURGE_LEAST = 10.0, 100
"""A fold surges in a minute with ten times its usual rate, at least a hundred (as patterns do)."""
LEARN_MS = 3_600_000
"""So long after the journal's first alert nothing is new yet: everything would be."""
PROMOTED_PER_HOUR = 60
"""Folds promoted in an hour; those beyond stay low, counted, so that invented rules can't flood medium."""
INSTRUCTS = "instructs"
_HOUR_MS = 3_600_000

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class FoldCounts(msgspec.Struct, frozen=True, gc=False):
    """A lane's folds for the screen."""

    folds: int = 0
    """Open ones that stand for more than one alert."""
    folded: int = 0
    """Alerts that another one stands for, since start."""


class Folds:
    """Used on the engine's loop only. What it decides is in the journal with the next group commit."""

    def __init__(
        self,
        *,
        journal: Journal,
        board: Board,
        scheduler: Scheduler,
        clock: Clock,
        spawn: Spawn,
        settle: Callable[[int], None],
        windows: Mapping[str, tuple[float, int]],
        medium_sla_s: float,
        changed: Callable[[int], None] = lambda _leader: None,
        told: Callable[[str, int], None] | None = None,
    ) -> None:
        """`windows`: the lanes that fold alike alerts, each with its window in seconds and its samples.

        `settle` is told of leaders whose verdict their members may have, `changed` of those whose count is on
        disk; `spawn` runs what is written. Where nobody asks for single records, `told` hears how many
        alerts of a lane had their verdict as they joined, as their leader had it; None: every one is settled.
        """
        self._journal = journal
        self._board = board
        self._scheduler = scheduler
        self._clock = clock
        self._spawn = spawn
        self._settle = settle
        self._changed = changed
        self._told = told
        self._windows = {lane: (int(window * 1000), sample) for lane, (window, sample) in windows.items()}
        self._medium_sla_ms = int(medium_sla_s * 1000)
        self._open: OrderedDict[Key, Fold] = OrderedDict()
        self._leaders: OrderedDict[int, Fold] = OrderedDict()
        self._samples: OrderedDict[int, Fold] = OrderedDict()
        self._after_this: set[int] = set()
        """Leaders that are being analysed, and are to be once more in the medium lane."""
        self._rates: OrderedDict[Key, Baseline] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._rules: OrderedDict[str, None] = OrderedDict()
        self._began_ms: int | None = None
        self._hour, self._promoted_in_hour = 0, 0
        self._writing = 0
        self._folded: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self.looks = Looks(clock)
        self.data_of: Callable[[str], DataClass] = lambda _source: "cloud-ok"
        self.held_back = 0
        """Folds that would have been promoted but for the limit, since start."""

    async def restore(self) -> None:
        """Take up the folds that the journal holds, and which rules are known."""
        since = self._clock.wall_ms() - max([_HOUR_MS, *(window for window, _ in self._windows.values())])
        rows = await self._journal.read(lambda reader: stored.stored(reader.connection, since, MOST))
        for row in rows:
            alert = await self._journal.read(operator.methodcaller("alert", row.leader))
            if alert is None or alert.closed == 2:
                continue
            verdict = alert.result.analysis.ruled if alert.result is not None else ""
            fold = restored(row, alert.head, verdict)
            fold.data = self.data_of(alert.source)
            alike = (*alike_key(alert.head), *((INSTRUCTS,) if fold.instructs else ()))
            own = [alike] if fold.kind == "alike" else same_keys(alert.head, alert.raw)
            self._keep(fold, [(fold.data, *key) for key in own])
            self._rows[fold.lane] = self._rows.get(fold.lane, 0) + (fold.count > 1)
            self._show(fold)
        pairs, rules, began = await self._journal.read(lambda reader: stored.known(reader.connection))
        self._began_ms = began
        for pair in reversed(pairs):
            self._pairs[pair] = None
            self._rules[pair[0]] = None
        self._rules.update(dict.fromkeys(rules))
        for leader in await self._journal.read(lambda reader: stored.unsettled(reader.connection)):
            self._settle(leader)

    # --- coming in ------------------------------------------------------------------------------------------

    def deliver(self, jobs: Sequence[Job]) -> None:
        """New alerts: those that stand for themselves get a row and a place in their lane, others count."""
        batch = FoldBatch()
        for job in jobs:
            keys: list[Key] = []
            fold = self._of(job, keys)
            if fold is None:
                self._begin(job, keys, batch)
            else:
                self._join(fold, job, batch)
            job.raw = b""
        for fold in batch.touched.values():
            self._show(fold)
        if batch.touched:
            self._write(batch)

    def _of(self, job: Job, keys: list[Key]) -> Fold | None:
        """The fold that an alert belongs to; None where it stands for itself, under `keys` from then on."""
        folding = self._windows.get(job.lane) if rule_of(job.head) else None
        window = folding[0] if folding is not None else _HOUR_MS
        for key in same_keys(job.head, job.raw) if folding is None else (self._alike(job),):
            keys.append((job.data, *key))  # a verdict goes to no alert that may be told to others
            fold = self._open.get(keys[-1])
            if (
                fold is not None
                and not fold.closed
                and fold.lane == job.lane
                and job.received_ms - fold.first_ms <= window
            ):
                return fold
        return None

    def _alike(self, job: Job) -> Key:
        """Alerts that try to instruct a model fold among themselves: their row shows it."""
        key = alike_key(job.head)
        return (*key, INSTRUCTS) if self.looks.instructs(job) else key

    def _begin(self, job: Job, keys: Sequence[Key], batch: FoldBatch) -> None:
        kind: FoldKind = "alike" if job.lane in self._windows and rule_of(job.head) else "same"
        fold = begun(job.alert_id, job.head, job.lane, kind, job.received_ms)
        fold.data = job.data
        reason = ""
        if kind == "alike":
            self._rate(fold).add(job.received_ms, SURGE_FACTOR, SURGE_LEAST)
            reason = self._news(job)
            batch.touched[fold.leader] = fold
            fold.instructs = INSTRUCTS in keys[0]
        self._keep(fold, keys)
        if reason and self._may_promote():
            fold.promoted = SafeText(reason)
            job.lane, job.deadline_ms = "medium", job.received_ms + self._medium_sla_ms
            batch.promoted[job.alert_id] = job.deadline_ms
        row = new_row(job)
        self._board.put(msgspec.structs.replace(row, promoted=fold.promoted) if fold.promoted else row)
        self._scheduler.offer(job)

    def _join(self, fold: Fold, job: Job, batch: FoldBatch) -> None:
        fold.add(job.head, job.received_ms)
        batch.touched[fold.leader] = fold
        self._folded[job.lane] = self._folded.get(job.lane, 0) + 1
        self._rows[job.lane] = self._rows.get(job.lane, 0) + (fold.count == 2)
        if fold.kind == "alike":
            surging = self._rate(fold).add(job.received_ms, SURGE_FACTOR, SURGE_LEAST)
            if surging and not fold.promoted:
                self._promote(fold, "surge: more than 10 times its usual rate", batch)
            if self._wants_sample(fold, job):
                fold.samples.append(job.alert_id)
                fold.analysed.add(entities(job.head))
                self._samples[job.alert_id] = fold
                if len(self._samples) > REMEMBERED:
                    self._samples.popitem(last=False)
                batch.sampled[job.alert_id] = fold.leader
                self._scheduler.offer(job)
                return
        batch.join(fold, job, told=bool(fold.verdict) and self._told is not None)

    def _wants_sample(self, fold: Fold, job: Job) -> bool:
        """Whether this member is looked at by itself: the first new entity after the 10th, the 100th …"""
        taken = len(fold.samples)
        return (
            taken < self._windows[fold.lane][1]
            and fold.count >= 10 ** (taken + 1)
            and entities(job.head) not in fold.analysed
        )

    def _news(self, job: Job) -> str:
        """Why a fold that begins is news: its rule, or this kind of source under it, was never seen."""
        rule, entity_class, _ = alike_key(job.head)
        new_rule, new_pair = rule not in self._rules, (rule, entity_class) not in self._pairs
        _remember(self._rules, rule)
        _remember(self._pairs, (rule, entity_class))
        if self._began_ms is None:
            self._began_ms = job.received_ms
        if job.received_ms - self._began_ms < LEARN_MS or job.head.suppressed:
            return ""
        if new_rule:
            return "first seen: this rule never fired before"
        return (
            f"new entity: this rule never fired for this kind of source ({entity_class})" if new_pair else ""
        )

    # --- verdicts and people --------------------------------------------------------------------------------

    def answered(self, alert_id: int, verdict: str) -> None:
        """A leader or a sample has its verdict, on disk."""
        sample = self._samples.pop(alert_id, None)
        if sample is not None:
            if sample.verdict in LOWERING and verdict not in LOWERING and not sample.promoted:
                self.promote(sample, f"a sample was judged {verdict}, the first {sample.verdict}")
            return
        fold = self._leaders.get(alert_id)
        if fold is None:
            row = self._board.get(alert_id)
            if row is not None and row.count > 1:
                self._settle(alert_id)  # too many folds came since: its members are still owed
            return
        fold.verdict = verdict
        if alert_id in self._after_this:
            self._after_this.discard(alert_id)
            batch = FoldBatch()
            batch.touched[alert_id] = fold
            self._raise(fold, batch)
            self._write(batch)
        if fold.count > 1:
            self._settle(alert_id)

    def decided(self, alert_ids: Sequence[int]) -> int:
        """People closed these: what comes now is told apart from what they saw. How many alerts they are."""
        stood_for = 0
        for alert_id in alert_ids:
            fold = self._leaders.get(alert_id)
            stood_for += fold.count if fold is not None else 1
            if fold is not None and not fold.closed:
                fold.closed = True
                self._rows[fold.lane] = self._rows.get(fold.lane, 0) - (fold.count > 1)
        return stood_for

    def fold(self, leader: int) -> Fold | None:
        """The fold that an alert stands for."""
        return self._leaders.get(leader)

    def alike(self, key: Key) -> Fold | None:
        """The open fold of a rule and kind of source."""
        return self._open.get(key)

    def by_uid(self, uid: str, head_rule: Key) -> Fold | None:
        """The open fold of a rule and kind of source, where `uid` leads it."""
        fold = self._open.get(head_rule)
        return fold if fold is not None and fold.head.uid == uid else None

    def counts(self, lane: str) -> FoldCounts:
        """A lane's folds now."""
        return FoldCounts(max(0, self._rows.get(lane, 0)), self._folded.get(lane, 0))

    @property
    def idle(self) -> bool:
        """Nothing is on its way to the journal."""
        return not self._writing

    # --- promotion ------------------------------------------------------------------------------------------

    def _may_promote(self) -> bool:
        hour = self._clock.wall_ms() // _HOUR_MS
        if hour != self._hour:
            self._hour, self._promoted_in_hour = hour, 0
        if self._promoted_in_hour >= PROMOTED_PER_HOUR:
            self.held_back += 1
            return False
        self._promoted_in_hour += 1
        return True

    def promote(self, fold: Fold, reason: str) -> None:
        """Put a fold's leader into the medium lane, unless a person has it or the hour's limit is reached."""
        batch = FoldBatch()
        batch.touched[fold.leader] = fold
        self._promote(fold, reason, batch)
        self._show(fold)
        self._write(batch)

    def _promote(self, fold: Fold, reason: str, batch: FoldBatch) -> None:
        """Put the leader into the medium lane, wherever it is by now; once a fold."""
        row = self._board.get(fold.leader)
        if fold.closed or (row is not None and row.state in ("claimed",)) or not self._may_promote():
            return
        fold.promoted = SafeText(reason)
        if any(one.alert_id == fold.leader for one in self._scheduler.running(fold.lane)):
            self._after_this.add(fold.leader)  # two analyses of one alert at once would write over each other
            return
        self._raise(fold, batch)

    def _raise(self, fold: Fold, batch: FoldBatch) -> None:
        deadline_ms = self._clock.wall_ms() + self._medium_sla_ms
        batch.promoted[fold.leader] = deadline_ms
        job = Job(fold.leader, fold.head, fold.lane, fold.first_ms, deadline_ms, self._clock.mono())
        self._scheduler.withdraw(job)
        job.lane, job.data = "medium", fold.data
        self._scheduler.put_back(job)
        self._board.update(fold.leader, lane="medium", deadline_ms=deadline_ms, state="queued", decided_by="")

    # --- keeping --------------------------------------------------------------------------------------------

    def _rate(self, fold: Fold) -> Baseline:
        rate = self._rates.get(key := alike_key(fold.head))
        if rate is None:
            rate = self._rates[key] = Baseline()
            if len(self._rates) > REMEMBERED:
                self._rates.popitem(last=False)
        return rate

    def _keep(self, fold: Fold, keys: Iterable[Key]) -> None:
        for key in keys:
            self._open.pop(key, None)
            self._open[key] = fold
        self._leaders[fold.leader] = fold
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        while len(self._leaders) > MOST:
            self._leaders.popitem(last=False)

    def _show(self, fold: Fold) -> None:
        if fold.count > 1 or fold.promoted:
            self._board.update(fold.leader, count=fold.count, last_ms=fold.last_ms, promoted=fold.promoted)

    def _write(self, batch: FoldBatch) -> None:
        self._writing += 1
        self._spawn(self._written(batch, batch.writing(self._clock.wall_ms())))

    async def _written(self, batch: FoldBatch, put: Callable[[sqlite3.Connection], None]) -> None:
        try:
            await (await self._journal.write(put))
        finally:
            self._writing -= 1
        for lane, count in batch.told_by_lane.items():
            if self._told is not None:
                self._told(lane, count)
        for fold in batch.touched.values():
            self._changed(fold.leader)
            if fold.verdict and fold.leader in batch.joined:
                self._settle(fold.leader)


def _remember(kept: OrderedDict[Any, None], key: object) -> None:
    kept[key] = None
    kept.move_to_end(key)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
