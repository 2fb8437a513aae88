"""Whether an alert that would be folded tries to instruct a model: such ones are kept apart, never hidden.

A look costs a third of a millisecond, a folded alert a fifth of that. So texts that differ by digits alone
are looked at once.
"""

from collections import OrderedDict

from backend.alerts.model import Alert
from backend.analysis.guardrails.injection import injection_signals
from backend.clock import Clock
from backend.pipeline.job import Job

MAX_PER_S = 500
"""Texts looked at in a second: a sixth of a core. Those beyond are counted and said."""
REMEMBERED = 20_000
_DIGITS = b"0123456789"


class Looks:
    """Remembers what kinds of text were looked at, and what was found. Bounded."""

    def __init__(self, clock: Clock) -> None:
        """`clock` is for the limit a second."""
        self._clock = clock
        self._found: OrderedDict[int, bool] = OrderedDict()
        self._second, self._looked = 0, 0
        self.passed_by = 0
        """Alerts whose text was not looked at, since start."""

    def instructs(self, job: Job) -> bool:
        """Whether the alert's text holds a sign of instructions to a model; False where nobody looked."""
        shape = hash(job.raw.translate(None, _DIGITS))
        found = self._found.get(shape)
        if found is None:
            if not self._may_look():
                self.passed_by += 1
                return False
            found = self._found[shape] = bool(injection_signals(Alert(job.head, job.raw)))
            if len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return found

    def _may_look(self) -> bool:
        second = self._clock.wall_ms() // 1000
        if second != self._second:
            self._second, self._looked = second, 0
        self._looked += 1
        return self._looked <= MAX_PER_S
