"""The tables of the configuration file, each a struct: its keys, their defaults and what they mean."""

from datetime import datetime, time
from typing import Literal

import msgspec

from backend.alerts.model import DataClass


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A TOML table in which an unknown key is an error."""


class SourceConfig(Table):
    """One `[[sources]]` table: where records come from."""

    uri: str
    """An address as in the contract, without credentials."""
    format: str | None = None
    """Fixes the alert format; without it the format is recognised from the content."""
    mapping: dict[str, str] = msgspec.field(default_factory=dict)
    """For generic JSON: alert field (title, time, severity, src_ip …) to dotted path in the document."""
    severity_map: dict[str, str] = msgspec.field(default_factory=dict)
    """For generic JSON: the product's severity word to an OCSF severity name."""
    wazuh_levels: dict[str, str] = msgspec.field(default_factory=dict)
    """For Wazuh 3 and 4: a level or band of levels ("12-15") to an OCSF severity name; others keep theirs."""
    username: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    data: DataClass = "cloud-ok"
    """What may be done with its alerts: `local-only` goes to your own models alone, `pseudonymise` to no
    vendor with names in clear; `cloud-ok` leaves it to each model's own `privacy`."""


class ModelConfig(Table):
    """One `[models.NAME]` table: a model and its limits."""

    provider: Literal["anthropic", "openai", "azure", "bedrock", "ollama", "playbook"]
    model: str = ""
    api_key_env: str | None = None
    api_key_file: str | None = None
    base_url: str | None = None
    """Another server than the vendor's own: a gateway, llama.cpp, vLLM; for azure the resource's endpoint."""
    proxy: str | None = None
    """URL of the proxy to go through, without a password; unset asks HTTPS_PROXY and NO_PROXY."""
    proxy_env: str | None = None
    """Environment variable that holds such a URL, where it has a password."""
    ca_file: str | None = None
    """PEM file with authorities to trust besides the system's."""
    headers_env: dict[str, str] = msgspec.field(default_factory=dict)
    """Extra request header, as a gateway wants it, to the environment variable with its value."""
    api_version: str | None = None
    """Azure alone: the dated version of its API."""
    region: str | None = None
    """Bedrock alone: the AWS region; unset takes AWS_REGION or the AWS profile's."""
    first_token_timeout_s: float = 10.0
    idle_timeout_s: float = 15.0
    """Longest silence of content inside a stream."""
    total_timeout_s: float = 60.0
    max_concurrency: int = 4
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_tokens: int = 1024
    """Longest answer, in output tokens."""
    enforce: Literal["grammar", "schema"] | None = None
    """For models of your own that do not keep to the answer's form by themselves: the server is made to.
    `grammar` (llama.cpp): the verdict line, then Markdown; `schema` (llama.cpp, vLLM, Ollama …): the verdict
    line alone."""
    usd_per_mtok_input: float | None = None
    """Overrides the price list, dollars per million input tokens."""
    usd_per_mtok_output: float | None = None
    privacy: DataClass | None = None
    """What it may be told: `local-only`, it is your own and sees all, also what stays here; `cloud-ok`, names
    in clear; `pseudonymise`, USER-1 and HOST-2 for them. Unset: `local-only` on this machine or a private
    network, else `pseudonymise`. A gateway nearby that hands on to a vendor needs it set."""


class LaneConfig(Table):
    """One `[lanes.NAME]` table: deadline, treatment and fallback chain."""

    sla_s: float | None = None
    """Seconds from receipt to verdict; None keeps the lane's own."""
    models: list[str] | None = None
    """Names of `[models]` tables, best first; playbook always follows."""
    mode: Literal["each", "batch", "aggregate", "pattern"] | None = None
    """each: one request an alert; batch: alike ones share a request; aggregate: alike ones share an analysis;
    pattern: raw alone. None keeps the lane's own: medium batches, low aggregates, the others take each."""
    max_batch: int | None = None
    """batch: alerts in a request at most."""
    max_wait_s: float | None = None
    """batch: how long the first of them waits for others."""
    window_s: float | None = None
    """aggregate: how long a fold takes alerts in, from its first."""
    sample: int | None = None
    """aggregate: how many of a fold are analysed beside its first, where other entities take part."""
    hedge_after_s: float | None = None
    """Seconds without content after which the next model is started beside the first; 0 never does. The
    critical lane's own is a share of its first model's `first_token_timeout_s`; the other lanes do not."""
    first_ask: str | None = None
    """medium, low and raw: name of a `[models]` table that is asked a short question before the chain, about
    alerts analysed by themselves. Its answer stands where it is sure, borne out and no milder than rules
    alone; it rests while the questions cost more than they save (`backend.analysis.paying`). None: nobody."""


class BudgetConfig(Table):
    """`[budget]`: dollars that models may cost."""

    usd_per_hour: float | None = None
    usd_per_day: float | None = None
    reserve_for_critical: float = 0.3
    """Share of each budget that only the critical lane may spend."""
    shift_hours: float = 8.0
    """How far the forecast looks: to the end of the shift."""
    shift_starts: str | None = None
    """When a shift starts, `HH:MM` in the machine's time zone; None: when the engine does."""

    @property
    def shift_start(self) -> time | None:
        """`shift_starts` as a time of day. Raises `ValueError` where it is none."""
        return None if self.shift_starts is None else datetime.strptime(self.shift_starts, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone


class SpeculationConfig(Table):
    """`[speculation]`: analysing what the analyst is about to open, in slots that nobody needs."""

    enabled: bool = True
    max_share: float = 0.15
    """Largest share of this day's spend that may have gone into analyses which nobody has opened, 0 to 1."""


class CatchUpConfig(Table):
    """`[catch_up]`: analysing again what the playbook judged while every model was down, once one is back."""

    enabled: bool = True
    max_age_hours: float = 8.0
    """Alerts received longer ago keep the playbook's verdict: a shift has passed, and a person has looked."""


class PatternsConfig(Table):
    """`[patterns]`: events that no product called an alert: Sigma rules first, then templates of lines."""

    sigma: list[str] = msgspec.field(default_factory=list)
    """Sigma rules: files, and folders whose `*.yml` files are all taken. Needs watchfloor[sigma]."""
    mine: bool = True
    """Whether lines that no rule matched are mined for new and surging patterns."""
    learn_minutes: float = 60.0
    """So long after a source's first raw event its new patterns are only remembered …"""
    learn_lines: int = 20_000
    """… and until so many of its events were seen."""
    max_templates: int = 5_000
    """Patterns that are known at once; the ones not seen for longest are forgotten first."""
    surge_factor: float = 10.0
    """A pattern surges in a minute with so many times its usual lines a minute …"""
    surge_least: int = 100
    """… but not with fewer than these."""
    max_alerts_per_hour: int = 60
    """New and surging patterns that become alerts; those beyond are counted. Matches of rules always do."""


class PolicyConfig(Table):
    """`[policy]`: what a model's verdict may do by itself (`backend.analysis.guardrails.policy`)."""

    close: bool = True
    """Let the machine close alerts that every rule lets go; False leaves each to a person."""
    close_up_to: Literal["Informational", "Low", "Medium"] = "Low"
    """The highest severity that it may close. High and above, and Unknown, never."""
    lower_up_to: Literal["none", "Low", "Medium"] = "Medium"
    """The highest severity whose alerts it may lower."""
    min_confidence: float = 0.8
    """0 to 1: how sure a model must be."""
    min_facts: int = 2
    """How many facts must cite evidence that says what they say."""
    human_sample: float = 0.05
    """Share, 0 to 1, of what may be closed or lowered that a person looks at all the same."""
    protected: list[str] = msgspec.field(default_factory=list)
    """Hosts, users, domains, addresses and networks on which no interrupting action may be recommended."""


class HistoryConfig(Table):
    """`[enrichment.history]`: how the same rule on the same entity was decided before."""

    enabled: bool = True


class AssetsConfig(Table):
    """`[enrichment.assets]`: a CSV of hosts (hostname, ip, owner, criticality, role, environment, notes)."""

    path: str | None = None


class GeoipConfig(Table):
    """`[enrichment.geoip]`: MaxMind-format databases."""

    city: str | None = None
    country: str | None = None
    asn: str | None = None


class EnrichmentConfig(Table):
    """`[enrichment]`: what context alerts are given, all inside one budget."""

    budget_ms: float = 100.0
    history: HistoryConfig = msgspec.field(default_factory=HistoryConfig)
    assets: AssetsConfig = msgspec.field(default_factory=AssetsConfig)
    geoip: GeoipConfig = msgspec.field(default_factory=GeoipConfig)


class PrivacyConfig(Table):
    """`[privacy]`: what is hidden from models that are not your own."""

    own_domains: list[str] = msgspec.field(default_factory=list)
    """Suffixes of your hosts and mail (`acme.example`): hosts and addresses under them become pseudonyms."""
    own_networks: list[str] = msgspec.field(default_factory=list)
    """Networks of yours beside the private ones, as CIDR; their addresses become pseudonyms."""
    names: list[str] = msgspec.field(default_factory=list)
    """Further words to hide wherever they stand: the company, a project, a person."""
    fields: dict[str, DataClass] = msgspec.field(default_factory=dict)
    """By field: user, host, address or email as `cloud-ok` stay in clear; title, description, cmd_line,
    process, file, raw, user, host, the name of a fact (`http.url`) or a kind of evidence (`asset`) as
    `local-only` are left out of what a vendor gets."""
    keep_sent_days: float = 30.0
    """How long the exact bytes of each request are kept; 0 keeps none."""
    keep_sent_mb: float = 200.0
    """How much of them at most, compressed, in megabytes; the oldest go first."""


class SinkConfig(Table):
    """One `[[sinks]]` table: where verdict records are delivered."""

    uri: str


class UiConfig(Table):
    """`[ui]`: how the console looks and which keys it takes."""

    theme: Literal["dark", "light", "contrast"] = "dark"
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    """Binding id to key, several separated by commas."""
    mouse: bool = True
    actor: str = ""
    """The name decisions are recorded under; the login name unless set."""
