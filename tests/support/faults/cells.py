"""Plays one fault over one vendor's wire, and tells what came of it and after how long."""

import time
from dataclasses import dataclass

from backend.clock import SystemClock
from backend.providers.base import Ended, Outcome, Text, Usage
from backend.providers.limits import limited
from backend.providers.sdk import SdkProvider
from tests.integration.providers.asking import QUESTION, provider_for
from tests.support.faults.streams import SLACK_S, Ending, StreamFault
from tests.support.vendors import VendorServer


@dataclass(frozen=True)
class StreamCell:
    """How one call over one wire went."""

    outcome: Outcome
    text: str
    usage: Usage
    took_s: float
    """From the request, with a client that is ready but has no connection yet, to the ending."""
    requests: int
    """How often the vendor was asked."""

    @property
    def words(self) -> str:
        """The ending as the table shows it."""
        outcome = self.outcome
        name = f"{outcome.kind} {outcome.error_class}".strip()
        if outcome.retry_after_s is not None:
            name += f", wait {outcome.retry_after_s:.4g} s"
        return f"{name} · {self.took_s * 1000:.0f} ms"


async def play_stream(vendor: str, fault: StreamFault) -> StreamCell:
    """Let `vendor` do it to a provider within the fault's limits, as the engine asks one.

    Raises `TimeoutError` where the connection is not given back after the ending.
    """
    async with VendorServer(vendor, fault.script) as server:
        provider = provider_for(vendor, server.base_url, read_timeout_s=fault.read_timeout_s)
        assert isinstance(provider, SdkProvider)
        await provider.ready()
        texts: list[str] = []
        ended: Ended | None = None
        begun = time.monotonic()
        async for chunk in limited(provider, QUESTION, limits=fault.limits, clock=SystemClock()):
            assert ended is None, "an ending is the last thing said"
            if isinstance(chunk, Text):
                assert chunk.text
                texts.append(chunk.text)
            else:
                ended = chunk
        took = time.monotonic() - begun
        await provider.close()
        await server.until_open(0)
    assert ended is not None
    return StreamCell(ended.outcome, "".join(texts), ended.usage, took, len(server.requests))


def wrong_stream(vendor: str, fault: StreamFault, cell: StreamCell) -> str:
    """What is not as it must be; empty when all is."""
    ends = fault.but.get(vendor, fault.ends)
    usage = fault.usages.get(vendor, fault.usage)
    outcome = cell.outcome
    text = "".join(dict.fromkeys(cell.text)) if fault.goes_on else cell.text
    checks = {
        "outcome": (
            (outcome.kind, outcome.error_class, outcome.retryable, outcome.status)
            == (ends.kind, ends.error_class, ends.retryable, ends.status)
        ),
        "wait": _waits(ends, outcome.retry_after_s),
        "words": ends.detail in outcome.detail and "\n" not in outcome.detail,
        "text": text == fault.text,
        "usage": usage is None or cell.usage == usage,
        "time": fault.after_s <= cell.took_s + 0.01 <= fault.after_s + SLACK_S,
        "no retry of the SDK's": cell.requests == 1,
    }
    failed = [name for name, right in checks.items() if not right]
    return f"{', '.join(failed)}: {cell}" if failed else ""


def _waits(ends: Ending, wait_s: float | None) -> bool:
    if ends.retry_after_s is None or wait_s is None:
        return ends.retry_after_s is None and wait_s is None
    least, most = ends.retry_after_s
    return least <= wait_s <= most
