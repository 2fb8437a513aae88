"""A floor with a dollar a day: two vendors that cost money, a local one, and alerts fed lane by lane."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from backend.analysis.ledger import DAY_MS
from backend.clock import SystemClock
from backend.providers.base import Usage
from backend.settings import BudgetConfig, LaneConfig, ModelConfig, Settings
from tests.integration.engine.floor import settings_for
from tests.support.vendors import Done, Script, Tokens, VendorServer

ANSWER = (
    '{"facts":[{"text":"The rule fired","evidence":["E1"]}],"verdict":"Suspicious","confidence":0.7,'
    '"severity":"Medium","summary":"Somebody should look.","actions":[]}\n\nThe rule fired [E1].'
)
USED = Usage(3_000, 200)
BEST_USD = (3_000 * 3.0 + 200 * 15.0) / 1e6
"""What a call to the dear model is billed: 1.2 cents."""
FAST_USD = (3_000 * 0.5 + 200 * 2.5) / 1e6
"""What one to the cheap model is billed: 0.2 cents."""
MOST_USD = 0.1
"""Above the estimate of any single call made here (prompts of at most 20,000 bytes)."""


def alert(number: int, severity: str) -> bytes:
    """One alert like no other: nothing of it folds with, or answers for, another."""
    return json.dumps(
        {
            "id": f"{severity}-{number}",
            "title": f"{severity} rule {number} fired",
            "severity": severity,
            "timestamp": "2026-01-02T03:04:05Z",
            "src_ip": f"198.51.{number % 250}.{len(severity)}",
            "hostname": f"{severity.lower()}-{number}",
        }
    ).encode()


class Noon(SystemClock):
    """The real clock, but begun at noon UTC: a day's forecast needs hours of that day."""

    def __init__(self) -> None:
        self._ahead_ms = DAY_MS // 2 - super().wall_ms() % DAY_MS

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch, at most half a day off."""
        return super().wall_ms() + self._ahead_ms


@dataclass
class Vendors:
    """The three servers and the file that alerts are appended to."""

    best: VendorServer
    fast: VendorServer
    local: VendorServer
    feed: Path
    fed: int = 0

    @property
    def billed_usd(self) -> float:
        """What the vendors would bill: by the requests that reached them, not by our ledger."""
        return len(self.best.requests) * BEST_USD + len(self.fast.requests) * FAST_USD

    def add(self, severity: str, count: int) -> None:
        """Let so many more alerts come in."""
        with self.feed.open("ab") as file:
            file.write(b"".join(alert(self.fed + number, severity) + b"\n" for number in range(count)))
        self.fed += count

    def settings(self, home: Path) -> Settings:
        """One dollar a day, no hedges, and a shift that has eight hours to go."""
        settings = settings_for(home, f"file://{self.feed}?follow=true")
        settings.models = {
            "best": ModelConfig(
                provider="anthropic",
                model="big",
                base_url=self.best.base_url,
                max_tokens=256,
                usd_per_mtok_input=3.0,
                usd_per_mtok_output=15.0,
            ),
            "fast": ModelConfig(
                provider="openai",
                model="mini",
                base_url=self.fast.base_url,
                max_tokens=256,
                usd_per_mtok_input=0.5,
                usd_per_mtok_output=2.5,
            ),
            "local": ModelConfig(
                provider="ollama", model="qwen", base_url=self.local.base_url, max_tokens=256
            ),
        }
        for lane in ("critical", "high"):
            settings.lanes[lane] = LaneConfig(models=["best", "fast", "local"], hedge_after_s=0.0)
        for lane in ("medium", "low", "raw"):
            settings.lanes[lane] = LaneConfig(models=["best", "local"])
        settings.budget = BudgetConfig(usd_per_day=1.0)
        return settings


@contextlib.asynccontextmanager
async def vendors(folder: Path) -> AsyncIterator[Vendors]:
    """The servers, up while the block runs."""
    script: Script = [Tokens(ANSWER), Done(usage=USED)]
    feed = folder / "alerts.json"
    feed.touch()
    async with (
        VendorServer("anthropic", script) as best,
        VendorServer("openai", script) as fast,
        VendorServer("ollama", script) as local,
    ):
        yield Vendors(best, fast, local, feed)
