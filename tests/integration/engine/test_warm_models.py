"""An engine at rest has its models' connections open, and the first alert uses them."""

import asyncio
from pathlib import Path

import pytest

from backend.settings import ModelConfig, SourceConfig
from tests.support.engines import eve_alert, only_row, running, settings_for, until
from tests.support.ports import free_port
from tests.support.vendors import Done, Tokens, VendorServer

LINE = (
    '{"facts":[{"text":"Beacon from 10.4.2.17","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"Critical","summary":"A host calls out.","actions":[]}\n'
)


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "azure", "ollama"])
async def test_the_first_alert_finds_a_connection_open(vendor: str, tmp_path: Path) -> None:
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(b"")

    def play() -> None:
        model = ModelConfig(
            provider=vendor,  # type: ignore[arg-type]  # one of the vendors
            model="test-model",
            base_url=server.base_url,
            max_concurrency=1,
        )
        settings = settings_for(alerts, tmp_path / "home", {"best": model})
        settings.sources = [SourceConfig(uri=f"file://{alerts}?follow=true")]
        with running(settings) as engine:
            until(lambda: server.open_connections == 1)
            assert server.requests == []
            with alerts.open("ab") as file:
                file.write(eve_alert() + b"\n")
            until(lambda: engine.snapshot.rows and only_row(engine).verdict)
            assert only_row(engine).verdict == "True Positive"
            assert not only_row(engine).degraded

    async with VendorServer(vendor, [Tokens(LINE), Done()]) as server:
        await asyncio.to_thread(play)
        assert len(server.requests) >= 1
        assert server.accepted == 1


async def test_a_model_that_cannot_be_reached_delays_no_start(tmp_path: Path) -> None:
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(eve_alert() + b"\n")

    def play() -> None:
        model = ModelConfig(provider="openai", model="m", base_url=f"http://127.0.0.1:{free_port()}")
        with running(settings_for(alerts, tmp_path / "home", {"best": model})) as engine:
            until(lambda: engine.snapshot.rows and only_row(engine).verdict)
            assert only_row(engine).degraded

    await asyncio.to_thread(play)
