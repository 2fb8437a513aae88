"""What a provider needs to know to be asked: vendor, model, key, address, and the few rules about them."""

import ipaddress
import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

Enforce = Literal["grammar", "schema"]
"""How a server can be told to enforce a request's form."""

KEY_VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_OPENAI_API_KEY",
    "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
    "ollama": "OLLAMA_API_KEY",
}
"""The environment variable in which each vendor's users keep their key."""

OWN_HOSTS = {
    "azure": (
        ".openai.azure.com",
        ".cognitiveservices.azure.com",
        ".services.ai.azure.com",
        ".openai.azure.us",
        ".openai.azure.cn",
    ),
}
"""Hosts that are the vendor's own although the config must name them, since each customer has another."""

LOCAL_KEY = "no-key-needed"
"""Sent to a server of one's own that was given no key: the SDKs insist on one, such servers ignore it."""

CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 10.0
POOL_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 1_000
"""In the pool of one model, as the vendors' SDKs have it. How many calls there are is bounded by the model's
slots (`max_concurrency`, which may not be more): a pool smaller than those would let calls wait for a
connection and look like a network that fails."""
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


class ProviderConfig(msgspec.Struct, frozen=True):
    """One model of one vendor, with its secrets resolved."""

    provider: str
    """anthropic, openai or ollama."""
    model: str
    api_key: str | None = None
    """None takes the vendor's usual environment variable, but only for the vendor's own address."""
    base_url: str | None = None
    """Another server that speaks the vendor's wire: a gateway, llama.cpp, vLLM. None is the vendor."""
    headers: Mapping[str, str] = {}
    """Sent with every request, over the SDK's own."""
    read_timeout_s: float = 60.0
    """Longest silence of the socket; the engine gives the longest of the model's own limits."""
    proxy: str | None = None
    """URL of the proxy to go through. None asks the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY …)."""
    ca_file: str | None = None
    """PEM file with authorities to trust besides the usual ones."""
    api_version: str | None = None
    """Azure alone: the dated version of its API."""
    region: str | None = None
    """Bedrock alone: the AWS region. None takes the ARN's, the environment's or the AWS profile's."""
    enforce: Enforce | None = None
    """openai and ollama alone: what the server takes to enforce a request's form; None sends neither."""


def api_key(config: ProviderConfig) -> str | None:
    """The key to send; None when the vendor needs one and there is none.

    A key from the environment never goes to a server named in the config: it belongs to the vendor.
    """
    if config.api_key and config.api_key.strip():
        return config.api_key.strip()
    if config.base_url and not _is_own(config.provider, config.base_url):
        return LOCAL_KEY
    return os.environ.get(KEY_VARIABLES.get(config.provider, ""), "").strip() or None


def _is_own(provider: str, base_url: str) -> bool:
    """Whether a configured address is the vendor's own, to which its key may go. Never without TLS."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(OWN_HOSTS.get(provider, ()))


def key_problem(provider: str, key: str | None) -> str:
    """What is wrong with a key and how to mend it, empty when it can be sent; never quotes it."""
    variable = KEY_VARIABLES.get(provider, "its environment variable")
    if key is None:
        return f"no API key: set {variable}, or api_key_env in the model's config"
    if not (key.isascii() and key.isprintable()):
        return f"the API key holds characters that no HTTP header can carry: check {variable} or its file"
    return ""


def is_local(base_url: str | None) -> bool:
    """Whether an address is this machine or a private network, where no vendor sends a bill."""
    if not base_url:
        return False
    host = (urlsplit(base_url if "//" in base_url else f"//{base_url}").hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(LOCAL_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local
