"""One entry of the ledger: a model call before it is sent and after it has ended, or what was saved."""

from typing import Literal

import msgspec

from backend.providers.base import Usage

CallKind = Literal["analysis", "first", "question", "hedge", "repair", "warm", "speculation"]
"""What a call was for: the planned analysis, the short question to a small model before it, a follow-up, a
second runner against a slow first one, the one request to mend an answer, a prompt-cache warm-up, or work
done before anybody asked."""

UNASKED: frozenset[str] = frozenset({"warm", "speculation"})
"""Kinds of calls that nobody waits for: the first to end when money is short."""

SHORT: frozenset[str] = frozenset({"first", "warm"})
"""Kinds of calls with a short answer: how long they take says nothing about a whole analysis."""

SavedBy = Literal["prompt_cache", "folds", "answers", "batches", "tiers", "first_ask"]
"""What saved money: reads from the vendor's prompt cache; alerts that inherited a verdict; cached analyses of
like alerts; several alerts in one request; cheaper models than planned, by the budget's step-down; short
questions to a small model that made the planned call needless."""


class LedgerEntry(msgspec.Struct, frozen=True, gc=False):
    """One call. The entry with `settled` False is the estimate; the settled one with the same id replaces it.

    A call whose process died before it settled stays as possible spend. An entry with no model books no call
    but a saving.
    """

    id: str
    started_ms: int
    alert_id: int
    lane: str
    model: str
    """provider:model; empty where the entry is a saving."""
    usd: float
    """The actual price, or the estimate while it is not settled."""
    usage: Usage = Usage()
    saved_usd: float = 0.0
    """Dollars saved: by prompt-cache reads where it is a call, else by `saved_by`."""
    settled: bool = False
    estimated: bool = False
    """Not all its tokens were counted by the vendor; the rest is taken from the text's length."""
    outcome: str = ""
    kind: CallKind = "analysis"
    saved_by: SavedBy = "prompt_cache"
    used: bool = False
    """Of a speculation: its answer was wanted in the end."""
