from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.lanes import LANE_SLA_S, LANES
from backend.settings import Settings, SettingsError, load, parse, secret

EVERYTHING = """
[[sources]]
uri = "kafka://127.0.0.1:9092/alerts?group=watchfloor"
password_env = "KAFKA_PASSWORD"
[sources.mapping]
title = "event.name"
[sources.severity_map]
urgent = "Critical"

[models.best]
provider = "anthropic"
model = "m"
api_key_env = "ANTHROPIC_API_KEY"
base_url = "https://gateway.example"
first_token_timeout_s = 10
idle_timeout_s = 15
total_timeout_s = 60
max_concurrency = 4
requests_per_minute = 50
tokens_per_minute = 40000

[lanes.critical]
sla_s = 60
models = ["best", "playbook"]
mode = "each"

[budget]
usd_per_hour = 5.0
usd_per_day = 50.0
reserve_for_critical = 0.3

[enrichment]
budget_ms = 100
[enrichment.assets]
path = "assets.csv"

[[sinks]]
uri = "file:///tmp/out.ndjson"

[ui]
theme = "contrast"
[ui.keys]
quit = "f10"
"""


def wrong(text: str) -> str:
    """The error that a file's text gives: always one printable line that names the file."""
    with pytest.raises(SettingsError) as caught:
        parse(text.encode(), "w.toml")
    said = str(caught.value)
    assert said.startswith("config w.toml: ")
    assert said.isprintable()
    return said


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine, and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WATCHFLOOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("WATCHFLOOR_CONFIG", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_the_contracts_example_is_understood_whole() -> None:
    settings = parse(EVERYTHING.encode(), "w.toml")
    assert settings.sources[0].mapping == {"title": "event.name"}
    assert settings.models["best"].tokens_per_minute == 40_000
    assert settings.lanes["critical"].models == ["best", "playbook"]
    assert (settings.budget.usd_per_day, settings.enrichment.budget_ms) == (50.0, 100.0)
    assert (settings.sinks[0].uri, settings.ui.keys) == ("file:///tmp/out.ndjson", {"quit": "f10"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[budgett]\n", "unknown key 'budgett'; did you mean 'budget'?"),
        ("[budget]\nusd_per_hr = 1", "[budget] unknown key 'usd_per_hr'; did you mean 'usd_per_hour'?"),
        ("[models.m]\nprovder = 'openai'", "[models.m] unknown key 'provder'; did you mean 'provider'?"),
        ("[[sources]]\nurl = '-'", "[sources] unknown key 'url'; did you mean 'uri'?"),
        ("[enrichment.assets]\npth = 'x'", "[enrichment.assets] unknown key 'pth'; did you mean 'path'?"),
        ("demo = true", "unknown key 'demo'"),
        ("home = '/tmp'", "unknown key 'home'"),
        ('"a\\nb\\u001b" = 1', "unknown key 'a b"),
        ("[models.m]\nprovider = 'opnai'", "[models.m] provider can't be 'opnai'; did you mean 'openai'?"),
        ("[ui]\ntheme = 'blue'", "[ui] theme can't be 'blue'; known are dark, light, contrast"),
        ("[models.m]\nprovider='ollama'\nmax_concurrency='4'", "max_concurrency: expected a whole number"),
        ("[[sources]]\nuri='-'\n[[sources]]\nformat='cef'", "[sources number 2] needs the key 'uri'"),
        ("[sources]\nuri = '-'", "write [[sources]]"),
        ("[models]\nbest = 3", "best: expected a table"),
        ("[lanes.urgent]\nsla_s = 1", "no lane 'urgent'; known are critical"),
        ("[lanes.critcal]\nsla_s = 1", "did you mean 'critical'?"),
        ("[lanes.high]\nmodels=['bets']\n[models.best]\nprovider='ollama'\nmodel='x'", "mean 'best'?"),
        ("[models.a]\nprovider = 'openai'", "[models.a] needs the key 'model'"),
        ("[models.a]\nprovider='ollama'\nmodel='x'\nmax_concurrency=0", "max_concurrency = 0 must be 1"),
        ("[models.a]\nprovider='ollama'\nmodel='x'\nmax_concurrency=1001", "= 1001 must be 1000 or less"),
        ("[models.a]\nprovider='ollama'\nmodel='x'\nidle_timeout_s=-1", "idle_timeout_s = -1.0 must be"),
        ("[lanes.low]\nsla_s = nan", "must be a number below"),
        ("[lanes.low]\nsla_s = inf", "must be a number below"),
        ("[lanes.critical]\nhedge_after_s = -1", "must be 0 or more"),
        ("[lanes.critical]\nhedge_after = 1", "did you mean 'hedge_after_s'?"),
        ("[budget]\nusd_per_day = -1", "must be 0 or more"),
        ("[budget]\nreserve_for_critical = 1", "reserve_for_critical must be from 0"),
        ("[budget]\nshift_hours = 0", "[budget] shift_hours = 0.0 must be 0.25 or more"),
        ("[budget]\nshift_starts = '8 am'", "[budget] shift_starts = '8 am' must be a time of day such as"),
        ("[budget]\nshift_starts = '24:00'", "must be a time of day such as \"08:00\""),
        ("a = 'unfinished", "not valid TOML"),
        ("a = 1\na = 2", "not valid TOML"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_what_would_do(text: str, says: str) -> None:
    assert says in wrong(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(SettingsError, match="not valid TOML"):
        parse(b"\xff\xfe\x00", "w.toml")


@given(st.text(max_size=80))
def test_any_text_is_settings_or_one_line(text: str) -> None:
    try:
        assert isinstance(parse(text.encode("utf-8", "surrogatepass"), "w.toml"), Settings)
    except SettingsError as error:
        assert "\n" not in str(error)


def test_with_nothing_configured_the_demo_is_shown(tmp_path: Path) -> None:
    settings = load()
    assert (settings.demo, settings.sources[0].uri) == (True, "demo:")
    assert settings.home == str(tmp_path / "home")
    assert settings.ui.actor


def test_sources_of_the_command_line_replace_the_files(tmp_path: Path) -> None:
    (tmp_path / "watchfloor.toml").write_text("[[sources]]\nuri = 'demo:'\n[ui]\nactor = 'ann'\n")
    settings = load(sources=("-",))
    assert ([s.uri for s in settings.sources], settings.demo, settings.ui.actor) == (["-"], False, "ann")


def test_the_file_is_looked_for_in_the_contracts_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[ui]\nactor = '{path.stem}'\n")  # never the machine's own name: see below
        return path

    folder = tmp_path / "config" / "watchfloor"
    write(folder / "watchfloor.toml").write_text("[ui]\nactor = 'folder'\n")
    assert load().ui.actor == "folder"
    write(tmp_path / "watchfloor.toml")
    assert load().ui.actor == "watchfloor user"  # the machine decides as "watchfloor", no person does
    monkeypatch.setenv("WATCHFLOOR_CONFIG", str(write(tmp_path / "environment.toml")))
    assert load().ui.actor == "environment"
    assert load(write(tmp_path / "named.toml")).ui.actor == "named"


def test_a_file_that_is_named_must_be_there_and_readable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path)


def test_chains_and_deadlines_have_the_designs_defaults() -> None:
    none = Settings()
    assert [none.sla_s(lane) for lane in LANES] == [LANE_SLA_S[lane] for lane in LANES]
    assert all(none.chain(lane) == () for lane in LANES)
    text = "".join(
        f"[models.{n}]\nprovider='ollama'\nmodel='x'\n" for n in ("small", "fast", "best", "local")
    )
    named = parse(text.encode(), "w.toml")
    assert named.chain("critical") == ("best", "fast", "local")
    assert named.chain("medium") == ("fast", "local")
    assert named.chain("low") == ("small", "local", "fast")
    only = parse(b"[models.mine]\nprovider='ollama'\nmodel='x'\n", "w.toml")
    assert all(only.chain(lane) == ("mine",) for lane in LANES)


def test_lanes_are_treated_as_the_design_says_unless_told_otherwise() -> None:
    none = Settings()
    assert [none.mode(lane) for lane in LANES] == ["each", "each", "batch", "aggregate", "pattern"]
    told = parse(b"[lanes.low]\nmode='each'\n[lanes.medium]\nmode='each'\n", "w.toml")
    assert [told.mode(lane) for lane in LANES] == ["each", "each", "each", "each", "pattern"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[lanes.critical]\nmode = 'aggregate'", "[lanes.critical] mode = 'aggregate' must be each"),
        ("[lanes.high]\nmode = 'batch'", "[lanes.high] mode = 'batch' must be each"),
        ("[lanes.medium]\nmode = 'aggregate'", "[lanes.medium] mode = 'aggregate' must be each or batch"),
        ("[lanes.medium]\nmax_batch = 0", "[lanes.medium] max_batch = 0 must be 1 or more"),
        ("[lanes.medium]\nmax_wait_s = -1", "[lanes.medium] max_wait_s = -1.0 must be 0 or more"),
        ("[lanes.low]\nwindow_s = 0.1", "[lanes.low] window_s = 0.1 must be 1 or more"),
        ("[lanes.low]\nsample = -1", "[lanes.low] sample = -1 must be 0 or more"),
    ],
)
def test_how_a_lane_may_not_be_treated_is_said(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text.encode(), "w.toml")
    assert str(caught.value) == f"config w.toml: {says}"


_TWO = "[models.big]\nprovider='ollama'\nmodel='x'\n[models.small]\nprovider='ollama'\nmodel='y'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[lanes.high]\nfirst_ask = 'small'\nmodels = ['big']",
            "[lanes.high] first_ask is for medium, low and raw: "
            "critical and high ask their own models at once",
        ),
        (
            "[lanes.medium]\nfirst_ask = 'smal'\nmodels = ['big']",
            "[lanes.medium] first_ask names model 'smal', but there is no [models.smal]; "
            "did you mean 'small'?",
        ),
        (
            "[lanes.low]\nfirst_ask = 'small'\nmodels = ['small', 'big']",
            "[lanes.low] first_ask = 'small' is asked in full anyway; name a cheaper model or leave it out",
        ),
        (
            "[lanes.low]\nfirst_ask = 'small'\nmodels = []",
            "[lanes.low] first_ask has nothing to spare: the lane asks no model; leave it out",
        ),
        (
            "[models.rules]\nprovider='playbook'\n[lanes.low]\nfirst_ask = 'rules'\nmodels = ['big']",
            "[lanes.low] first_ask = 'rules' is the playbook, which judges every answer anyway; "
            "name a small model",
        ),
        ("[lanes.low]\nfirst_ask = 3", "[lanes.low] first_ask: expected text, got a whole number"),
    ],
)
def test_who_may_not_be_asked_first_is_said(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse((_TWO + text).encode(), "w.toml")
    assert str(caught.value) == f"config w.toml: {says}"


def test_a_small_model_may_be_asked_first_but_not_before_the_command_lines(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(f"{_TWO}[lanes.medium]\nfirst_ask = 'small'\nmodels = ['big']\n", "utf-8")
    assert load(path).lanes["medium"].first_ask == "small"
    assert load(path, model="ollama:z").lanes["medium"].first_ask is None
    assert all(config.first_ask is None for config in parse(_TWO.encode(), "w.toml").lanes.values())


def test_a_lane_may_have_a_chain_and_a_deadline_of_its_own() -> None:
    text = b"[models.a]\nprovider='ollama'\nmodel='x'\n[lanes.high]\nsla_s=9\nmodels=[]\n"
    settings = parse(text, "w.toml")
    assert (settings.sla_s("high"), settings.chain("high")) == (9.0, ())
    assert settings.sla_s("critical") == LANE_SLA_S["critical"]


def test_a_model_of_the_command_line_answers_every_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(sources=("-",), model="openai:gpt-x")
    assert all(settings.chain(lane) == ("cli",) for lane in LANES)
    assert settings.models["cli"].api_key_env == "OPENAI_API_KEY"
    assert load(sources=("-",), model="playbook").chain("critical") == ()


@pytest.mark.parametrize(
    ("spec", "says"),
    [("opnai:x", "did you mean 'openai'?"), ("openai", "openai:MODEL"), ("", "no provider ''")],
)
def test_a_wrong_model_is_said(spec: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"^--model") as caught:
        load(model=spec)
    assert says in str(caught.value)


def test_a_base_url_without_a_model_is_said() -> None:
    with pytest.raises(SettingsError, match="--model PROVIDER:MODEL"):
        load(base_url="http://127.0.0.1:1")


GATEWAY = """
[models.best]
provider = "openai"
model = "big"
api_key_env = "GATEWAY_KEY"
base_url = "https://gateway.example"
headers_env = {"X-Team-Token" = "GATEWAY_TOKEN"}
proxy = "http://proxy.example:3128"
ca_file = "/etc/soc/ca.pem"
total_timeout_s = 7
usd_per_mtok_input = 3
"""


def test_a_model_of_the_command_line_goes_by_the_files_gateway(tmp_path: Path) -> None:
    (tmp_path / "watchfloor.toml").write_text(GATEWAY)
    other = load(model="openai:small").models["cli"]
    assert (other.model, other.base_url, other.api_key_env) == (
        "small",
        "https://gateway.example",
        "GATEWAY_KEY",
    )
    assert (other.total_timeout_s, other.usd_per_mtok_input) == (7.0, None)
    assert other.headers_env == {"X-Team-Token": "GATEWAY_TOKEN"}
    assert (other.proxy, other.ca_file) == ("http://proxy.example:3128", "/etc/soc/ca.pem")
    assert load(model="openai:big").models["cli"].usd_per_mtok_input == 3.0


def test_a_key_never_goes_to_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "vendor's")
    assert load(model="openai:x", base_url="http://127.0.0.1:1").models["cli"].api_key_env is None
    (tmp_path / "watchfloor.toml").write_text(GATEWAY)
    elsewhere = load(model="openai:big", base_url="http://127.0.0.1:1").models["cli"]
    assert (elsewhere.base_url, elsewhere.api_key_env) == ("http://127.0.0.1:1", None)
    assert elsewhere.headers_env == {}, "a gateway's token is a secret too"


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "from environment")
    kept = tmp_path / "key"
    kept.write_text("from file\n")
    assert secret("A_KEY", str(kept), "[models.a]") == "from environment"
    assert secret(None, str(kept), "[models.a]") == "from file"
    assert secret(None, None, "[models.a]") is None


def test_a_missing_secret_is_said_without_showing_any(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^\[models.a\]: environment variable NOT_SET_HERE is not set"):
        secret("NOT_SET_HERE", None, "[models.a]")
    with pytest.raises(SettingsError, match="No such file"):
        secret(None, str(tmp_path / "none"), "[models.a]")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        secret(None, str(tmp_path / "empty"), "[models.a]")
    (tmp_path / "bytes").write_bytes(b"\xff\xfesecret")
    with pytest.raises(SettingsError, match="is not text") as caught:
        secret(None, str(tmp_path / "bytes"), "[models.a]")
    assert "secret\\" not in str(caught.value)


def test_looking_ahead_is_on_with_a_small_share_and_can_be_switched_off() -> None:
    assert (parse(b"", "x").speculation.enabled, parse(b"", "x").speculation.max_share) == (True, 0.15)
    assert parse(b"[speculation]\nenabled = false\n", "x").speculation.enabled is False
    with pytest.raises(SettingsError, match=r"\[speculation\] max_share must be from 0 to 1"):
        parse(b"[speculation]\nmax_share = 15\n", "x")
