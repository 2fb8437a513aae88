"""What the limits tell of a call that they end; `test_fault_table` has every silence that they must end."""

from backend.clock import SystemClock
from backend.providers.base import Ended, Usage
from backend.providers.limits import Limits, limited
from tests.integration.providers.asking import QUESTION, provider_for
from tests.support.vendors import Done, Hang, Script, Tokens, VendorServer


async def test_what_was_counted_before_the_limit_is_told() -> None:
    script: Script = [Tokens(["a"]), Hang(), Done(usage=Usage(50, 9, 700, 0))]
    async with VendorServer("anthropic", script) as server:
        provider = provider_for("anthropic", server.base_url)
        chunks = [c async for c in limited(provider, QUESTION, limits=Limits(9, 0.2, 9), clock=SystemClock())]
        await provider.close()
    last = chunks[-1]
    assert isinstance(last, Ended)
    assert last.usage == Usage(50, 1, 700, 0)
