"""What a call costs each of the alerts that share it: tokens and dollars, adding up to the call's own."""

from collections.abc import Sequence

import msgspec

from backend.analysis.call import CallResult
from backend.providers.base import Usage
from backend.providers.prices import Price, cost_usd


class Share(msgspec.Struct, frozen=True, gc=False):
    """One alert's part of a call."""

    usage: Usage
    usd: float
    saved_usd: float


def shares(result: CallResult, price: Price, lengths: Sequence[tuple[int, int]]) -> list[Share]:
    """Split a call over alerts by the length of what each asked and what each was answered, in characters.

    What all have in common (the system prompt) is borne in the same proportion.
    """
    if not lengths:
        return []
    asked = [max(1, one) for one, _ in lengths]
    said = [max(1, one) for _, one in lengths]
    usage = result.usage
    parts = [
        Usage(*numbers)
        for numbers in zip(
            split(usage.input_tokens, asked),
            split(usage.output_tokens, said),
            split(usage.cache_read_tokens, asked),
            split(usage.cache_write_tokens, asked),
            strict=True,
        )
    ]
    worth = [cost_usd(price, part) for part in parts]
    whole = sum(worth)
    weights = [one / whole for one in worth] if whole > 0 else [1 / len(parts)] * len(parts)
    return [
        Share(part, result.cost_usd * weight, result.saved_usd * weight)
        for part, weight in zip(parts, weights, strict=True)
    ]


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to `weights` that add up to `total`."""
    whole, given, seen = sum(weights), 0, 0
    parts = []
    for weight in weights:
        seen += weight
        upto = total * seen // whole
        parts.append(upto - given)
        given = upto
    return parts
