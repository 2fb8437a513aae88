"""A ladder over loopback vendors for the tests of the analysis on the wire."""

import asyncio
import functools

from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Caller, Rung
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.ledger import Ledger, LedgerEntry
from backend.analysis.likes import Likes
from backend.analysis.model import Analysis, AttemptEnded, AttemptStarted, Delta
from backend.analysis.playbook.answers import answer as playbook_answer
from backend.analysis.playbook.wire import stream_playbook
from backend.analysis.rates import Gate
from backend.analysis.transcript import Transcript
from backend.clock import SystemClock
from backend.providers.base import Provider, Usage
from backend.providers.config import ProviderConfig
from backend.providers.limits import Limits, limited
from backend.providers.prices import Price
from backend.providers.registry import open_provider
from tests.support.vendors import Done, Script, Tokens, VendorServer
from tests.unit.analysis.builders import EVIDENCE, alert, answer, line

CLOCK = SystemClock()
QUICK = Limits(first_token_s=1.0, idle_s=1.0, total_s=5.0)
PRICE = Price(3.0, 15.0, 0.3, 3.75, known=True)
WHOLE: Script = [Tokens(answer()), Done(usage=Usage(900, 120))]
HALF = line()[:100]


class Desk:
    """A ladder over loopback vendors, and what an analyst would see of it."""

    def __init__(
        self,
        *providers: Provider,
        limits: Limits = QUICK,
        slots: int = 2,
        hedge_after_s: float | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> None:
        self.entries: list[LedgerEntry] = []
        self.ledger = Ledger(CLOCK, self.entries.append)
        self.slots = [asyncio.Semaphore(slots) for _ in providers]
        self.transcript = Transcript()
        self._providers = providers
        caller = Caller(CLOCK, self.ledger, Budget(self.ledger), limited)
        self.rungs = [
            Rung(
                f"rung{number}",
                provider,
                limits,
                PRICE,
                self.slots[number],
                Breaker(CLOCK),
                gate=gates[number] if number < len(gates) else Gate(),
            )
            for number, provider in enumerate(providers)
        ]
        self.ladder = Ladder(
            self.rungs,
            caller,
            CLOCK,
            playbook=functools.partial(stream_playbook, clock=CLOCK),
            playbook_answer=playbook_answer,
            likes=Likes(CLOCK.mono),
            hedge_after_s=hedge_after_s,
        )

    def job(self, left_s: float = 20.0, **fields: object) -> AnalysisJob:
        return AnalysisJob(alert(), EVIDENCE, (), "high", CLOCK.mono() + left_s, **fields)  # type: ignore[arg-type]  # fields pass through by name

    async def run(self, left_s: float = 20.0) -> Analysis:
        analysis = await self.ladder.run(self.job(left_s), self.transcript.append)
        for provider in self._providers:
            await provider.close()
        assert not self.transcript.live
        return analysis

    def began(self) -> list[tuple[str, int, str]]:
        events = self.transcript.since().events
        return [(e.provider, e.number, e.note) for e in events if isinstance(e, AttemptStarted)]

    def text(self, kind: str) -> str:
        events = self.transcript.since().events
        return "".join(event.text for event in events if isinstance(event, Delta) and event.kind == kind)

    def endings(self) -> list[str]:
        return [event.outcome for event in self.transcript.since().events if isinstance(event, AttemptEnded)]


def provider(server: VendorServer) -> Provider:
    return open_provider(
        ProviderConfig(server.vendor, "test-model", base_url=server.base_url, read_timeout_s=5.0)
    )
