"""A model on Bedrock through the whole engine: settings to verdict, by either wire."""

import asyncio
from pathlib import Path

import pytest

from backend.settings import parse
from tests.integration.providers.asking import AWS
from tests.support.engines import eve_alert, only_row, running, settings_for, until
from tests.support.vendors import Done, Tokens, VendorServer
from tests.support.vendors.bedrock import ENVIRONMENT, FOREIGN, REGION

LINE = (
    '{"facts":[{"text":"Beacon from 10.4.2.17","evidence":["E1"]}],"verdict":"True Positive",'
    '"confidence":0.9,"severity":"Critical","summary":"A host calls out.","actions":[]}\n'
)


@pytest.mark.parametrize("kind", AWS)
async def test_an_alert_is_judged_by_a_model_on_bedrock(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(eve_alert() + b"\n")

    async with VendorServer(kind, [Tokens(LINE), Done()]) as server:
        table = (
            f'[models.best]\nprovider = "bedrock"\nmodel = "{AWS[kind]}"\n'
            f'region = "{REGION}"\nbase_url = "{server.base_url}"\n'
        )
        models = parse(table.encode(), "watchfloor.toml").models

        def play() -> None:
            with running(settings_for(alerts, tmp_path / "home", models)) as engine:
                until(lambda: engine.snapshot.rows and only_row(engine).verdict, 20)
                row = only_row(engine)
                engine.watch(row.id)
                until(lambda: (d := engine.detail(row.id)) is not None and d.analysis is not None)
                detail = engine.detail(row.id)
                assert detail is not None
                assert detail.analysis is not None
                assert (row.verdict, detail.analysis.provider) == ("True Positive", "bedrock")
                assert not detail.analysis.degraded

        await asyncio.to_thread(play)
    assert f"/{REGION}/bedrock/aws4_request" in server.requests[-1].headers["authorization"]
