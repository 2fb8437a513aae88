"""What the scripted model says, token by token, and how three vendors put it on the wire."""

from collections.abc import Callable

import msgspec

FACTS = (
    ("412 failed logins as root in 3 minutes, then a success", "E1"),
    ("The source address never called this host before", "E1"),
)
LINE = {
    "facts": [{"text": text, "evidence": [cited]} for text, cited in FACTS],
    "verdict": "Suspicious",
    "confidence": 0.8,
    "severity": "High",
    "summary": "Many failed logins from one address, then one that worked.",
    "actions": [],
}
NARRATIVE = (
    "**What happened.** Many logins failed within three minutes and then one worked [E1]. Nothing in the data"
    " says that it was planned. **Against it.** The account is a shared one and people mistype. **Next.** Ask"
    " the owner, look at what ran after the login, and compare the hours of the last week [E1]."
)
WORDS = NARRATIVE.split(" ")
PARAGRAPH = 60
"""Narrative tokens in a paragraph."""
LINE_CHARS = 4
"""Of the verdict line in a token: what JSON comes to with the vendors' tokenizers."""
MARK = "tk"
"""Begins a token that can be told from all others: `tk`, three digits for the stream, five for the token."""

USAGE_IN = 900
_encode = msgspec.json.encode


def answer_tokens(count: int, stream: int | None = None) -> list[str]:
    """An answer of `count` tokens in the product's own form: the verdict line, then Markdown.

    Words carry their blank in front, as real tokens do. With `stream`, every word of the narrative is a mark
    (`mark_of`) instead. Fewer tokens than the verdict line needs give no more than part of it.
    """
    line = _encode(LINE).decode()
    tokens = [line[at : at + LINE_CHARS] for at in range(0, len(line), LINE_CHARS)]
    for place in range(count - len(tokens)):
        word = WORDS[place % len(WORDS)] if stream is None else mark_of(stream, len(tokens))
        tokens.append(("\n\n" if place % PARAGRAPH == 0 else " ") + word)
    return tokens[:count]


def mark_of(stream: int, index: int) -> str:
    """The word that only one token of one stream is, by the token's place in the whole answer."""
    return f"{MARK}{stream:03d}{index:05d}"


class Wire(msgspec.Struct, frozen=True):
    """One vendor's streaming format."""

    content_type: str
    opening: bytes
    token: Callable[[str], bytes]
    closing: Callable[[int], bytes]
    """What ends an answer of so many tokens."""


def _sse(data: object, event: str = "") -> bytes:
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + _encode(data) + b"\n\n"


def _anthropic(kind: str, **fields: object) -> bytes:
    return _sse({"type": kind, **fields}, kind)


_MESSAGE: dict[str, object] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "scripted",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": USAGE_IN, "output_tokens": 1},
}
_ANTHROPIC = Wire(
    "text/event-stream; charset=utf-8",
    _anthropic("message_start", message=_MESSAGE)
    + _anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    lambda text: _anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
    lambda count: (
        _anthropic("content_block_stop", index=0)
        + _anthropic(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": count},
        )
        + _anthropic("message_stop")
    ),
)

_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}


def _openai(choices: list[object], usage: object = None) -> bytes:
    return _sse({**_CHUNK, "choices": choices, "usage": usage})


def _delta(delta: object, finish: str | None = None) -> list[object]:
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


_OPENAI = Wire(
    "text/event-stream",
    _openai(_delta({"role": "assistant", "content": "", "refusal": None})),
    lambda text: _openai(_delta({"content": text})),
    lambda count: (
        _openai(_delta({}, "stop"))
        + _openai(
            [],
            {"prompt_tokens": USAGE_IN, "completion_tokens": count, "total_tokens": USAGE_IN + count},
        )
        + b"data: [DONE]\n\n"
    ),
)


def _ollama(text: str, *, done: bool, **fields: object) -> bytes:
    message = {"role": "assistant", "content": text}
    head = {"model": "scripted", "created_at": "2026-01-02T03:04:05Z", "message": message, "done": done}
    return _encode({**head, **fields}) + b"\n"


_OLLAMA = Wire(
    "application/x-ndjson",
    b"",
    lambda text: _ollama(text, done=False),
    lambda count: _ollama("", done=True, done_reason="stop", prompt_eval_count=USAGE_IN, eval_count=count),
)

WIRES = {"/v1/messages": _ANTHROPIC, "/v1/chat/completions": _OPENAI, "/api/chat": _OLLAMA}
"""By the path that the vendors' requests are posted to."""
