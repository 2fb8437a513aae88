"""What a source's class forbids is told to no cloud, by whichever path an alert comes to be asked about."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.api import Ask, Investigate, Look, Row
from backend.engine import Engine, Settings
from backend.settings import LaneConfig, ModelConfig, SourceConfig
from tests.support.engines import running, settings_for, until
from tests.support.vendors import Done, Script, Status, Tokens, VendorServer, Wait
from tests.support.vendors.script import Hang
from tests.support.vendors.server import ReceivedRequest

KEPT = re.compile(r"zkeep|10\.77\.")
"""Anything of an alert that is `local-only`."""
VEILED = re.compile(r"zveil-host|zveiluser|10\.88\.")
"""Names of one that is `pseudonymise`; the rest of it may be told."""
NAMES = re.compile(r"\b(?:z(?:keep|veil)-host-\d+|z(?:keep|veil)user\d+|(?:HOST|USER|IP)-\d+)\b")
DOWN: Script = [Status(503, "down")]
HIGH, MEDIUM, LOW = "High", "Medium", "Low"


def alert(kind: str, number: int, severity: str) -> bytes:
    """One alert; those of both kinds are alike in all but who took part."""
    net = {"keep": 77, "veil": 88}[kind]
    fields = {
        "id": f"{kind}-{number}",
        "title": "Odd tool started",
        "rule_id": "OT-1",
        "severity": severity,
        "timestamp": "2026-01-02T03:04:05Z",
        "hostname": f"z{kind}-host-{number}",
        "user": f"z{kind}user{number}",
        "src_ip": f"10.{net}.0.{number}",
        "dst_ip": "203.0.113.9",
        "command_line": f"tool --mark z{kind}mark{number}",
    }
    return json.dumps(fields).encode() + b"\n"


def parrot(request: ReceivedRequest) -> Script:
    """A model that names everybody it was told of."""
    said = json.dumps(request.body["messages"])
    names = list(dict.fromkeys(NAMES.findall(said)))
    verdict = {
        "facts": [{"text": f"Seen: {' '.join(names[:6])}", "evidence": ["E1"]}],
        "verdict": "True Positive",
        "confidence": 0.9,
        "severity": "High",
        "summary": f"Look at {', '.join(names[:4])} now.",
        "actions": [],
    }
    return [Tokens(f"{json.dumps(verdict)}\n\nIt was {', '.join(names)} [E1]."), Done()]


def broken(request: ReceivedRequest) -> Script:
    """The same, in a form that has to be mended."""
    names = NAMES.findall(json.dumps(request.body["messages"]))
    mended = len(request.body["messages"]) > 2
    return parrot(request) if mended else [Tokens(f'{{"verdict": NaN}} {" ".join(names)}'), Done()]


class Vendor:
    """A vendor whose answer the test chooses as it goes."""

    def __init__(self, vendor: str) -> None:
        self.answer: Script | Callable[[ReceivedRequest], Script] = parrot
        self.server = VendorServer(vendor, self._now)

    def _now(self, request: ReceivedRequest) -> Script:
        return self.answer(request) if callable(self.answer) else self.answer

    @property
    def told(self) -> list[str]:
        """All that it received, each request whole."""
        return [f"{one.path} {dict(one.headers)} {_text(one.body)}" for one in self.server.requests]


def _text(body: object) -> str:
    text = json.dumps(body, ensure_ascii=False)
    return f"{text} {text.encode().decode('unicode_escape', 'replace')}"


@dataclass
class Stage:
    """One run's folder, vendors and settings."""

    folder: Path
    cloud: Vendor
    local: Vendor
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        # The cloud's model is trusted with names: what protects them here is the class of the data alone.
        models = {
            "cloud": self.model("anthropic", self.cloud, usd=10.0),
            "small": self.model("anthropic", self.cloud, "s", usd=0.1),
            "local": self.model("openai", self.local),
        }
        self.settings = settings_for(self.folder / "veil.json", self.folder / "home", models)
        self.settings.sources = [self.source("veil", "pseudonymise"), self.source("keep", "local-only")]
        for lane in self.settings.lanes.values():
            lane.models = ["cloud", "local"]
        self.settings.speculation.enabled = False
        self.settings.catch_up.enabled = False

    def model(self, provider: str, vendor: Vendor, name: str = "m", usd: float | None = None) -> ModelConfig:
        return ModelConfig(
            provider=provider,  # type: ignore[arg-type]  # one of those there are
            model=name,
            base_url=vendor.server.base_url,
            privacy="cloud-ok" if vendor is self.cloud else "local-only",
            usd_per_mtok_input=usd,
            usd_per_mtok_output=usd,
        )

    def source(self, kind: str, data: str) -> SourceConfig:
        path = self.folder / f"{kind}.json"
        return SourceConfig(uri=f"file://{path}?follow=true", data=data)  # type: ignore[arg-type]  # as above

    def put(self, numbers: Sequence[int], severity: str) -> int:
        """So many alerts of each kind come in; how many in all."""
        for kind in ("veil", "keep"):
            with (self.folder / f"{kind}.json").open("ab") as file:
                file.writelines(alert(kind, number, severity) for number in numbers)
        return 2 * len(numbers)

    def down(self) -> None:
        self.cloud.answer = self.local.answer = DOWN

    def up(self) -> None:
        self.cloud.answer = self.local.answer = parrot


def judged(engine: Engine, count: int, *, by_model: bool = False) -> tuple[Row, ...]:
    """The rows, once so many alerts have come and each row has its verdict."""

    def done() -> bool:
        rows = engine.snapshot.rows
        told = all(row.verdict_ms and not (by_model and "playbook" in row.analysed_by) for row in rows)
        return engine.snapshot.alerts_total >= count and bool(rows) and told

    until(done, 40)
    return engine.snapshot.rows


def veiled(row: Row) -> bool:
    return "zveil" in str(row.head.hostname)


def ask(engine: Engine, row: Row) -> None:
    """A follow-up that names somebody else; returns when it is answered."""
    kind = "veil" if veiled(row) else "keep"
    engine.watch(row.id)
    before = len(engine.transcript(row.id).events)
    question = f"What did user z{kind}user901 do on host z{kind}-host-902?"
    assert engine.send(Ask(row.id, question)).result(10).ok
    until(lambda: any(getattr(e, "outcome", "") for e in engine.transcript(row.id).events[before:]), 20)


def each(stage: Stage) -> None:
    count = stage.put([1, 2], HIGH)
    with running(stage.settings) as engine:
        judged(engine, count)


def batches(stage: Stage) -> None:
    stage.settings.lanes["medium"] = LaneConfig(models=["cloud", "local"], max_batch=4, max_wait_s=1)
    count = stage.put([1, 2, 3, 4], MEDIUM)
    with running(stage.settings) as engine:
        judged(engine, count)
    for vendor in (stage.cloud, stage.local):
        assert any(len(set(re.findall(r"BEGIN DATA (\w+)", told))) > 2 for told in vendor.told)


def folds(stage: Stage) -> None:
    count = stage.put(range(1, 31), LOW)
    with running(stage.settings) as engine:
        for row in judged(engine, count):
            ask(engine, row)
        assert {row.count for row in engine.snapshot.rows} & {15, 30}


def questions(stage: Stage) -> None:
    count = stage.put([1], HIGH)
    with running(stage.settings) as engine:
        for row in judged(engine, count):
            ask(engine, row)
            ask(engine, row)  # earlier answers go along
    assert any("zveilmark1" in told and "USER-" in told and "What did" in told for told in stage.cloud.told)


def restart(stage: Stage) -> None:
    stage.cloud.answer = stage.local.answer = [Hang()]
    count = stage.put([1, 2], HIGH)
    with running(stage.settings) as engine:
        until(lambda: engine.snapshot.alerts_total == count and stage.cloud.told and stage.local.told)
    stage.up()
    with running(stage.settings) as engine:
        until(lambda: len(engine.snapshot.rows) == count)
        judged(engine, 0, by_model=True)


def gone_from_the_config(stage: Stage) -> None:
    stage.down()
    count = stage.put([1], HIGH)
    with running(stage.settings) as engine:
        judged(engine, count)
    stage.up()
    (stage.folder / "other.json").write_bytes(b"")
    stage.settings.sources = [stage.source("other", "cloud-ok")]
    with running(stage.settings) as engine:
        until(lambda: len(engine.snapshot.rows) == count)
        for row in engine.snapshot.rows:
            assert engine.send(Investigate(row.id)).result(10).ok
        for row in judged(engine, 0, by_model=True):
            ask(engine, row)


def asked_again(stage: Stage) -> None:
    stage.down()
    count = stage.put([1, 2], HIGH)
    with running(stage.settings) as engine:
        rows = judged(engine, count)
        stage.up()
    with running(stage.settings) as engine:  # its breakers are new
        for row in rows:
            assert engine.send(Investigate(row.id)).result(10).ok
        judged(engine, 0, by_model=True)


def looking_ahead(stage: Stage) -> None:
    stage.down()
    count = stage.put([1, 2], MEDIUM)
    stage.settings.models["cloud"] = stage.model("anthropic", stage.cloud, usd=0.0)  # else a share is all
    with running(stage.settings) as engine:
        judged(engine, count)
    stage.up()
    stage.settings.speculation.enabled = True
    with running(stage.settings) as engine:
        until(lambda: len(engine.snapshot.rows) == count)
        engine.send(Look(engine.snapshot.rows[0].id))
        until(lambda: not any("playbook" in row.analysed_by for row in engine.snapshot.rows if veiled(row)))


def made_up_for(stage: Stage) -> None:
    stage.down()
    count = stage.put([1, 2], HIGH)
    stage.settings.catch_up.enabled = True
    with running(stage.settings) as engine:
        judged(engine, count)
    stage.up()
    with running(stage.settings) as engine:
        judged(engine, 0, by_model=True)


def mended(stage: Stage) -> None:
    stage.cloud.answer = stage.local.answer = broken
    count = stage.put([1, 2], HIGH)
    with running(stage.settings) as engine:
        judged(engine, count)
    for vendor in (stage.cloud, stage.local):
        assert any("can't be used" in told for told in vendor.told)


def like_another(stage: Stage) -> None:
    count = stage.put([1], HIGH)
    with running(stage.settings) as engine:
        judged(engine, count)
        stage.down()
        count += stage.put([2], HIGH)
        rows = [row for row in judged(engine, count) if str(row.head.hostname).endswith("-2")]
        assert any(row.analysed_by.startswith("cache") or "As like" in row.summary for row in rows), rows
        stage.up()
        stage.settings.speculation.enabled = False
    with running(stage.settings) as engine:
        until(lambda: len(engine.snapshot.rows) == count)
        for row in engine.snapshot.rows:
            ask(engine, row)


def small_first(stage: Stage) -> None:
    stage.settings.lanes["medium"] = LaneConfig(models=["cloud", "local"], mode="each", first_ask="small")
    count = stage.put([1, 2], MEDIUM)
    with running(stage.settings) as engine:
        judged(engine, count)
    assert any("the JSON line alone" in told for told in stage.cloud.told)


def side_by_side(stage: Stage) -> None:
    stage.settings.lanes["high"] = LaneConfig(models=["local", "cloud"], hedge_after_s=0.05)
    stage.local.answer = lambda request: [Wait(0.8), *parrot(request)]
    count = stage.put([1, 2], HIGH)
    with running(stage.settings) as engine:
        judged(engine, count)


PATHS = (
    each, batches, folds, questions, restart, gone_from_the_config, asked_again, looking_ahead, made_up_for,
    mended, like_another, small_first, side_by_side,
)  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
async def test_nothing_forbidden_reaches_the_cloud(tmp_path: Path, path: Callable[[Stage], None]) -> None:
    cloud, local = Vendor("anthropic"), Vendor("openai")
    async with cloud.server, local.server:
        stage = Stage(tmp_path, cloud, local)
        await asyncio.to_thread(path, stage)
    assert [found[0] for told in cloud.told for found in KEPT.finditer(told)] == []
    assert [found[0] for told in cloud.told for found in VEILED.finditer(told)] == []
    # And the path was gone: each was asked about where it may be.
    assert any("zveilmark" in told and "HOST-" in told for told in cloud.told)
    assert any("zkeepmark" in told and "zkeep-host" in told for told in local.told)
