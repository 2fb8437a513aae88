"""What the answers to two like requests tell of a model: key, cost, speed, cache and price, in words."""

from collections.abc import Sequence

from backend.doctor import model_cache
from backend.doctor.model_probe import PROBE_TOKENS, Answer
from backend.doctor.model_words import Asked
from backend.doctor.report import Report
from backend.providers.prices import Price, cost_usd, price_for
from backend.settings import ModelConfig

SLOW_SHARE = 0.5
"""Of `first_token_timeout_s`; a model that needs more is past it on a busy day."""


def key(report: Report, asked: Asked, *, taken: bool) -> None:
    """Say where the key is from, never what it is; `taken`: the server has answered to it."""
    if not asked.key_from:
        report.ok("key", "none; the server is one of your own and wants none" if taken else "none is given")
    else:
        report.ok("key", f"from {asked.key_from}" + ("; the server takes it" if taken else ""))


def figures(report: Report, asked: Asked, answers: Sequence[Answer], cost: Price) -> None:
    """Say all that two whole answers tell; `cost` is the model's price."""
    first, second = answers
    config, listing = asked.config, asked.listing
    key(report, asked, taken=True)
    usd = sum(cost_usd(cost, answer.usage) for answer in answers)
    prompt = sum(answer.prompt_tokens for answer in answers)
    written = sum(answer.usage.output_tokens for answer in answers)
    bill = (_dollars(usd) if usd else "no cost") if cost.known else "price unknown"
    figure = (usd, "USD") if cost.known else None
    report.ok("request", f"2 answered: {prompt:,} tokens in, {written:,} out, {bill}", figure)
    if listing.names and listing.holds(config.model):
        report.ok("model", f"{config.model} is one of {len(listing.names)} that the server offers")
    elif listing.names:
        also = f"the server lists {listing.words()}: it is an alias, or any name is taken"
        report.ok("model", f"{config.model} answers; {also}")
    else:
        report.ok("model", f"{config.model} answers")
    _tell_first_token(report, asked, first, second)
    _tell_speed(report, asked, answers)
    model_cache.tell(report, config, first, second)


def _tell_first_token(report: Report, asked: Asked, first: Answer, second: Answer) -> None:
    if first.first_text_s is None or second.first_text_s is None:
        report.warn(
            "first token",
            f"no text: all of {PROBE_TOKENS} tokens were spent before the first word",
            f"a model that thinks first needs max_tokens under [models.{asked.name}] well above its thoughts",
        )
        return
    limit = asked.config.first_token_timeout_s
    slowest = max(first.first_text_s, second.first_text_s)
    found = f"{first.first_text_s * 1000:,.0f} ms, {second.first_text_s * 1000:,.0f} ms the second time"
    figure = (round(first.first_text_s * 1000, 1), "ms")
    if slowest > SLOW_SHARE * limit:
        mend = f"raise first_token_timeout_s under [models.{asked.name}], or take a faster model or server"
        report.warn("first token", f"{found}; over half of the {limit:g} s allowed", mend, figure)
    else:
        report.ok("first token", f"{found}; {limit:g} s are allowed", figure)


def _tell_speed(report: Report, asked: Asked, answers: Sequence[Answer]) -> None:
    speeds = [speed for answer in answers if (speed := answer.tokens_per_s) is not None]
    if not speeds:
        report.ok("speed", "too little was written to tell")
        return
    speed, config = max(speeds), asked.config
    found, figure = f"{speed:,.0f} tokens a second", (round(speed, 1), "tokens/s")
    needs_s = (answers[0].first_text_s or 0.0) + config.max_tokens / speed
    if needs_s > config.total_timeout_s:
        report.warn(
            "speed",
            f"{found}: an answer of max_tokens ({config.max_tokens:,}) takes {needs_s:,.0f} s, and is cut at"
            f" {config.total_timeout_s:g} s",
            f"raise total_timeout_s or lower max_tokens under [models.{asked.name}]",
            figure,
        )
    else:
        report.ok("speed", found, figure)


def price_of(config: ModelConfig) -> Price:
    """The price in force. The first call takes about a second: make it in a thread."""
    return price_for(
        config.provider,
        config.model,
        base_url=config.base_url,
        usd_per_mtok_input=config.usd_per_mtok_input,
        usd_per_mtok_output=config.usd_per_mtok_output,
    )


def price(report: Report, asked: Asked, cost: Price) -> None:
    """Say what the model costs, and what to do where nobody knows."""
    config = asked.config
    if not cost.known:
        report.warn(
            "price",
            f"no price known for {config.provider}:{config.model}: its calls count as $0",
            f"set usd_per_mtok_input and usd_per_mtok_output under [models.{asked.name}]",
        )
        return
    if not (cost.input_per_mtok or cost.output_per_mtok):
        report.ok("price", "none: a server of your own sends no bill")
        return
    named = config.usd_per_mtok_input is not None or config.usd_per_mtok_output is not None
    origin = "from the config" if named else "from the price list"
    found = f"${cost.input_per_mtok:g} in, ${cost.output_per_mtok:g} out per million tokens, {origin}"
    report.ok("price", found)


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd >= 0.0001 else "under $0.0001"
