"""A grep of all that left the process in a full run: no secret, no name a vendor should not see."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from backend.api import Ask, TranscriptEvent
from backend.engine import Engine, export_dead_letters, export_records, to_csv
from backend.settings import ModelConfig, SinkConfig, SourceConfig
from console.logs import log_to_file
from tests.support.engines import running, settings_for, until
from tests.support.planting import Planted, eve, found, generic, kept_here
from tests.support.vendors import Done, Script, Tokens, VendorServer
from tests.support.vendors.server import ReceivedRequest

EVE, GENERIC, KEPT = 16, 16, 20
TOKEN = re.compile(r"\b(?:USER|HOST|IP|MAIL|DOM)-\d+\b")


def text_of(request: ReceivedRequest) -> str:
    """All a vendor was told, as text: once as the wire has it and once with its escapes undone."""
    body = json.dumps(request.body, ensure_ascii=False)
    return body + "\n" + "\n".join(_strings(request.body))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield value.replace("\\\\", "\\").replace('\\"', '"')
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def parrot(request: ReceivedRequest) -> Script:
    """A vendor that names everything it was shown, in pieces cut anywhere."""
    said = "\n".join(message["content"] for message in request.body["messages"] if message["role"] == "user")
    tokens = list(dict.fromkeys(TOKEN.findall(said)))
    target = next((token for token in tokens if token.startswith("HOST")), "nobody")
    verdict = {
        "facts": [{"text": f"Seen: {' '.join(tokens[:8])}", "evidence": ["E1"]}],
        "verdict": "True Positive",
        "confidence": 0.9,
        "severity": "High",
        "summary": f"Look at {target} now.",
        "actions": [{"action": "isolate_host", "target": target}],
    }
    answer = f"{json.dumps(verdict)}\n\nIt was {target}, with {', '.join(tokens)} [E1]."
    return [Tokens([answer[at : at + 3] for at in range(0, len(answer), 3)]), Done()]


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Path]:
    """Logs as the console writes them, put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log_to_file(tmp_path / "logs")
    yield tmp_path / "logs" / "watchfloor.log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def written(engine: Engine, alert_id: int) -> tuple[TranscriptEvent, ...]:
    return engine.transcript(alert_id).events


async def test_nothing_that_should_stay_leaves(tmp_path: Path, logged: Path) -> None:
    planted, marked = Planted(), Planted()
    (tmp_path / "eve.json").write_bytes(
        b"\n".join(eve(planted, n) for n in range(EVE)) + b"\n{broken " + f"password={'Hx7' * 4}\n".encode()
    )
    (tmp_path / "own.json").write_bytes(b"\n".join(generic(planted, 100 + n) for n in range(GENERIC)) + b"\n")
    (tmp_path / "kept.json").write_bytes(b"\n".join(kept_here(marked, 300 + n) for n in range(KEPT)) + b"\n")
    secrets = [*planted.secrets, *marked.secrets]
    assert len(secrets) == 200
    async with VendorServer("anthropic", parrot) as cloud, VendorServer("openai", parrot) as local:
        cloud_model = ModelConfig(
            provider="anthropic", model="c", base_url=cloud.base_url, privacy="pseudonymise"
        )
        local_model = ModelConfig(provider="openai", model="l", base_url=local.base_url)
        settings = settings_for(
            tmp_path / "eve.json", tmp_path / "home", {"cloud": cloud_model, "local": local_model}
        )
        settings.sources += [
            SourceConfig(uri=f"file://{tmp_path / 'own.json'}"),
            SourceConfig(uri=f"file://{tmp_path / 'kept.json'}", data="local-only"),
        ]
        settings.privacy.own_domains = ["corp.example"]
        settings.sinks = [SinkConfig(uri=f"file://{tmp_path / 'sink.ndjson'}")]
        settings.speculation.enabled = False
        views = await asyncio.to_thread(_run, settings, planted, secrets)
    told_cloud = [text_of(request) for request in cloud.requests]
    told_local = [text_of(request) for request in local.requests]
    assert len(told_cloud) >= EVE + GENERIC
    assert len(told_local) >= 1
    records = [json.dumps(record, ensure_ascii=False) for record in export_records(settings, 0)]
    assert len(records) == EVE + GENERIC + KEPT
    dead = [json.dumps(letter, ensure_ascii=False) for letter in export_dead_letters(settings, 0)]
    sheet = [to_csv(record) for record in export_records(settings, 0)]
    sunk = (tmp_path / "sink.ndjson").read_text()
    logs = logged.read_text() if logged.exists() else ""
    everything = [*told_cloud, *told_local, *records, *dead, *sheet, sunk, logs, *views]
    assert found(secrets, *everything) == []
    assert "[masked:" in told_cloud[0]
    names = [*planted.names, "CORPNET", "corp.example"]
    assert found(names, *told_cloud) == []
    assert found(marked.marks + marked.names, *told_cloud) == []
    # What should be there: indicators for the vendor, everything but secrets for one's own model.
    assert any("203.0.113." in text and "evil-example.net" in text for text in told_cloud)
    assert sorted(found(marked.marks, *told_local)) == sorted(marked.marks)
    # And back: what the vendor said of HOST-1 is told by its name.
    assert not any(TOKEN.search(record) for record in records)
    hosts = [name for name in planted.names if name.startswith("lt-")]
    assert len(found(hosts, *(line for line in records if '"isolate_host"' in line))) == len(hosts)


def _run(settings: object, planted: Planted, secrets: list[str]) -> list[str]:
    """Analyse all, ask on with a name and a secret in the question, and read back what was sent."""
    with running(settings) as engine:  # type: ignore[arg-type]  # Settings
        until(lambda: engine.idle and len(engine.snapshot.rows) == EVE + GENERIC + KEPT, 60)
        rows = {str(row.head.title): row for row in engine.snapshot.rows}
        row = next(row for title, row in rows.items() if title.startswith("Odd command"))
        stranger = planted.person(900)
        engine.watch(row.id)
        question = f"What did user {stranger} do? password={secrets[20][:9]}Zz9 and {secrets[0]}"
        secrets.append(f"{secrets[20][:9]}Zz9")
        assert engine.send(Ask(row.id, question)).result(10).ok
        until(
            lambda: any(
                getattr(e, "outcome", "") and getattr(e, "turn", 0) == 1 for e in written(engine, row.id)
            ),
            20,
        )
        structlog.get_logger("test").error(
            "failed", detail=f"password={secrets[15]}", exc=f"Bearer {secrets[12]}"
        )
        views: list[str] = []
        for one in engine.snapshot.rows:
            view = engine.sent(one.id).result(10)
            assert view.sent, one.head.title
            assert all(item.size and item.host == "127.0.0.1" for item in view.sent)
            views += [item.body for item in view.sent]
            if view.next is not None:
                views.append(view.next.body)
        followed = [item for item in engine.sent(row.id).result(10).sent if item.kind == "question"]
        assert len(followed) == 1
        assert followed[0].hidden
        assert stranger not in followed[0].body
        return views
