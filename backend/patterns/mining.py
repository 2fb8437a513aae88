"""Which patterns of lines are new, and which come far more often than before. Pure: time is told, not asked.

Every source learns first: until it has been read for so long and so many lines, its new patterns are only
remembered. The rate of findings is bounded; what is over it is counted as held back.
"""

from collections import deque

from backend.patterns.baseline import WINDOW_MS, Baseline
from backend.patterns.drained import MASK, WILD, Templates, masked
from backend.patterns.findings import HOUR_MS, Finding, Learning, MinerLimits, Pattern, State

MAX_EXAMPLES = 3
EXAMPLE_CHARS = 500
SETTLE_MS = 20_000
"""How long a new pattern gathers examples before it is reported, unless it has them sooner."""
MAX_SETTLING = 256
MAX_SOURCES = 1_000


class Miner:
    """Takes lines, gives findings. One thread at a time."""

    def __init__(self, limits: MinerLimits, state: State | None = None) -> None:
        """Go on from `state`."""
        self._limits = limits
        self._templates = Templates(limits.templates)
        self._patterns: dict[int, Pattern] = {}
        self._sources: dict[str, Learning] = {}
        self._settling: dict[int, None] = {}
        self._made_ms: deque[int] = deque(maxlen=max(1, limits.findings_per_hour))
        self.lines = 0
        """Since start."""
        self.held_back = 0
        """Findings over the limit an hour, since start."""
        if state is not None:
            self._take_up(state)

    @property
    def known(self) -> int:
        """Templates."""
        return len(self._patterns)

    @property
    def settling(self) -> int:
        """New patterns that still gather examples."""
        return len(self._settling)

    def learning(self, source: str, at_ms: int) -> bool:
        """Whether new patterns of a source are only remembered yet."""
        known = self._sources.get(source)
        limits = self._limits
        return known is None or known.lines < limits.learn_lines or at_ms - known.since_ms < limits.learn_ms

    def add(self, source: str, kind: str, line: str, at_ms: int) -> Finding | None:
        """One line. `kind` is what it is counted as; `at_ms` when it was received."""
        self.lines += 1
        learning = self._sources.get(source)
        if learning is None:
            if len(self._sources) >= MAX_SOURCES:
                self._sources.pop(next(iter(self._sources)))
            learning = self._sources[source] = Learning(at_ms, 0)
        learning.lines += 1
        words = f"{kind.replace(' ', '_')} {masked(line)}"
        cluster, made = self._templates.add(words)
        pattern = self._patterns.get(cluster.cluster_id)
        if pattern is None:
            pattern = Pattern(words, source, kind, 0, at_ms, at_ms, [], Baseline())
            self._patterns[cluster.cluster_id] = pattern
            self._forget()
            if made and not self.learning(source, at_ms):
                self._settling[cluster.cluster_id] = None
        pattern.count += 1
        pattern.last_ms = max(pattern.last_ms, at_ms)
        if len(pattern.examples) < MAX_EXAMPLES:
            pattern.examples.append(line[:EXAMPLE_CHARS])
        surged = pattern.baseline.add(at_ms, self._limits.surge_factor, self._limits.surge_least)
        if surged and self._may(at_ms):
            return self._surge(cluster.cluster_id, pattern, line)
        return None

    def settled(self, now_ms: int, *, all_of_them: bool = False) -> list[Finding]:
        """New patterns that have their examples, or had the time for them."""
        found: list[Finding] = []
        crowded = len(self._settling) - MAX_SETTLING
        for number in list(self._settling):
            pattern = self._patterns.get(number)
            crowded -= 1
            if pattern is None:
                del self._settling[number]
            elif (
                all_of_them
                or crowded >= 0
                or pattern.count >= MAX_EXAMPLES
                or not 0 <= now_ms - pattern.first_ms < SETTLE_MS
            ):
                del self._settling[number]
                if self._may(now_ms):
                    found.append(self._new(number, pattern))
        return found

    def state(self) -> State:
        """Everything, for the next run."""
        return State(
            self._templates.known(),
            dict(self._patterns),
            dict(self._sources),
            list(self._settling),
            list(self._made_ms),
        )

    def _take_up(self, state: State) -> None:
        self._templates.put_back(state.templates[-self._limits.templates :])
        alive = set(self._templates.id_to_cluster)
        self._patterns = {number: one for number, one in state.patterns.items() if number in alive}
        self._sources = dict(state.sources)
        self._settling = {number: None for number in state.settling if number in self._patterns}
        self._made_ms.extend(state.findings)

    def _forget(self) -> None:
        """Drop what is known of templates that Drain has forgotten, now and then."""
        if len(self._patterns) > self._limits.templates * 1.1 + 10:
            alive = self._templates.id_to_cluster
            self._patterns = {number: one for number, one in self._patterns.items() if number in alive}

    def _may(self, now_ms: int) -> bool:
        """Whether one more finding is within the limit an hour."""
        made, limit = self._made_ms, self._limits.findings_per_hour
        if limit <= 0 or (len(made) >= limit and now_ms - made[0] < HOUR_MS):
            self.held_back += 1
            return False
        made.append(now_ms)
        return True

    def _template(self, number: int) -> str:
        cluster = self._templates.id_to_cluster.get(number)
        return cluster.get_template().replace(MASK, WILD) if cluster is not None else ""

    def _new(self, number: int, pattern: Pattern) -> Finding:
        return Finding(
            surge=False,
            key=pattern.key,
            template=self._template(number),
            source=pattern.source,
            kind=pattern.kind,
            count=pattern.count,
            usual=0.0,
            first_ms=pattern.first_ms,
            last_ms=pattern.last_ms,
            examples=tuple(pattern.examples),
        )

    def _surge(self, number: int, pattern: Pattern, line: str) -> Finding:
        baseline = pattern.baseline
        newest = [line[:EXAMPLE_CHARS], *pattern.examples]
        return Finding(
            surge=True,
            key=pattern.key,
            template=self._template(number),
            source=pattern.source,
            kind=pattern.kind,
            count=baseline.count,
            usual=baseline.mean,
            first_ms=baseline.window * WINDOW_MS,
            last_ms=pattern.last_ms,
            examples=tuple(dict.fromkeys(newest))[:MAX_EXAMPLES],
            window=baseline.window,
        )
