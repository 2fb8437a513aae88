"""What was sent is kept byte for byte, inside its caps, also in a journal of before."""

import sqlite3
import zlib
from pathlib import Path

import msgspec
import pytest

from backend.alerts.model import Alert, DataClass, Head
from backend.alerts.text import safe
from backend.analysis.ledger import LedgerEntry
from backend.journal import outcomes
from backend.journal.schema import MIGRATIONS, migrate
from backend.journal.sent import PRUNE_EVERY, SentBody, SentStore, sent_calls
from backend.pipeline.private import DataClasses, open_privacy, rule_of
from backend.providers.base import Usage
from backend.settings import ModelConfig, PrivacyConfig, Settings, SettingsError, SourceConfig, parse

BODY = b'{"model":"m","messages":[{"role":"user","content":"USER-1"}]}'


@pytest.fixture
def journal(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    migrate(connection)
    return connection


def sent(number: int, wall_ms: int, body: bytes = BODY, alert_id: int = 7) -> SentBody:
    packed = zlib.compress(body)
    return SentBody(
        f"c{number}", alert_id, wall_ms, "anthropic:m", "api.example", "analysis", True, len(body), packed
    )


def test_the_bytes_come_back_with_their_call(journal: sqlite3.Connection) -> None:
    store = SentStore(10_000, 1_000_000)
    entry = LedgerEntry("c1", 5, 7, "high", "anthropic:m", 0.02, usage=Usage(30, 4), settled=True)
    packed = msgspec.msgpack.encode(entry)
    outcomes.put_call(
        journal, call_id="c1", alert_id=7, started_ms=5, model="anthropic:m", usd=0.02, entry=packed
    )
    store.put(journal, sent(1, 5))
    store.put(journal, sent(2, 6, alert_id=8))
    (call,) = sent_calls(journal, 7)
    assert call.body == BODY
    assert call.hidden
    assert call.host == "api.example"
    assert call.entry is not None
    assert call.entry.usage.input_tokens == 30
    assert sent_calls(journal, 8)[0].entry is None


def test_the_old_and_the_many_go(journal: sqlite3.Connection) -> None:
    import random

    noise = random.Random(1)
    store = SentStore(1_000, 20_000)
    for number in range(2 * PRUNE_EVERY + 1):
        store.put(journal, sent(number, number * 10, noise.randbytes(1_000)))
    rows = journal.execute("select wall_ms from sent order by wall_ms").fetchall()
    assert rows[0][0] >= 2 * PRUNE_EVERY * 10 - 1_000
    assert len(rows) <= 20
    assert rows[-1][0] == 2 * PRUNE_EVERY * 10


def test_a_journal_of_before_is_taken_on(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    MIGRATIONS[0](old)
    old.execute("pragma user_version = 1")
    old.execute("pragma application_id = 0x57464C52")
    migrate(old)
    SentStore(10, 10_000).put(old, sent(1, 5))
    assert sent_calls(old, 7)[0].body == BODY


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (ModelConfig(provider="anthropic", model="m"), "pseudonymise"),
        (ModelConfig(provider="openai", model="m", base_url="https://gateway.example/v1"), "pseudonymise"),
        (ModelConfig(provider="openai", model="m", base_url="http://127.0.0.1:8080/v1"), "local-only"),
        (ModelConfig(provider="openai", model="m", base_url="http://10.2.3.4/v1"), "local-only"),
        (
            ModelConfig(provider="openai", model="m", base_url="http://127.0.0.1/v1", privacy="pseudonymise"),
            "pseudonymise",
        ),
        (ModelConfig(provider="ollama", model="llama3"), "local-only"),
        (ModelConfig(provider="ollama", model="gpt-oss:120b-cloud"), "pseudonymise"),
        (ModelConfig(provider="ollama", model="m", base_url="https://ollama.com"), "pseudonymise"),
        (ModelConfig(provider="bedrock", model="m", region="eu-west-1"), "pseudonymise"),
        (ModelConfig(provider="anthropic", model="m", privacy="cloud-ok"), "cloud-ok"),
    ],
)
def test_what_a_model_may_be_told(
    config: ModelConfig, rule: DataClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert rule_of(config) == rule


def test_a_sources_class_goes_with_its_alerts_and_unknown_sources_are_the_strictest() -> None:
    alert = Alert(Head("u", "plain", 0, 3, safe("x")), b"")
    classes = DataClasses([SourceConfig(uri="-"), SourceConfig(uri="demo:", data="local-only")], ["a", "b"])
    assert classes.marked(alert, "a").data == "cloud-ok"
    assert classes.marked(alert, "b").data == "local-only"
    assert classes.marked(alert, "gone").data == "local-only"
    assert DataClasses([SourceConfig(uri="-")], ["a"]).marked(alert, "gone") is alert


def test_the_config_says_it() -> None:
    text = b"""
[[sources]]
uri = "-"
data = "local-only"
[models.best]
provider = "anthropic"
model = "m"
privacy = "cloud-ok"
[privacy]
own_domains = ["acme.example"]
own_networks = ["198.51.100.0/24"]
[privacy.fields]
cmd_line = "local-only"
"""
    settings = parse(text, "x")
    view = (
        open_privacy(settings)
        .outgoing(Alert(Head("u", "plain", 0, 3, safe("t")), b""), ())
        .view("pseudonymise")
    )
    assert view.text("198.51.100.9 on db.acme.example by 203.0.113.9") == "IP-1 on HOST-1 by 203.0.113.9"
    with pytest.raises(SettingsError, match="own_networks"):
        open_privacy(Settings(privacy=PrivacyConfig(own_networks=["10.0.0.0/33"])))
    with pytest.raises(SettingsError, match="data"):
        parse(b'[[sources]]\nuri = "-"\ndata = "secret"\n', "x")
