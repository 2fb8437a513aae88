"""How many tokens a text is: the best guess where nobody counted, and the most it can be."""

from backend.providers.base import ModelRequest
from backend.providers.prices import MTOK, Price

CHARS_PER_TOKEN = 4
"""The usual rule of thumb for English and JSON, used only where no vendor counted."""
FRAME_TOKENS = 16
"""For the markers around the system prompt and each message: chat templates spend 3 to 10 on each."""
CACHE_WRITE_SHARE = 1.25
"""What Anthropic asks for a five-minute cache write, as a share of fresh input; nobody asks more for the
writes made here. Taken for every vendor, for a price given in the config says nothing of cache writes."""

ANSWER_CHARS_PER_TOKEN = 16
"""Four times what English comes to: no answer in words reaches it."""


def estimate_tokens(text_chars: int) -> int:
    """Tokens in so many characters, rounded up: a guess near the truth, not a bound."""
    return -(-text_chars // CHARS_PER_TOKEN)


def overlong(request: ModelRequest, chars: int) -> bool:
    """Whether an answer is far longer than `max_tokens` allows, as from a server that does not heed it."""
    return chars > request.max_tokens * ANSWER_CHARS_PER_TOKEN


def most_input_tokens(request: ModelRequest) -> int:
    """The most tokens a request can be: one for each byte of UTF-8, and the frames.

    Every tokenizer in use falls back to bytes, so no token stands for less than one. English and JSON come to
    about a quarter of this, base64 to two thirds. It does not hold where a server adds text of its own (a
    gateway that puts in a system prompt), or where a tokenizer first spells out a compatibility character
    (one Arabic ligature of 3 bytes becomes 33).
    """
    texts = [request.system, *(message.text for message in request.messages)]
    return sum(len(text.encode("utf-8", "surrogatepass")) + FRAME_TOKENS for text in texts)


def most_usd(price: Price, request: ModelRequest) -> float:
    """The most one call can cost, in dollars: all input written to the cache, the longest answer.

    Thinking counts in `max_tokens` with every vendor asked here. What breaks the bound: a server that does
    not heed `max_tokens` (it is cut off when the answer is `overlong`, at several times the price), a
    price that is not known, and what `most_input_tokens` says.
    """
    fresh = max(
        price.input_per_mtok * CACHE_WRITE_SHARE, price.cache_write_per_mtok, price.cache_read_per_mtok
    )
    asked = most_input_tokens(request) * fresh
    return (asked + request.max_tokens * price.output_per_mtok) / MTOK
