"""What a detail shows of an alert's fold, and of what was seen before: plain types, part of `backend.api`."""

import msgspec

from backend.alerts.text import SafeText


class MemberView(msgspec.Struct, frozen=True, gc=False):
    """An alert that another one stands for."""

    id: int
    received_ms: int
    source: SafeText
    """Its source address or host."""
    destination: SafeText
    user: SafeText


class Took(msgspec.Struct, frozen=True, gc=False):
    """How many different ones took part, and a few of them. Beyond some 60 the number is an estimate."""

    count: int = 0
    examples: tuple[SafeText, ...] = ()


class FoldView(msgspec.Struct, frozen=True, gc=False):
    """What an alert on the board stands for."""

    same: bool
    """The very same alert again and again; else alike ones of one rule and kind of source."""
    count: int
    first_ms: int
    last_ms: int
    sources: Took = Took()
    destinations: Took = Took()
    users: Took = Took()
    promoted: SafeText = SafeText("")
    members: tuple[MemberView, ...] = ()
    """The newest, newest first."""


class SeenBefore(msgspec.Struct, frozen=True, gc=False):
    """How alerts of the same rule on the same entity were judged before."""

    seen: int
    """Other alerts of the pair that had a verdict."""
    first_ms: int
    last_ms: int
    verdict: str
    """The machine's most frequent verdict."""
    human: str = ""
    """The last person's decision."""
    human_actor: str = ""
    human_ms: int = 0
