"""Alerts, evidence, answers and scripted models for the tests of the analysis."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from backend.alerts.model import Alert, Endpoint, Fact, Head, Process
from backend.alerts.text import safe
from backend.analysis.breaker import Breaker
from backend.analysis.budget import Budget
from backend.analysis.call import Caller, Rung
from backend.analysis.forecast import Shift
from backend.analysis.ladder import AnalysisJob, Ladder
from backend.analysis.ledger import Ledger, LedgerEntry
from backend.analysis.likes import Likes
from backend.analysis.model import Analysis, TranscriptEvent, Verdict
from backend.clock import Clock
from backend.enrichment.base import Evidence, Finding
from backend.providers.base import Chunk, Ended, ModelRequest, Outcome, Provider, Text, Usage
from backend.providers.limits import Limits
from backend.providers.prices import FREE, Price

COMPLETE = Outcome("complete")
OVERLOADED = Outcome("error", "try later", "overloaded", retryable=True, status=529)
RESET = Outcome("error", "connection reset", "network", retryable=True)
LINE = {
    "facts": [
        {"text": "412 failed logins as root in 3 minutes", "evidence": ["E1"]},
        {"text": "The source 198.51.100.7 is on two lists", "evidence": ["E2"]},
    ],
    "verdict": "True Positive",
    "confidence": 0.92,
    "severity": "High",
    "summary": "SSH brute force that ended in a login.",
    "actions": [{"action": "block_ip", "target": "198.51.100.7"}],
}
NARRATIVE = "**What happened.** Many logins failed [E1].\n\nThe source is known [E2]."


def line(**changes: object) -> str:
    return json.dumps({**LINE, **changes})


def answer(**changes: object) -> str:
    return f"{line(**changes)}\n\n{NARRATIVE}"


def alert(uid: str = "a1", raw: bytes = b'{"src":"198.51.100.7"}', **fields: object) -> Alert:
    head = Head(
        uid, "generic_json", 1_767_225_600_000, 4, safe("SSH brute force"), src_ip=safe("198.51.100.7")
    )
    base: dict[str, object] = {
        "src": Endpoint(safe("198.51.100.7"), 50_000),
        "device_hostname": safe("web-01"),
        "user_name": safe("root"),
        "process": Process(name=safe("sshd"), cmd_line=safe("sshd -D")),
        "facts": (Fact(safe("ssh.client"), safe("libssh-0.9"), attacker=True),),
    }
    return Alert(head, raw, **{**base, **fields})  # type: ignore[arg-type]  # fields pass through by name


EVIDENCE = (
    Evidence("E1", Finding("alert", safe("412 failed logins as root, then one success"))),
    Evidence("E2", Finding("threat_intel", safe("198.51.100.7 is on two brute-force lists"), 3, hard=True)),
)


class FakeClock:
    """Stands still; sleeping moves it. Timeouts are real, for nothing here takes real time."""

    def __init__(self, wall_ms: int = 1_767_225_600_000) -> None:
        self.now = 1_000.0
        self.wall = wall_ms

    def mono(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return self.wall

    def pass_s(self, seconds: float) -> None:
        self.now += seconds
        self.wall += int(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        self.pass_s(seconds)
        await asyncio.sleep(0)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


Script = tuple[Sequence[str], Outcome] | tuple[Sequence[str], Outcome, Usage]


class FakeModel:
    """Answers by script: pieces of text, then an ending; the last script repeats."""

    def __init__(self, *scripts: Script, name: str = "m", provider: str = "fake") -> None:
        self.provider = provider
        self.model = name
        self.requests: list[ModelRequest] = []
        self.closed = 0
        self.hold: asyncio.Event | None = None
        self._scripts = scripts

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        pieces, outcome = script[0], script[1]
        try:
            for piece in pieces:
                await asyncio.sleep(0)
                yield Text(piece)
            if self.hold is not None:
                await self.hold.wait()
            yield Ended(outcome, script[2] if len(script) == 3 else Usage(100, 50))
        finally:
            self.closed += 1

    async def close(self) -> None:
        return None


async def straight(
    provider: Provider, request: ModelRequest, *, limits: Limits, clock: Clock
) -> AsyncGenerator[Chunk, None]:
    """What `limited` does, without limits."""
    stream = provider.stream(request)
    try:
        async for chunk in stream:
            yield chunk
    finally:
        await stream.aclose()  # type: ignore[attr-defined]  # FakeModel.stream is an async generator


async def fake_playbook(
    _alert: Alert, _evidence: Sequence[Evidence], _signals: Sequence[str]
) -> AsyncIterator[Chunk]:
    yield Text(line(verdict="Suspicious", confidence=0.5, summary="By the playbook.") + "\n")
    yield Text("By rules alone [E1].")
    yield Ended(COMPLETE)


def fake_answer(
    _alert: Alert, _evidence: Sequence[Evidence], _analysis: Analysis | None, question: str
) -> str:
    return f"The playbook knows nothing of {question}."


class Rig:
    """A ladder of scripted models with its ledger, clock and transcript."""

    def __init__(
        self,
        *models: FakeModel,
        price: Price = FREE,
        playbook: Callable[[Alert, Sequence[Evidence], Sequence[str]], AsyncIterator[Chunk]] = fake_playbook,
        slots: int = 4,
        clock: FakeClock | None = None,
        likes: Likes | None = None,
        hedge_after_s: float | None = None,
        **budget: float | Shift | None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.entries: list[LedgerEntry] = []
        self.ledger = Ledger(self.clock, self.entries.append)
        self.budget = Budget(self.ledger, **budget)  # type: ignore[arg-type]  # limits pass through by name
        caller = Caller(self.clock, self.ledger, self.budget, straight)
        self.rungs = [
            Rung(
                f"rung{number}",
                model,
                Limits(10, 15, 60),
                price,
                asyncio.Semaphore(slots),
                Breaker(self.clock),
            )
            for number, model in enumerate(models)
        ]
        self.ladder = Ladder(
            self.rungs,
            caller,
            self.clock,
            playbook=playbook,
            playbook_answer=fake_answer,
            likes=likes,
            hedge_after_s=hedge_after_s,
        )
        self.events: list[TranscriptEvent] = []

    def job(self, *, lane: str = "high", left_s: float | None = 300.0, **fields: object) -> AnalysisJob:
        deadline = None if left_s is None else self.clock.mono() + left_s
        base: dict[str, object] = {"alert": alert(), "evidence": EVIDENCE, "signals": (), "alert_id": 7}
        return AnalysisJob(**{**base, "lane": lane, "deadline_mono": deadline, **fields})  # type: ignore[arg-type]  # fields pass through by name

    async def run(self, **fields: object) -> Analysis:
        return await self.ladder.run(self.job(**fields), self.events.append)  # type: ignore[arg-type]  # as above

    def shown(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def analysis(**fields: object) -> Analysis:
    """A finished analysis, as another part of the pipeline is handed it."""
    base: dict[str, object] = {
        "verdict": Verdict("Suspicious", 0.5, safe("something")),
        "narrative": safe("text"),
        "kind": "model",
        "provider": "a",
        "model": "b",
    }
    return Analysis(**{**base, **fields})  # type: ignore[arg-type]  # fields pass through by name
