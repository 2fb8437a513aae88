"""Whether the second of two like requests was answered from the vendor's prompt cache, in words."""

from backend.doctor.model_probe import Answer
from backend.doctor.report import Report
from backend.settings import ModelConfig

SHORTEST = 1024
"""Tokens below which no vendor caches a prompt (Anthropic's and OpenAI's documentation of prompt caching)."""
ANTHROPIC_LONGEST = 4096
"""Anthropic's limit depends on the model: 1,024, 2,048 or 4,096 tokens."""
FASTER = 0.7
"""Share of the first answer's waiting time below which the second seems to have been read from a cache."""


def tell(report: Report, config: ModelConfig, first: Answer, second: Answer) -> None:
    """Say what the second request had from the cache."""
    read, prompt = second.usage.cache_read_tokens, second.prompt_tokens
    if read:
        found = f"{read:,} of {prompt:,} prompt tokens of the second like request came from the cache"
        report.ok("cache", found, (read / prompt, "share of prompt"))
        return
    if config.provider == "ollama" or not prompt:
        _by_time(report, config, first, second)
        return
    if first.usage.cache_write_tokens:
        report.warn(
            "cache",
            f"{first.usage.cache_write_tokens:,} tokens were written to the cache, but not found there again",
            "run doctor again; if it stays so, a gateway spreads the requests over several accounts",
        )
        return
    least = None if config.base_url else _least(config.provider, prompt)
    if least:
        report.ok("cache", f"none: a prompt of {prompt:,} tokens is cached from {least} tokens on")
        return
    report.warn(
        "cache",
        f"none of {prompt:,} prompt tokens of the second like request came from a cache",
        "switch the server's prompt cache on (vLLM: --enable-prefix-caching; a gateway: see that it passes"
        " it on), or run doctor again: some need a few seconds",
    )


def _least(provider: str, prompt: int) -> str:
    """From how many tokens on the vendor caches, where this prompt may be too short; else empty."""
    if prompt < SHORTEST:
        return f"{SHORTEST:,}"
    if provider in ("anthropic", "bedrock") and prompt < ANTHROPIC_LONGEST:
        return "2,048 or 4,096"
    return ""


def _by_time(report: Report, config: ModelConfig, first: Answer, second: Answer) -> None:
    """Judge a server that counts no cache reads by how long it read."""
    who = "Ollama" if config.provider == "ollama" else "the server"
    if first.first_text_s is None or second.first_text_s is None:
        report.ok("cache", f"{who} does not count what comes from a cache")
        return
    times = (
        f"first token after {first.first_text_s * 1000:,.0f} ms, then {second.first_text_s * 1000:,.0f} ms"
    )
    hit = second.first_text_s < FASTER * first.first_text_s
    seems = "so it seems to hit" if hit else "so no hit is to be seen (nor where the first found it warm)"
    report.ok("cache", f"{who} does not count what comes from a cache; {times}, {seems}")
