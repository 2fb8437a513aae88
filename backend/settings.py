"""Configuration: what the file may say, its defaults, and errors that say how to mend it."""

import getpass
import ipaddress
import os
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
import platformdirs

from backend.lanes import LANE_SLA_S, LANES
from backend.providers.config import MAX_CONNECTIONS
from backend.settings_errors import (
    LARGEST,
    enforce_problem,
    first_ask_problem,
    in_words,
    nearest,
    one_line,
    too_small,
    unknown_keys,
)
from backend.settings_tables import (
    AssetsConfig,
    BudgetConfig,
    CatchUpConfig,
    EnrichmentConfig,
    GeoipConfig,
    HistoryConfig,
    LaneConfig,
    ModelConfig,
    PatternsConfig,
    PolicyConfig,
    PrivacyConfig,
    SinkConfig,
    SourceConfig,
    SpeculationConfig,
    Table,
    UiConfig,
)

__all__ = [
    "LARGEST",
    "MAX_SECRET_BYTES",
    "AssetsConfig",
    "BudgetConfig",
    "EnrichmentConfig",
    "GeoipConfig",
    "HistoryConfig",
    "LaneConfig",
    "ModelConfig",
    "PatternsConfig",
    "PolicyConfig",
    "PrivacyConfig",
    "Settings",
    "SettingsError",
    "SinkConfig",
    "SourceConfig",
    "SpeculationConfig",
    "UiConfig",
    "find_config",
    "load",
    "parse",
    "secret",
    "use_model",
]

MAX_SECRET_BYTES = 64 * 1024


class SettingsError(Exception):
    """The configuration can't be used. The message is one line: what, where, how to mend it."""


class Settings(Table):
    """Everything in force. `load` builds it from the file, the environment and the command line."""

    sources: list[SourceConfig] = msgspec.field(default_factory=list)
    models: dict[str, ModelConfig] = msgspec.field(default_factory=dict)
    lanes: dict[str, LaneConfig] = msgspec.field(default_factory=dict)
    budget: BudgetConfig = msgspec.field(default_factory=BudgetConfig)
    speculation: SpeculationConfig = msgspec.field(default_factory=SpeculationConfig)
    catch_up: CatchUpConfig = msgspec.field(default_factory=CatchUpConfig)
    policy: PolicyConfig = msgspec.field(default_factory=PolicyConfig)
    privacy: PrivacyConfig = msgspec.field(default_factory=PrivacyConfig)
    enrichment: EnrichmentConfig = msgspec.field(default_factory=EnrichmentConfig)
    patterns: PatternsConfig = msgspec.field(default_factory=PatternsConfig)
    sinks: list[SinkConfig] = msgspec.field(default_factory=list)
    ui: UiConfig = msgspec.field(default_factory=UiConfig)

    demo: bool = False
    """The built-in demo feed is shown: its journal is thrown away at the end. Not a key of the file."""
    home: str = ""
    """Folder of the journal. Not a key of the file: `$WATCHFLOOR_HOME`, else the user's data folder."""

    def sla_s(self, lane: str) -> float | None:
        """The lane's deadline in seconds, or None where it has none."""
        configured = self.lanes.get(lane)
        if configured is not None and configured.sla_s is not None:
            return configured.sla_s
        return LANE_SLA_S[lane]

    def mode(self, lane: str) -> str:
        """How the lane's alerts are treated: each, batch, aggregate or pattern."""
        configured = self.lanes.get(lane)
        if configured is not None and configured.mode is not None:
            return configured.mode
        return {"medium": "batch", "low": "aggregate", "raw": "pattern"}.get(lane, "each")

    def chain(self, lane: str) -> tuple[str, ...]:
        """Names of the models that answer for `lane`, best first; playbook follows unnamed."""
        configured = self.lanes.get(lane)
        if configured is not None and configured.models is not None:
            return tuple(configured.models)
        preferred = {
            "critical": ("best", "fast", "local"),
            "high": ("best", "fast", "local"),
            "medium": ("fast", "local"),
            "low": ("small", "local", "fast"),
            "raw": ("small", "local"),
        }[lane]
        chosen = tuple(name for name in preferred if name in self.models)
        return chosen or tuple(self.models)


_NOT_IN_FILE = frozenset({"demo", "home"})
_MODES = {
    "medium": ("each", "batch"),
    "low": ("each", "batch", "aggregate"),
    "raw": ("each", "aggregate", "pattern"),
}
"""How lanes may be treated; critical and high take each alert by itself, always."""


def load(
    config: Path | None = None,
    sources: tuple[str, ...] = (),
    model: str | None = None,
    base_url: str | None = None,
) -> Settings:
    """Settings from the file that applies, with what the command line says laid over it.

    `sources` replace the file's, `model` (PROVIDER:MODEL) answers for every lane. With neither a file nor
    a source, the demo feed is shown.

    Raises:
        SettingsError: the file is missing, unreadable, or says something that can't be.
    """
    path = find_config(config)
    settings = parse(_read(path), str(path)) if path is not None else Settings()
    if sources:
        settings.sources = [SourceConfig(uri=uri) for uri in sources]
    if not settings.sources:
        settings.sources = [SourceConfig(uri="demo:")]
    settings.demo = all(source.uri.startswith("demo:") for source in settings.sources)
    if model is not None:
        use_model(settings, model, base_url)
    elif base_url is not None:
        raise SettingsError("--base-url says where a model is; name the model too: --model PROVIDER:MODEL")
    settings.home = os.environ.get("WATCHFLOOR_HOME") or platformdirs.user_data_dir("watchfloor")
    settings.ui.actor = settings.ui.actor or _login()
    if settings.ui.actor == "watchfloor":  # the name under which the machine decides: never a person's
        settings.ui.actor = "watchfloor user"
    return settings


def use_model(settings: Settings, spec: str, base_url: str | None = None) -> None:
    """Let one model, given as PROVIDER:MODEL, answer for every lane."""
    provider, _, name = spec.partition(":")
    known = typing.get_args(typing.get_type_hints(ModelConfig)["provider"])
    if provider not in known:
        raise SettingsError(f"--model {spec}: no provider '{provider}'{nearest(provider, known)}")
    if provider != "playbook" and not name:
        raise SettingsError(f"--model {spec}: name the model too, as {provider}:MODEL")
    settings.models = {"cli": _model(settings, provider, name, base_url)}
    for lane in LANES:
        lane_config = settings.lanes.setdefault(lane, LaneConfig())
        lane_config.models = ["cli"] if provider != "playbook" else []
        lane_config.first_ask = None


def _model(settings: Settings, provider: str, name: str, base_url: str | None) -> ModelConfig:
    """The command line's model, reached as the file reaches that provider: same gateway, key and limits.

    A key never goes to another server than the one it was meant for.
    """
    alike = [m for m in settings.models.values() if m.provider == provider]
    kept = next((m for m in alike if m.model == name), alike[0] if alike else None)
    if kept is None:
        key_env = _DEFAULT_KEY_ENV.get(provider) if base_url is None else None
        return ModelConfig(provider=provider, model=name, base_url=base_url, api_key_env=key_env)  # type: ignore[arg-type]  # checked against the Literal
    elsewhere = base_url is not None and base_url != kept.base_url
    same = kept.model == name and not elsewhere
    return msgspec.structs.replace(
        kept,
        model=name,
        base_url=base_url or kept.base_url,
        api_key_env=None if elsewhere else kept.api_key_env,
        api_key_file=None if elsewhere else kept.api_key_file,
        headers_env={} if elsewhere else kept.headers_env,
        usd_per_mtok_input=kept.usd_per_mtok_input if same else None,
        usd_per_mtok_output=kept.usd_per_mtok_output if same else None,
    )


_DEFAULT_KEY_ENV = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}


def find_config(explicit: Path | None) -> Path | None:
    """The configuration file that applies, or None; a file that was named must exist."""
    named = explicit or (
        Path(os.environ["WATCHFLOOR_CONFIG"]) if os.environ.get("WATCHFLOOR_CONFIG") else None
    )
    if named is not None:
        if not named.is_file():
            raise SettingsError(f"config {named}: no such file; name one that exists or leave it out")
        return named
    candidates = (
        Path("watchfloor.toml"),
        Path(platformdirs.user_config_dir("watchfloor")) / "watchfloor.toml",
    )
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"config {path}: can't be read: {error.strerror}; mend that or name another"
        ) from error


def parse(data: bytes, where: str) -> Settings:
    """Settings from TOML text; `where` names it in errors."""
    try:
        tree = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"config {where}: not valid TOML: {one_line(error)}") from error
    for path, key, known in unknown_keys(tree, Settings, hidden=_NOT_IN_FILE):
        place = f"[{path}] " if path else ""
        raise SettingsError(one_line(f"config {where}: {place}unknown key '{key}'{nearest(key, known)}"))
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"config {where}: {one_line(in_words(error, tree, Settings))}") from error
    _check(settings, where)
    return settings


def secret(env: str | None, file: str | None, what: str) -> str | None:
    """A secret from its environment variable or file; None where neither is configured.

    Raises:
        SettingsError: the variable is not set, or the file can't be read.
    """
    if env is not None:
        value = os.environ.get(env)
        if not value:
            raise SettingsError(
                f"{what}: environment variable {env} is not set; export it or use a *_file key"
            )
        return value
    if file is not None:
        try:
            with Path(file).expanduser().open("rb") as handle:
                value = handle.read(MAX_SECRET_BYTES).decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"{what}: secret file {file} is not text; write the secret alone into it"
            ) from error
        except OSError as error:
            raise SettingsError(f"{what}: secret file {file} can't be read: {error.strerror}") from error
        if not value:
            raise SettingsError(f"{what}: secret file {file} is empty; write the secret into it")
        return value
    return None


def _check(settings: Settings, where: str) -> None:
    for lane, config in settings.lanes.items():
        if lane not in LANES:
            raise SettingsError(f"config {where}: no lane '{lane}'{nearest(lane, LANES)}")
        allowed = _MODES.get(lane, ("each",))
        if config.mode is not None and config.mode not in allowed:
            raise SettingsError(
                f"config {where}: [lanes.{lane}] mode = '{config.mode}' must be {' or '.join(allowed)}"
            )
        for name in config.models or ():
            if name not in settings.models and name != "playbook":
                raise SettingsError(
                    f"config {where}: [lanes.{lane}] names model '{name}', but there is no [models.{name}]"
                    f"{nearest(name, tuple(settings.models))}"
                )
    for name, model in settings.models.items():
        _check_model(name, model, where)
    _check_first_asks(settings, where)
    for place, key, value, least in _numbers(settings):
        wrong = too_small(value, least)
        if wrong:
            raise SettingsError(f"config {where}: [{place}] {key} = {value} must be {wrong}")
    try:
        _ = settings.budget.shift_start
    except ValueError:
        starts = one_line(settings.budget.shift_starts or "")
        raise SettingsError(
            f"config {where}: [budget] shift_starts = '{starts}' must be a time of day such as \"08:00\""
        ) from None
    if not 0 <= settings.budget.reserve_for_critical < 1:
        raise SettingsError(
            f"config {where}: [budget] reserve_for_critical must be from 0 up to, not including, 1"
        )
    if not 0 <= settings.speculation.max_share <= 1:
        raise SettingsError(f"config {where}: [speculation] max_share must be from 0 to 1")
    _check_policy(settings.policy, where)


def _check_first_asks(settings: Settings, where: str) -> None:
    providers = {name: model.provider for name, model in settings.models.items()}
    for lane, config in settings.lanes.items():
        wrong = first_ask_problem(lane, config.first_ask, providers, settings.chain(lane))
        if wrong:
            raise SettingsError(f"config {where}: [lanes.{lane}] first_ask {wrong}")


def _check_policy(policy: PolicyConfig, where: str) -> None:
    for key, share in (("min_confidence", policy.min_confidence), ("human_sample", policy.human_sample)):
        if not 0 <= share <= 1:
            raise SettingsError(f"config {where}: [policy] {key} must be from 0 to 1")
    for one in policy.protected:
        if "/" in one:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise SettingsError(
                    f"config {where}: [policy] protected: '{one_line(one)}' is no network such as 10.0.0.0/8"
                ) from None


def _check_model(name: str, model: ModelConfig, where: str) -> None:
    if model.provider != "playbook" and not model.model:
        raise SettingsError(f"config {where}: [models.{name}] needs the key 'model'")
    if wrong := enforce_problem(model.enforce, model.provider, model.base_url):
        raise SettingsError(f"config {where}: [models.{name}] enforce {wrong}")
    if model.max_concurrency > MAX_CONNECTIONS:
        raise SettingsError(
            f"config {where}: [models.{name}] max_concurrency = {model.max_concurrency} must be "
            f"{MAX_CONNECTIONS} or less: a model has no more connections"
        )


def _numbers(settings: Settings) -> Iterator[tuple[str, str, float | None, float | None]]:
    """Every number that has a least value: its table, its key, what it is, and the least it may be.

    A least of 0 means above it, None means 0 or more.
    """
    for name, model in settings.models.items():
        place = f"models.{name}"
        yield place, "first_token_timeout_s", model.first_token_timeout_s, 0
        yield place, "idle_timeout_s", model.idle_timeout_s, 0
        yield place, "total_timeout_s", model.total_timeout_s, 0
        yield place, "max_concurrency", model.max_concurrency, 1
        yield place, "max_tokens", model.max_tokens, 1
        yield place, "requests_per_minute", model.requests_per_minute, 1
        yield place, "tokens_per_minute", model.tokens_per_minute, 1
        yield place, "usd_per_mtok_input", model.usd_per_mtok_input, None
        yield place, "usd_per_mtok_output", model.usd_per_mtok_output, None
    for name, lane in settings.lanes.items():
        yield f"lanes.{name}", "sla_s", lane.sla_s, 0
        yield f"lanes.{name}", "hedge_after_s", lane.hedge_after_s, None
        yield f"lanes.{name}", "max_batch", lane.max_batch, 1
        yield f"lanes.{name}", "max_wait_s", lane.max_wait_s, None
        yield f"lanes.{name}", "window_s", lane.window_s, 1
        yield f"lanes.{name}", "sample", lane.sample, None
    yield "budget", "usd_per_hour", settings.budget.usd_per_hour, None
    yield "budget", "usd_per_day", settings.budget.usd_per_day, None
    yield "budget", "shift_hours", settings.budget.shift_hours, 0.25
    yield "privacy", "keep_sent_days", settings.privacy.keep_sent_days, None
    yield "privacy", "keep_sent_mb", settings.privacy.keep_sent_mb, None
    yield "policy", "min_facts", settings.policy.min_facts, 1
    yield "catch_up", "max_age_hours", settings.catch_up.max_age_hours, 0
    yield "enrichment", "budget_ms", settings.enrichment.budget_ms, 0
    patterns = settings.patterns
    yield "patterns", "learn_minutes", patterns.learn_minutes, None
    yield "patterns", "learn_lines", patterns.learn_lines, None
    yield "patterns", "max_templates", patterns.max_templates, 1
    yield "patterns", "surge_factor", patterns.surge_factor, 1
    yield "patterns", "surge_least", patterns.surge_least, 1
    yield "patterns", "max_alerts_per_hour", patterns.max_alerts_per_hour, None


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "analyst"
