"""How each vendor writes the steps of a script: Anthropic SSE, OpenAI and Azure SSE, Ollama JSON lines."""

import json
from typing import Any, Protocol

from backend.providers.base import Usage
from tests.support.vendors.script import Done, Error, Refusal, Thinking, ToolUse

# Anthropic's stop reasons in the words of the others.
_FINISH = {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter", "tool_use": "tool_calls"}
_DONE_REASON = {"end_turn": "stop", "max_tokens": "length"}


class Wire(Protocol):
    """One answer being written in one vendor's format; made anew for every request."""

    content_type: str
    path: str
    """What the vendor's requests are posted to, below the server's address: a pattern, {} any one name."""

    def opening(self) -> bytes: ...
    def token(self, text: str) -> bytes: ...
    def thinking(self, step: Thinking) -> bytes: ...
    def tool_use(self, step: ToolUse) -> bytes: ...
    def refusal(self, step: Refusal) -> bytes: ...
    def ping(self) -> bytes: ...
    def error(self, step: Error) -> bytes: ...
    def done(self, step: Done) -> bytes: ...


def _sse(data: object, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


class AnthropicWire:
    """The Messages API's events, with typed content blocks."""

    content_type = "text/event-stream; charset=utf-8"
    path = "/v1/messages"

    def __init__(self, model: str, usage: Usage) -> None:
        self._model = model
        self._usage = usage
        self._index = -1
        self._block = ""

    def opening(self) -> bytes:
        usage = {
            "input_tokens": self._usage.input_tokens,
            "cache_read_input_tokens": self._usage.cache_read_tokens,
            "cache_creation_input_tokens": self._usage.cache_write_tokens,
            "output_tokens": 1,
        }
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return self._event("message_start", message=message)

    def token(self, text: str) -> bytes:
        return self._in_block("text", {"type": "text", "text": ""}, {"type": "text_delta", "text": text})

    def thinking(self, step: Thinking) -> bytes:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        return self._in_block("thinking", block, {"type": "thinking_delta", "thinking": step.text})

    def tool_use(self, step: ToolUse) -> bytes:
        block = {"type": "tool_use", "id": "toolu_1", "name": step.name, "input": {}}
        return self._in_block("tool_use", block, {"type": "input_json_delta", "partial_json": step.arguments})

    def refusal(self, step: Refusal) -> bytes:
        return self.token(step.text)

    def ping(self) -> bytes:
        return self._event("ping")

    def error(self, step: Error) -> bytes:
        return self._event("error", error={"type": step.kind, "message": step.message})

    def done(self, step: Done) -> bytes:
        delta = {"stop_reason": step.stop, "stop_sequence": None}
        usage = {"output_tokens": step.usage.output_tokens}
        return (
            self._close()
            + self._event("message_delta", delta=delta, usage=usage)
            + self._event("message_stop")
        )

    def _in_block(self, kind: str, block: dict[str, Any], delta: dict[str, Any]) -> bytes:
        opened = b""
        if kind != self._block:
            opened = self._close()
            self._index += 1
            self._block = kind
            opened += self._event("content_block_start", index=self._index, content_block=block)
        return opened + self._event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        if not self._block:
            return b""
        self._block = ""
        return self._event("content_block_stop", index=self._index)

    def _event(self, kind: str, **fields: object) -> bytes:
        return _sse({"type": kind, **fields}, event=kind)


class OpenAIWire:
    """Chat completion chunks, the usage in a last chunk without choices, then `[DONE]`."""

    content_type = "text/event-stream"
    path = "/v1/chat/completions"
    counts = True
    """Whether the request asked for the usage: without that none is sent."""

    def __init__(self, model: str, usage: Usage) -> None:
        self._model = model
        self._usage = usage

    def opening(self) -> bytes:
        return self._delta({"role": "assistant", "content": "", "refusal": None})

    def token(self, text: str) -> bytes:
        return self._delta({"content": text})

    def thinking(self, step: Thinking) -> bytes:
        return self._delta({"reasoning_content": step.text})

    def tool_use(self, step: ToolUse) -> bytes:
        function = {"name": step.name, "arguments": step.arguments}
        return self._delta(
            {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        )

    def refusal(self, step: Refusal) -> bytes:
        return self._delta({"refusal": step.text})

    def ping(self) -> bytes:
        return b": keep-alive\n\n"

    def error(self, step: Error) -> bytes:
        return _sse({"error": {"message": step.message, "type": step.kind, "code": None, "param": None}})

    def done(self, step: Done) -> bytes:
        choice = {"index": 0, "delta": {}, "finish_reason": _FINISH.get(step.stop, step.stop)}
        return self._chunk(choices=[choice], usage=None) + self._usage_chunk(step) + b"data: [DONE]\n\n"

    def _usage_chunk(self, step: Done) -> bytes:
        if not (self.counts and step.counted):
            return b""
        return self._chunk(choices=[], usage=self._counted(step.usage))

    def _counted(self, usage: Usage) -> dict[str, object]:
        prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": usage.output_tokens,
            "total_tokens": prompt + usage.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
        }

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._chunk(choices=[{"index": 0, "delta": delta, "finish_reason": None}], usage=None)

    def _chunk(self, **fields: object) -> bytes:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self._model}
        return _sse({**base, **fields})


_SAFE = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}
_OFFENCE = {**_SAFE, "violence": {"filtered": True, "severity": "high"}}


class AzureWire(OpenAIWire):
    """OpenAI's chunks as Azure sends them: filter results before, beside and after the text.

    The first chunk has no choices, only what the filters say of the prompt; after the finish reason comes a
    choice without a delta, as with the asynchronous filter (openai-python issue 1677), then the usage.
    """

    path = r"/openai/deployments/{}/chat/completions\?api-version=2024-10-21"

    def opening(self) -> bytes:
        filters = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        return _sse({**first, "prompt_filter_results": filters}) + super().opening()

    def done(self, step: Done) -> bytes:
        finish = _FINISH.get(step.stop, step.stop)
        results = _OFFENCE if finish == "content_filter" else _SAFE
        offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
        end = {"index": 0, "delta": {}, "finish_reason": finish, "content_filter_results": results}
        note = {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": results,
            "content_filter_offsets": offsets,
        }
        blank = {"id": "", "object": "", "created": 0, "model": "", "usage": None}
        return (
            self._chunk(choices=[end], usage=None)
            + _sse({**blank, "choices": [note]})
            + self._usage_chunk(step)
            + b"data: [DONE]\n\n"
        )

    def _delta(self, delta: dict[str, Any]) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": None, "content_filter_results": _SAFE}
        return self._chunk(choices=[choice], usage=None)


class OllamaWire:
    """One JSON object a line; the last says `done` and carries the counts. There is no keep-alive."""

    content_type = "application/x-ndjson"
    path = "/api/chat"

    def __init__(self, model: str, usage: Usage) -> None:
        self._model = model
        self._usage = usage

    def opening(self) -> bytes:
        return b""

    def token(self, text: str) -> bytes:
        return self._line({"content": text})

    def thinking(self, step: Thinking) -> bytes:
        return self._line({"content": "", "thinking": step.text})

    def tool_use(self, step: ToolUse) -> bytes:
        function = {"name": step.name, "arguments": json.loads(step.arguments)}
        return self._line({"content": "", "tool_calls": [{"function": function}]})

    def refusal(self, step: Refusal) -> bytes:
        return self.token(step.text)

    def ping(self) -> bytes:
        return self._line({"content": ""})

    def error(self, step: Error) -> bytes:
        return json.dumps({"error": step.message}).encode() + b"\n"

    def done(self, step: Done) -> bytes:
        usage = step.usage
        counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
        reason = _DONE_REASON.get(step.stop, step.stop)
        return self._line({"content": ""}, done=True, done_reason=reason, **(counts if step.counted else {}))

    def _line(self, message: dict[str, Any], *, done: bool = False, **fields: object) -> bytes:
        part = {
            "model": self._model,
            "created_at": "2026-01-02T03:04:05.678Z",
            "message": {"role": "assistant", **message},
            "done": done,
            **fields,
        }
        return json.dumps(part).encode() + b"\n"


WIRES: dict[str, type[AnthropicWire] | type[OpenAIWire] | type[AzureWire] | type[OllamaWire]] = {
    "anthropic": AnthropicWire,
    "openai": OpenAIWire,
    "azure": AzureWire,
    "ollama": OllamaWire,
}
