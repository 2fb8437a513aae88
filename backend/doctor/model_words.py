"""What an ending other than a whole answer means for whoever set the model up: the step, and the mend."""

import msgspec

from backend.doctor.model_list import Listing
from backend.providers.base import Outcome
from backend.settings import ModelConfig

_AGAIN = "the server's own trouble: try again, see its status page or log"
_BUSY = "let doctor run again in a while; if it stays so, lower max_concurrency or have the limit raised"


class Asked(msgspec.Struct, frozen=True):
    """A model as it was asked, for words about it."""

    name: str
    """Of its [models] table."""
    config: ModelConfig
    url: str
    key_from: str
    """Where its key is from, for people; empty where it has none."""
    listing: Listing


def told(asked: Asked, outcome: Outcome) -> tuple[str, str, str]:
    """The step that failed, what was found, and what to do about it."""
    found = outcome.detail or outcome.kind
    table = f"[models.{asked.name}]"
    if outcome.kind == "idle":
        if "first token" in outcome.detail:
            return (
                "first token",
                found,
                (
                    f"raise first_token_timeout_s under {table}, or take a faster model; one that was just"
                    " being loaded is faster the next time"
                ),
            )
        return "request", found, f"raise idle_timeout_s under {table}, or see why the server falls silent"
    if outcome.kind == "deadline":
        return "request", found, f"raise total_timeout_s under {table}, or take a faster model"
    if outcome.kind == "filtered":
        return "request", found, "the request was harmless: look at the account's or the gateway's filters"
    if outcome.kind == "truncated":
        return (
            "request",
            f"the answer broke off: {found}",
            ("see what stands between: gateways and proxies with a short timeout or a buffer cut streams"),
        )
    return _failed(asked, outcome, found, table)


def _failed(asked: Asked, outcome: Outcome, found: str, table: str) -> tuple[str, str, str]:
    kind = outcome.error_class
    if kind == "auth":
        return "key", f"the server refuses: {found}", _key(asked, table, outcome)
    if kind == "not_found":
        return "model", found, missing(asked)
    if kind == "rate_limited":
        wait = f"wait {outcome.retry_after_s:.0f} s, " if outcome.retry_after_s else ""
        return "request", f"asked too often: {found}", f"{wait}{_BUSY}"
    mend = {
        "overloaded": _AGAIN,
        "server": _AGAIN,
        "unavailable": _AGAIN,
        "network": "see what cuts the connection: a firewall, a gateway, the server's own log",
        "too_long": f"give the server a larger context: {PROMPT_WORDS}",
        "protocol": (
            f"see that base_url under {table} is the API's address and speaks {asked.config.provider}'s wire"
            " (now: " + asked.url + "); a network that wants a sign-in answers with a page, too"
        ),
    }.get(kind, f"correct what the server names under {table}")
    return "request", found, mend


PROMPT_WORDS = "instructions and alert need some 4,000 tokens"


def _key(asked: Asked, table: str, outcome: Outcome) -> str:
    said = outcome.detail.lower()
    if outcome.status == 402 or "quota" in said or "billing" in said or "credit" in said:
        return "the account has no credit left: see its billing page"
    if not asked.key_from:
        return f"the server wants a key: set api_key_env under {table}"
    return f"put a key that is valid there into {asked.key_from}; if it is, see which models it may use"


def missing(asked: Asked) -> str:
    """What to do about a model that the server does not have."""
    model, listing = asked.config.model, asked.listing
    if listing.names is None:
        provider = asked.config.provider
        what = "model, which is the deployment's name," if provider == "azure" else "model"
        path = "as a rule it ends in /v1" if provider == "openai" else "without the API's own path"
        return f"correct {what} under [models.{asked.name}], or base_url ({path}; now: {asked.url})"
    pull = f"pull it: ollama pull {model}" if asked.config.provider == "ollama" else ""
    near = listing.nearest(model)
    hints = [f"did you mean {near}?" if near else "", pull]
    offers = f"the server offers {listing.words()}" if listing.names else "the server offers no model at all"
    return "; ".join(hint for hint in (*hints, offers) if hint)
