"""From a `[models.NAME]` table to what its provider needs to know, with every secret read."""

from backend.providers.config import ProviderConfig
from backend.providers.reach import has_password
from backend.settings import ModelConfig, SettingsError, secret


def provider_config(name: str, config: ModelConfig) -> ProviderConfig:
    """What the provider of `[models.NAME]` needs to know. Blocks: it may read a key's file.

    Raises:
        SettingsError: a secret can't be had, or the proxy is given in a way that can't be.
    """
    table = f"[models.{name}]"
    return ProviderConfig(
        config.provider,
        config.model,
        api_key=secret(config.api_key_env, config.api_key_file, table),
        base_url=config.base_url,
        headers={
            header: str(secret(variable, None, f"{table} headers_env {header}")).strip()
            for header, variable in config.headers_env.items()
        },
        read_timeout_s=max(config.first_token_timeout_s, config.idle_timeout_s, config.total_timeout_s),
        proxy=_proxy(table, config),
        ca_file=config.ca_file,
        api_version=config.api_version,
        region=config.region,
        enforce=config.enforce,
    )


def _proxy(table: str, config: ModelConfig) -> str | None:
    if config.proxy and config.proxy_env:
        raise SettingsError(f"{table}: proxy and proxy_env are both set; keep one of them")
    if config.proxy and has_password(config.proxy):
        raise SettingsError(
            f"{table}: proxy holds a password; put the URL into an environment variable, named as proxy_env"
        )
    through = secret(config.proxy_env, None, f"{table} proxy_env")
    return through.strip() if through else config.proxy
