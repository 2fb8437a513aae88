"""One model, from its server to what a second like request takes from the cache, and what that cost."""

import asyncio

from backend.doctor import model_tell
from backend.doctor.model_list import list_models
from backend.doctor.model_probe import Answer, ask, probe
from backend.doctor.model_server import Server, reach_server, server_of
from backend.doctor.model_words import Asked, missing, told
from backend.doctor.report import Report, Stopped, halves
from backend.doctor.threads import in_thread
from backend.lanes import LANES
from backend.pipeline.models import open_model
from backend.providers.base import Provider
from backend.providers.config import KEY_VARIABLES, LOCAL_KEY, is_local, key_problem
from backend.providers.limits import Limits
from backend.providers.registry import check_provider
from backend.settings import ModelConfig, Settings, SettingsError, secret

PART_S = 150.0
"""Longest time for one model, in seconds: two requests that each take their whole `total_timeout_s` of 60."""
SLOW_SHARE = 0.5
"""Of `first_token_timeout_s`; a model that needs more is past it on a busy day."""


async def examine(report: Report, settings: Settings, name: str, *, spend: bool, turn: asyncio.Lock) -> None:
    """Look at `[models.NAME]`. Raises `Stopped` at its first failure.

    Without `spend` no request is made that costs money. `turn` is shared by the models of one server of
    one's own: side by side each would be measured at half its speed and would push the others' prompts out.
    """
    config = settings.models[name]
    if config.provider == "playbook":
        report.ok("settings", "the built-in analyst: no server, no key, no cost")
        return
    async with turn:
        try:
            async with report.clock.timeout(PART_S):
                await _look(report, settings, name, spend=spend)
        except TimeoutError:
            mend = f"lower total_timeout_s under [models.{name}], or take a faster model"
            report.fail("request", f"not through with it within {PART_S:g} s", mend)


def server_name(config: ModelConfig) -> str:
    """What tells the servers of one's own apart; empty for a vendor's, which serves many at once."""
    try:
        server = server_of(config)
    except ValueError:
        return ""
    return f"{server.host[0]}:{server.host[1]}" if server is not None and is_local(server.url) else ""


async def _look(report: Report, settings: Settings, name: str, *, spend: bool) -> None:
    config = settings.models[name]
    server = await in_thread(lambda: _settings(report, settings, name))
    if server is not None:
        await reach_server(report, server, config, name)
    else:
        report.ok("DNS", "looked at with the request: the vendor's own library knows the address")
    provider, key_from = await in_thread(lambda: _open(report, name, config))
    try:
        listing = await list_models(provider, report.clock)
        url = server.url if server is not None else config.provider
        await _ask(report, provider, Asked(name, config, url, key_from, listing), spend=spend)
    finally:
        await provider.close()


def _settings(report: Report, settings: Settings, name: str) -> Server | None:
    config = settings.models[name]
    try:
        check_provider(config.provider)
        server = server_of(config)
    except ValueError as error:
        report.fail("settings", *halves(error))
    found = f"{config.provider}:{config.model}" + (f" at {server.url}" if server is not None else "")
    if server is not None and server.proxy:
        found += f", through the proxy {server.proxy_host[0]}:{server.proxy_host[1]}"
    first = [lane for lane, config in settings.lanes.items() if config.first_ask == name]
    lanes = [lane for lane in LANES if name in settings.chain(lane) or lane in first]
    if lanes:
        report.ok("settings", f"{found}; asked for {', '.join(lanes)}")
    else:
        report.warn("settings", f"{found}; no lane asks it", f"name {name!r} in models under [lanes.LANE]")
    return server


def _open(report: Report, name: str, config: ModelConfig) -> tuple[Provider, str]:
    """The provider, and where its key is from. Reads the key's file."""
    table = f"[models.{name}]"
    try:
        secret(config.api_key_env, config.api_key_file, table)
    except SettingsError as error:
        report.fail("key", *halves(error, table))
    try:
        provider = open_model(name, config, report.clock)
    except SettingsError as error:
        report.fail("settings", *halves(error, table))
    except ImportError as error:
        report.fail("settings", f"{config.provider} can't be used here: {error}", "install what is missing")
    key: object = getattr(provider, "key", None)
    source = _key_from(config)
    if key is None and config.provider == "bedrock":
        named = config.api_key_env or config.api_key_file
        return provider, source if named else "the AWS credentials of this machine"
    if key == LOCAL_KEY or (key is None and config.provider == "ollama"):
        return provider, ""
    problem = key_problem(config.provider, key if isinstance(key, str) else None)
    if problem:
        report.fail("key", *halves(problem.replace(": ", "; ", 1)))
    return provider, source


def _key_from(config: ModelConfig) -> str:
    """Where a key would be from, for people."""
    if config.api_key_env:
        return f"${config.api_key_env}"
    return config.api_key_file or f"${KEY_VARIABLES.get(config.provider, '')}"


async def _ask(report: Report, provider: Provider, asked: Asked, *, spend: bool) -> None:
    config = asked.config
    if asked.listing.status == 401:
        report.fail(
            "key",
            "the server refuses it" if asked.key_from else "none, and the server wants one",
            f"put a valid key into {asked.key_from}"
            if asked.key_from
            else f"set api_key_env under [models.{asked.name}]",
        )
    price = await asyncio.to_thread(model_tell.price_of, config)
    free = is_local(asked.url) or (price.known and not (price.input_per_mtok or price.output_per_mtok))
    if not (free or spend):
        _unasked(report, asked)
        model_tell.price(report, asked, price)
        return
    try:
        answers = await _answers(report, provider, asked)
        model_tell.figures(report, asked, answers, price)
    except Stopped:
        model_tell.price(report, asked, price)
        raise
    model_tell.price(report, asked, price)


def _unasked(report: Report, asked: Asked) -> None:
    """What can be said without a request that costs money."""
    listing, model = asked.listing, asked.config.model
    model_tell.key(report, asked, taken=listing.names is not None)
    report.ok("request", "not made, as was asked for: it would cost money")
    if listing.names is None:
        report.ok("model", f"{model}: the server gives no list, so only a request can tell")
    elif listing.holds(model):
        report.ok("model", f"{model} is one of {len(listing.names)} that the server offers")
    else:
        report.warn("model", f"{model} is not on the server's list; it may be an alias", missing(asked))


async def _answers(report: Report, provider: Provider, asked: Asked) -> list[Answer]:
    config = asked.config
    limits = Limits(config.first_token_timeout_s, config.idle_timeout_s, config.total_timeout_s)
    answers: list[Answer] = []
    for number in (1, 2):
        answer = await ask(provider, probe(number), limits, report.clock)
        answers.append(answer)
        if not answer.whole:
            check, found, mend = told(asked, answer.outcome)
            if check != "key":
                model_tell.key(report, asked, taken=answer.outcome.status not in (None, 200))
            again = "" if number == 1 else "the second request, right after one that went well: "
            report.fail(check, f"{again}{found}", mend)
    return answers
