"""The raw lane in figures, as front ends read it."""

import msgspec


class PatternsView(msgspec.Struct, frozen=True, gc=False):
    """The stage in figures, since start where nothing else is said."""

    mining: bool = False
    """Whether lines are mined; with no rule either, the lane is off and everything is counted only."""

    rules: int = 0
    """Sigma rules in use."""
    rules_left_out: int = 0
    events_tried: int = 0
    matches: int = 0
    templates: int = 0
    """Known now."""
    lines: int = 0
    """Mined."""
    lines_per_minute: float = 0.0
    """Of them in the last minute."""
    new: int = 0
    surges: int = 0
    held_back: int = 0
    """Findings over the limit an hour."""
    counted_only: int = 0
    """Events that were neither tried nor mined, because too many waited."""
