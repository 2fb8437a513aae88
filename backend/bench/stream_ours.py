"""The subject: the product's own way from a provider to a transcript, wired as the engine wires it."""

import time
from typing import Literal

from backend.alerts.model import Alert, Endpoint, Head
from backend.alerts.text import safe
from backend.analysis.ladder import AnalysisJob
from backend.analysis.model import Delta, TranscriptEvent
from backend.analysis.prompts import build_request
from backend.analysis.transcript import Transcript
from backend.analysis.verdict_stream import VerdictReader
from backend.bench.report import BenchError
from backend.bench.stream_bare import Timed
from backend.bench.stream_wire import answer_tokens
from backend.clock import SystemClock
from backend.enrichment.base import Evidence, Finding
from backend.pipeline.models import Models
from backend.providers.base import ModelRequest
from backend.settings import LaneConfig, ModelConfig, Settings

Provider = Literal["anthropic", "openai", "ollama"]
LANE = "critical"
MAX_TOKENS = 4_096
AT_ONCE = 64

ALERT = Alert(
    Head(
        "bench-1", "generic_json", 1_767_225_600_000, 4, safe("SSH brute force"), src_ip=safe("203.0.113.7")
    ),
    b'{"title":"SSH brute force","src_ip":"203.0.113.7","count":412}',
    src=Endpoint(safe("203.0.113.7"), 50_000),
    device_hostname=safe("web-01"),
    user_name=safe("root"),
)
EVIDENCE = (Evidence("E1", Finding("alert", safe("412 failed logins as root, then one success"))),)


def request() -> ModelRequest:
    """What the product asks of a model for one alert: what the bare SDK is given too."""
    return build_request(ALERT, EVIDENCE, (), nonce="0011223344556677", max_tokens=MAX_TOKENS)


def words_at() -> int:
    """How many tokens of an answer it takes until the first of its words can be shown."""
    reader = VerdictReader()
    for number, text in enumerate(answer_tokens(400), 1):
        if any(isinstance(event, Delta) for event in reader.feed(text)):
            return number
    raise BenchError("the scripted answer can't be read")


class Ours:
    """The analysis path over one provider: ladder, call, limits, reader, transcript."""

    def __init__(self, provider: Provider, url: str, model: str) -> None:
        base_url = f"{url}/v1" if provider == "openai" else url
        config = ModelConfig(
            provider=provider,
            model=model,
            base_url=base_url,
            max_tokens=MAX_TOKENS,
            max_concurrency=AT_ONCE,
        )
        settings = Settings(models={"bench": config}, lanes={LANE: LaneConfig(models=["bench"])})
        self._clock = SystemClock()
        self._models = Models(settings, self._clock, lambda _entry: None, paced=True)

    async def open(self) -> None:
        """Import the SDK and make ready."""
        await self._models.open()

    async def close(self) -> None:
        """Close its connections."""
        await self._models.close()

    async def call(self) -> Timed:
        """One alert analysed into a transcript.

        Raises:
            BenchError: the answer did not come whole.
        """
        transcript = Transcript()
        append = transcript.append
        words = 0.0

        def emit(event: TranscriptEvent) -> None:
            nonlocal words
            if not words and isinstance(event, Delta):
                words = time.perf_counter()
            append(event)

        begun = time.perf_counter()
        job = AnalysisJob(ALERT, EVIDENCE, (), LANE, None)
        analysis = await self._models.ladder(LANE, watched=True).run(job, emit)
        if analysis.kind != "model" or analysis.partial:
            attempts = "; ".join(f"{one.model}: {one.error}" for one in analysis.attempts)
            raise BenchError(f"the scripted answer was not taken as it is: {attempts or 'cut off'}")
        shown = "".join(event.text for event in transcript.since().events if isinstance(event, Delta))
        return Timed(analysis.first_token_ms / 1000, words - begun, shown)
