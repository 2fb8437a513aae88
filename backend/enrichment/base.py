"""The enricher's contract and the evidence it yields."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from backend.alerts.model import Alert
from backend.alerts.text import SafeText

EvidenceKind = Literal["alert", "threat_intel", "asset", "user", "history", "geoip", "related"]
CacheState = Literal["hit", "miss", "stale"]


class Finding(msgspec.Struct, frozen=True, gc=False):
    """One statement of an enricher, before it has a number."""

    kind: EvidenceKind
    text: SafeText
    """One sentence or line for people and models, safe to show."""
    weight: int = 0
    """How it bears on the alert: -3 (strongly harmless) to +3 (strongly hostile); 0 is plain context."""
    hard: bool = False
    """A hard signal: while it stands nothing may lower the alert (crown-jewel asset, known-bad address)."""
    tags: tuple[str, ...] = ()
    """Machine-readable facts that rules test: `asset:crown_jewel`, `history:false_positive` …"""
    cache: CacheState = "miss"
    age_s: float = 0.0
    """How old the answer is."""
    field: str = ""
    """The contract path of the alert field it speaks of (`src_endpoint.ip`), empty where it speaks of all."""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """A numbered finding: what a verdict cites as [E1]."""

    id: str
    finding: Finding


class Enricher(Protocol):
    """One kind of context."""

    name: str
    """threat_intel, assets, users, history or geoip: its table in the config."""

    async def start(self) -> None:
        """Load what it needs. Raises `EnrichmentError` when its configuration can't work."""
        ...

    async def enrich(self, alert: Alert) -> Sequence[Finding]:
        """What is known of this alert. Empty is an answer; never blocks the loop; may be cancelled."""
        ...

    async def close(self) -> None:
        """Release files and connections."""
        ...


class EnrichmentError(Exception):
    """An enricher's configuration can't work; the message says what, where and how to mend it in one line."""
