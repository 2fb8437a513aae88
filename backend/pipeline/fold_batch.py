"""What one delivery changed of folds, and how it is stored: in a few statements, whatever it holds."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable

from backend.enrichment.history import keys
from backend.journal import folds as stored
from backend.journal import outcomes
from backend.lanes import LANE_NUMBER
from backend.pipeline.fold import Fold
from backend.pipeline.job import Job


class FoldBatch:
    """Filled while alerts are sorted into folds; then stored as a whole."""

    def __init__(self) -> None:
        self.touched: dict[int, Fold] = {}
        """Folds that changed, by their leader."""
        self.joined: defaultdict[int, list[int]] = defaultdict(list)
        """Alerts that wait for their leader's verdict, by leader …"""
        self.told: defaultdict[int, list[int]] = defaultdict(list)
        """… and those that have it as they join."""
        self.told_by_lane: Counter[str] = Counter()
        self.sampled: dict[int, int] = {}
        """Members that are analysed by themselves, with their leader."""
        self.promoted: dict[int, int] = {}
        """Leaders that go to the medium lane, with their new deadline."""
        self._seen: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)

    def join(self, fold: Fold, job: Job, *, told: bool) -> None:
        """An alert is of a fold; `told`: it has the leader's verdict, which is on disk, with that."""
        if not told:
            self.joined[fold.leader].append(job.alert_id)
            return
        self.told[fold.leader].append(job.alert_id)
        self.told_by_lane[job.lane] += 1
        pair = keys(job.head)
        if all(pair):
            self._seen[fold.verdict][pair] += 1

    def writing(self, now_ms: int) -> Callable[[sqlite3.Connection], None]:
        """What stores it, for the journal's writer; folds are taken as they are now."""
        rows = [fold.row() for fold in self.touched.values()]

        def put(connection: sqlite3.Connection) -> None:
            for leader, deadline_ms in self.promoted.items():
                outcomes.reopen(connection, [leader], now_ms)
                stored.promoted(connection, leader, LANE_NUMBER["medium"], deadline_ms)
            for alert_id, leader in self.sampled.items():
                stored.sampled(connection, alert_id, leader)
            stored.put(connection, rows, self.joined, self.told)
            for verdict, seen in self._seen.items():
                outcomes.put_seen(connection, seen, verdict, now_ms)

        return put
