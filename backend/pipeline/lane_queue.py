"""One lane's jobs in memory: a heap by deadline, those at work, and what stands in the way of a refill."""

import heapq

from backend.enrichment.history import keys
from backend.pipeline.job import Job


def alike(job: Job) -> tuple[str, str, str]:
    """What alerts that share one analysis have in common: rule, entity, and who may be told of them."""
    return (job.data, *keys(job.head))


class LaneQueue:
    """One lane's heap, and how much more of it the journal holds."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Job]] = []
        self.last_id = 0
        """Everything up to this alert is in memory, taken or done; later ones may be in the journal alone."""
        self.spilled = 0
        self.top_id = 0
        """The newest alert that was offered and left in the journal."""
        self.running: dict[int, Job] = {}
        self.refilling = False
        self.came: list[int] = []
        """Alerts left in the journal while a refill is under way: it may have read them or not."""
        self.gone: set[int] = set()
        """Alerts done while a refill is under way: it may still bring them."""
        self.alike: dict[tuple[str, str, str], dict[int, Job]] = {}
        """The waiting jobs by what makes them alike, in lanes that may fold."""
        self.ghosts: set[int] = set()
        """Alerts still in the heap that were taken along with one alike."""

    def take_off(self, job: Job) -> None:
        """It no longer waits."""
        group = self.alike.get(alike(job))
        if group is not None:
            group.pop(job.alert_id, None)
            if not group:
                del self.alike[alike(job)]

    def leave(self, job: Job) -> Job | None:
        """Take a job out of the heap before its turn: the heap's own, None where it is not there."""
        if job.alert_id in self.ghosts:
            return None
        own = next((entry[2] for entry in self.heap if entry[1] == job.alert_id), None)
        if own is not None:
            self.heap = [entry for entry in self.heap if entry[1] != job.alert_id]
            heapq.heapify(self.heap)
            self.take_off(job)
        return own

    def tidy(self) -> None:
        """Let nobody see what has been taken along."""
        while self.heap and self.heap[0][1] in self.ghosts:
            self.ghosts.discard(heapq.heappop(self.heap)[1])
