"""What vendors' explicit prompt caches hold, how long, and from which length on."""

from backend.providers.config import is_local

TTL_S = 300.0
"""An entry lives five minutes after its last use (Anthropic's default, also on Bedrock)."""

_LEAST = (
    ("opus-5", 512),
    ("fable", 512),
    ("mythos", 512),
    ("opus-4-5", 4_096),
    ("opus-4-6", 4_096),
    ("opus-4-7", 2_048),
    ("opus-4", 1_024),
    ("3-opus", 1_024),
    ("sonnet-4-6", 2_048),  # documented as 1,024, seen to be 2,048 (anthropic-sdk-python, issue 1194)
    ("sonnet", 1_024),
    ("3-haiku", 2_048),
    ("3-5-haiku", 2_048),
)
"""Tokens from which a prefix is cached, by what the model's name contains (the vendor's documentation)."""
_LEAST_ELSE = 4_096
"""Haiku 4.5, and whatever is not known: a prefix that is too short costs more than one that is left bare."""


def least_tokens(provider: str, model: str, base_url: str | None = None) -> int | None:
    """The shortest prefix in tokens that the vendor caches on request; None where it has no such cache.

    Only Anthropic's models, by Anthropic or Bedrock, are asked to cache; others cache by themselves or not at
    all, and a server of one's own keeps what it likes.
    """
    if is_local(base_url) or "claude" not in model:
        return None
    if provider not in ("anthropic", "bedrock"):
        return None
    return next((tokens for part, tokens in _LEAST if part in model), _LEAST_ELSE)
