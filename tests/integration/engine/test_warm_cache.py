"""A burst onto a cold prompt cache, with a vendor that keeps one: what it costs warmed and not.

Alerts by themselves have one prompt, those asked about together another; each is a cache entry of its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from backend.analysis.batch_prompt import batch_system
from backend.analysis.estimate import estimate_tokens
from backend.analysis.prompts import SYSTEM
from backend.analysis.warming import CacheWarmer
from backend.providers import config, prices, prompt_cache
from backend.providers.base import Usage
from backend.settings import LaneConfig, ModelConfig
from tests.integration.engine.test_speculation import LINE, happens, started
from tests.support.batching import Analyst
from tests.support.engines import eve_alert, settings_for
from tests.support.vendors import Done, Tokens, VendorServer, Wait
from tests.support.vendors.script import Script
from tests.support.vendors.server import ReceivedRequest

MODEL = "claude-sonnet-5"
FIRST_TOKEN_S = 0.4
ALERTS = 9


class CachingVendor:
    """Anthropic's wire with a prompt cache: an entry is there once the first answer with it begins."""

    def __init__(self) -> None:
        self.entries: dict[str, float] = {}
        self.usages: list[tuple[int, Usage]] = []
        self.analyst = Analyst(lambda _alert: "Suspicious")
        self.server = VendorServer("anthropic", self._answer)

    def _answer(self, request: ReceivedRequest) -> Script:
        block = request.body["system"][0]
        rest = estimate_tokens(sum(len(m["content"]) for m in request.body["messages"]))
        prefix = estimate_tokens(len(block["text"]))
        most = int(request.body["max_tokens"])
        out = 1 if most == 1 else 120
        now = time.monotonic()
        cached = prefix >= 1_024 and block.get("cache_control") is not None
        if not cached:
            usage = Usage(prefix + rest, out)
        elif self.entries.get(block["text"], now + 1) <= now:
            usage = Usage(rest, out, cache_read_tokens=prefix)
        else:
            usage = Usage(rest, out, cache_write_tokens=prefix)
            self.entries.setdefault(block["text"], now + FIRST_TOKEN_S)
        self.usages.append((most, usage))
        stop = "max_tokens" if most == 1 else "end_turn"
        return [Wait(FIRST_TOKEN_S), Tokens(self._words(request, most)), Done(stop, usage)]

    def _words(self, request: ReceivedRequest, most: int) -> str:
        if most == 1:
            return "o"
        if "in this order: " not in request.body["messages"][-1]["content"]:
            return f"{LINE}It called out [E1]."
        tokens = next(one for one in self.analyst(request) if isinstance(one, Tokens))
        return tokens.text if isinstance(tokens.text, str) else "".join(tokens.text)

    def usd_of_prefixes(self) -> float:
        """What the prefixes cost, at 3 dollars a million tokens: read at a tenth of it, written at 1.25."""
        return sum(u.cache_read_tokens * 0.3 + u.cache_write_tokens * 3.75 for _, u in self.usages) / 1e6


@contextmanager
def as_in_the_cloud() -> Iterator[None]:
    """A loopback address is a server of one's own, free and with no cache to warm: not in this test."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (config, prices, prompt_cache):
            patch.setattr(module, "is_local", lambda _url: False)
        yield


async def burst(
    tmp_path: Path, *, warming: bool, families: tuple[int, ...] = (), wait_s: float = 0.5
) -> tuple[CachingVendor, float, float]:
    """The vendor, the dollars in the engine's ledger, and how many of them went into warm-ups.

    `families`: so many alike alerts of each rule family come together and may share requests; none: `ALERTS`
    that are asked about one by one.
    """
    alerts, lane = tmp_path / "eve.json", LaneConfig(models=["best"], max_batch=1)
    count = sum(families) or ALERTS
    if families:
        lane = LaneConfig(models=["best"], max_batch=max(2, *families), max_wait_s=wait_s)
    names = [f"{'ABCDEFG'[n]} family" for n, size in enumerate(families) for _ in range(size)]
    alerts.write_bytes(
        b"".join(
            eve_alert(n, severity=2, src_ip=f"10.4.2.{n}", host=f"w{n}", **_named(names[n : n + 1])) + b"\n"
            for n in range(count)
        )
    )
    vendor = CachingVendor()
    with as_in_the_cloud(), pytest.MonkeyPatch.context() as patch:
        if not warming:
            patch.setattr(CacheWarmer, "pays", lambda _self, _at_once: False)
        async with vendor.server:
            model = ModelConfig(provider="anthropic", model=MODEL, base_url=vendor.server.base_url)
            settings = settings_for(alerts, tmp_path / "home", {"best": model})
            settings.lanes["medium"] = lane
            settings.speculation.enabled = False
            async with started(settings) as engine:
                await happens(
                    lambda: (
                        sum(row.analysed_by == f"anthropic:{MODEL}" for row in engine.snapshot.rows) == count
                    )
                )
                await happens(lambda: engine.idle)
                cost = engine.snapshot.cost
    warm_usd = sum(share.usd for share in cost.by_kind if share.name == "warm")
    return vendor, cost.usd_today, warm_usd


def _named(names: list[str]) -> dict[str, object]:
    """The alert of a rule by that name."""
    if not names:
        return {}
    number = 9_000_100 + ord(names[0][0])
    return {"alert": {"signature_id": number, "signature": f"{names[0]} beacon", "severity": 2}}


async def test_a_burst_writes_the_cache_once_and_costs_less_than_without_the_warm_up(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    warmed, warmed_usd, warm_usd = await burst(tmp_path / "with", warming=True)
    cold, cold_usd, none_usd = await burst(tmp_path / "without", warming=False)

    assert [most for most, _ in warmed.usages].count(1) == 1
    assert sum(usage.cache_write_tokens > 0 for _, usage in warmed.usages) == 1
    assert sum(usage.cache_read_tokens > 0 for _, usage in warmed.usages) == ALERTS
    writes = sum(usage.cache_write_tokens > 0 for _, usage in cold.usages)
    assert writes == 3  # as many as the model's slots let start at once
    assert none_usd == 0 < warm_usd
    # 3 writes and 6 reads against 1 write and 9 reads of 1,114 tokens
    assert cold.usd_of_prefixes() / warmed.usd_of_prefixes() > 1.5
    assert warmed_usd < cold_usd


async def test_batches_that_form_at_once_find_their_prompt_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    warmed, warmed_usd, warm_usd = await burst(tmp_path / "with", warming=True, families=(3, 3, 3))
    cold, cold_usd, _ = await burst(tmp_path / "without", warming=False, families=(3, 3, 3))

    assert sorted(warmed.analyst.batches) == sorted(cold.analyst.batches) == [3, 3, 3]
    assert warmed.analyst.singles == 0
    first, *batches = warmed.usages
    assert first[0] == 1
    assert first[1].cache_write_tokens == estimate_tokens(len(batch_system(1_024)))
    assert len(batches) == 3
    for _, usage in batches:  # from the second request on, all read what the first one wrote
        assert usage.cache_read_tokens == first[1].cache_write_tokens
        assert usage.cache_write_tokens == 0
    assert sum(usage.cache_write_tokens > 0 for _, usage in cold.usages) == 3
    assert cold.usd_of_prefixes() / warmed.usd_of_prefixes() > 1.5
    assert warmed_usd < cold_usd
    assert warm_usd > 0


async def test_one_batch_alone_is_not_worth_a_warm_up(tmp_path: Path) -> None:
    vendor, _, warm_usd = await burst(tmp_path, warming=True, families=(3,))
    assert vendor.analyst.batches == [3]
    assert [most > 1 for most, _ in vendor.usages] == [True]
    assert warm_usd == 0


async def test_a_single_alert_is_not_worth_a_warm_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.engine.test_warm_cache.ALERTS", 1)
    vendor, _, warm_usd = await burst(tmp_path, warming=True)
    assert len(vendor.usages) == 1
    assert warm_usd == 0


async def test_a_local_model_gets_the_short_prompt_and_no_warm_up(tmp_path: Path) -> None:
    vendor = CachingVendor()
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(b"".join(eve_alert(n, severity=1, host=f"w{n}") + b"\n" for n in range(3)))
    async with vendor.server:
        model = ModelConfig(provider="anthropic", model=MODEL, base_url=vendor.server.base_url)
        async with started(settings_for(alerts, tmp_path / "home", {"best": model})) as engine:
            await happens(lambda: sum(bool(row.analysed_by) for row in engine.snapshot.rows) == 3)
    assert all(usage.cache_write_tokens == usage.cache_read_tokens == 0 for _, usage in vendor.usages)
    assert all(most > 1 for most, _ in vendor.usages)
    assert msgspec.json.encode(vendor.server.requests[0].body["system"]).count(b"More examples") == 0
    assert vendor.server.requests[0].body["system"][0]["text"] == SYSTEM
