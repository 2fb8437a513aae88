"""What the miner takes, gives and remembers, as plain records."""

import msgspec

from backend.patterns.baseline import Baseline

HOUR_MS = 3_600_000


class MinerLimits(msgspec.Struct, frozen=True):
    """What the miner is held to; see `backend.settings_tables.PatternsConfig`."""

    templates: int = 5_000
    learn_ms: int = HOUR_MS
    learn_lines: int = 20_000
    surge_factor: float = 10.0
    surge_least: int = 100
    findings_per_hour: int = 60


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A pattern worth an alert."""

    surge: bool
    """Else it is new."""
    key: str
    """The pattern when it was first seen: the same for ever, while `template` becomes more general."""
    template: str
    source: str
    kind: str
    count: int
    """Lines: all of a new pattern, those of the window of a surge."""
    usual: float
    first_ms: int
    last_ms: int
    examples: tuple[str, ...]
    window: int = 0
    """Number of the window of a surge."""


class Pattern(msgspec.Struct, array_like=True):
    """What is known of a template beside its words."""

    key: str
    source: str
    kind: str
    count: int
    first_ms: int
    last_ms: int
    examples: list[str]
    baseline: Baseline


class Learning(msgspec.Struct, array_like=True):
    """How long and how much of a source was read."""

    since_ms: int
    lines: int


class State(msgspec.Struct, array_like=True):
    """Everything a miner knows, for the next run."""

    templates: list[tuple[int, str, int]]
    patterns: dict[int, Pattern]
    sources: dict[str, Learning]
    settling: list[int]
    findings: list[int]
    """When the findings of the last hour were made."""
