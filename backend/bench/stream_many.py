"""Many streams at once on one engine: is each as fast as the server that sends it?"""

import asyncio
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backend.bench.report import BenchError
from backend.bench.stream_model import ModelAddress
from backend.bench.stream_report import ManyFigures
from backend.settings import LaneConfig, ModelConfig, Settings, SourceConfig, SpeculationConfig

if TYPE_CHECKING:
    from backend.engine import Engine
    from backend.pipeline.work import Analysed

LOOK_S = 0.05
SPARE_S = 60.0
"""On top of the streams' own time, until the measurement gives up."""
_NUMBER = re.compile(r"STREAM-(\d{3})")


class _Taken(msgspec.Struct, frozen=True, gc=False):
    """One stream as the engine took it."""

    tokens: int
    seconds: float
    """From its first token to its end."""
    whole: bool


async def many(model: ModelAddress, *, streams: int, tokens: int, rate: int) -> ManyFigures:
    """Let one engine analyse `streams` alerts at once, each answered by `tokens` tokens at `rate` a second.

    Raises:
        BenchError: not every alert had its verdict in time.
    """
    from backend.engine import Engine  # the engine knows the benchmarks, too

    taken: dict[int, _Taken] = {}

    def analysed(one: "Analysed") -> None:
        number = _NUMBER.search(str(one.alert.head.title))
        if number is not None:
            taken[int(number[1])] = _taken(one, tokens)

    with tempfile.TemporaryDirectory(prefix="watchfloor-bench-") as folder:
        settings = _settings(Path(folder), model.url, streams, f"scripted-{tokens}-{rate}")
        engine = Engine(settings, paced=False, on_analysed=analysed)
        engine.start()
        try:
            lag = await _until(engine, taken, streams, tokens / rate + SPARE_S)
        finally:
            await asyncio.to_thread(engine.stop)
    sent = await model.sent()
    ratios = {
        number: _rate(one.tokens, one.seconds) / _rate(len(sent[number]), sent[number][-1] - sent[number][0])
        for number, one in taken.items()
    }
    worst = min(ratios, key=lambda number: ratios[number])
    return ManyFigures(
        streams=streams,
        tokens=tokens,
        tokens_per_s=rate,
        whole=sum(one.whole for one in taken.values()),
        worst_ratio=round(ratios[worst], 4),
        worst_stream=worst,
        median_ratio=round(statistics.median(ratios.values()), 4),
        loop_lag_p99_ms=round(lag, 1),
    )


def _rate(tokens: int, seconds: float) -> float:
    return (tokens - 1) / max(1e-9, seconds)


def _taken(one: "Analysed", tokens: int) -> _Taken:
    analysis = one.result.analysis
    whole = analysis.kind == "model" and not analysis.partial and analysis.usage.output_tokens == tokens
    seconds = (analysis.analyse_ms - analysis.first_token_ms) / 1000
    return _Taken(analysis.usage.output_tokens, seconds, whole)


async def _until(engine: "Engine", taken: dict[int, _Taken], streams: int, seconds: float) -> float:
    """Wait for every verdict; the engine's own worst figure of its loop's lag meanwhile, milliseconds."""
    give_up = time.monotonic() + seconds
    lag = 0.0
    await asyncio.to_thread(engine.wait_started)
    while len(taken) < streams:
        if engine.failed or time.monotonic() > give_up:
            raise BenchError(
                f"only {len(taken)} of {streams} streams ended: {engine.failed or 'no time left'}"
            )
        lag = max(lag, engine.snapshot.engine_lag_ms)
        await asyncio.sleep(LOOK_S)
    return lag


def _settings(home: Path, url: str, streams: int, model: str) -> Settings:
    file = home / "streams.ndjson"
    alerts = [
        {
            "title": f"STREAM-{number:03d} login after many failures",
            "severity": "Critical",
            "rule": f"rule-{number}",
            "src_ip": f"203.0.113.{number % 250}",
            "host": f"web-{number:03d}",
        }
        for number in range(streams)
    ]
    file.write_bytes(b"".join(msgspec.json.encode(alert) + b"\n" for alert in alerts))
    lanes = {"critical": LaneConfig(models=["bench"], sla_s=600.0)}
    config = ModelConfig(
        provider="anthropic",
        model=model,
        base_url=url,
        max_tokens=8_192,
        max_concurrency=streams,
        total_timeout_s=600.0,
    )
    return Settings(
        sources=[SourceConfig(uri=f"file://{file}")],
        models={"bench": config},
        lanes=lanes,
        speculation=SpeculationConfig(enabled=False),  # each alert is asked about once
        home=str(home),
    )
