"""Doctor against Kinesis: moto's server for the real client, ours for refusals."""

from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

from backend.settings import SourceConfig
from tests.support import eve
from tests.support.doctoring import check_source, steps
from tests.support.kinesis import FakeKinesis, start_moto
from tests.support.ports import free_port

ALERT = eve.lines([eve.alert(7, severity=1)]).rstrip()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with start_moto() as url:
        yield url


async def test_a_stream_is_found_and_its_oldest_record_read(tmp_path: Path, endpoint: str) -> None:
    client = botocore.session.get_session().create_client(
        "kinesis", region_name="eu-west-1", endpoint_url=endpoint
    )
    client.create_stream(StreamName="alerts", ShardCount=1)
    uri = f"kinesis://eu-west-1/alerts?endpoint={endpoint}"
    empty = await check_source(tmp_path, uri)
    assert steps(empty) == [
        ("address", "ok"), ("settings", "ok"), ("TCP", "ok"), ("login", "ok"), ("stream", "ok"),
        ("sample", "warn"),
    ]  # fmt: skip
    client.put_record(StreamName="alerts", Data=ALERT, PartitionKey="k")
    client.close()
    good = await check_source(tmp_path, uri)
    assert steps(good)[-1] == ("sample", "ok")
    assert "suricata_eve, High, lane high: TEST" in good[-1].found
    wrong = await check_source(tmp_path, f"kinesis://eu-west-1/alrts?endpoint={endpoint}")
    assert (wrong[-1].check, wrong[-1].state, wrong[-1].mend) == ("stream", "failed", "did you mean alerts?")


async def test_a_refusal_and_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    async with FakeKinesis() as kinesis:
        kinesis.refuse = "UnrecognizedClientException"
        uri = f"kinesis://eu-west-1/alerts?endpoint={kinesis.endpoint}"
        refused = await check_source(tmp_path, uri)
    assert steps(refused)[-1] == ("login", "failed")
    assert "ListShards" in refused[-1].mend
    half = await check_source(tmp_path, SourceConfig(uri=uri, username="AKIATEST"))
    assert steps(half)[-1] == ("settings", "failed")
    away = await check_source(tmp_path, f"kinesis://eu-west-1/alerts?endpoint=http://127.0.0.1:{free_port()}")
    assert steps(away)[-1] == ("TCP", "failed")
    assert "refused" in away[-1].found
