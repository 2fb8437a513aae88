"""Bedrock's two wires: Anthropic's events and Converse's, in AWS's binary frames, for signed requests."""

import base64
import json
from binascii import crc32
from collections.abc import Mapping
from struct import pack
from typing import Any

from backend.providers.base import Usage
from tests.support.vendors.http import HttpRequest
from tests.support.vendors.script import Done, Error, Refusal, Thinking, ToolUse
from tests.support.vendors.wires import AnthropicWire

REGION = "eu-central-1"
ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a process needs to sign requests that the server below takes, and nothing of its machine."""
FOREIGN = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")
"""Variables of the machine that would change the outcome."""

_STOPS = {"refusal": "content_filtered"}
# Anthropic's error names to those of frames, with the statuses they stand for in AWS's model.
_EXCEPTIONS = {
    "overloaded_error": "serviceUnavailableException",
    "rate_limit_error": "throttlingException",
    "api_error": "internalServerException",
}


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of the event stream: lengths, their CRC, string headers, payload, CRC of all."""
    head = b"".join(
        pack("!B", len(name)) + name.encode() + pack("!BH", 7, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack("!II", 16 + len(head) + len(payload), len(head))
    body = prelude + pack("!I", crc32(prelude)) + head + payload
    return body + pack("!I", crc32(body))


def event(kind: str, fields: Mapping[str, object]) -> bytes:
    """An event frame with a JSON payload, padded as AWS does against guessing texts by their lengths."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps({**fields, "p": "abcdefghijk"}).encode())


def exception(name: str, message: str, **fields: object) -> bytes:
    """An exception frame; nothing comes after one."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message, **fields}).encode())


def unsigned(request: HttpRequest) -> str:
    """What is wrong with a request's proof of who asks; empty when a token or the signature is right."""
    given = request.headers.get("authorization", "")
    if given.startswith("Bearer ") and len(given) > len("Bearer "):
        return ""
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return f"no signature: {given!r}"
    parts = dict(part.strip().split("=", 1) for part in given.split(" ", 1)[1].split(","))
    key, date, region, service, last = parts["Credential"].split("/")
    if (key, service, last) != (ACCESS_KEY, "bedrock", "aws4_request"):
        return f"signed for {parts['Credential']}"
    from botocore.auth import SigV4Auth  # not at the top: some tests watch when it is imported
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    names = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-date"} <= set(names):
        return f"host or date is not signed: {names}"
    signer = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, region)
    again = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.path}",
        headers={name: request.headers[name] for name in names},
        data=request.body,
    )
    again.context["timestamp"] = request.headers["x-amz-date"]
    if not request.headers["x-amz-date"].startswith(date):
        return "the scope has another day than the request"
    canonical = signer.canonical_request(again)
    wanted = signer.signature(signer.string_to_sign(again, canonical), again)
    return "" if wanted == parts["Signature"] else f"wrong signature over {canonical!r}"


class BedrockWire(AnthropicWire):
    """`invoke-with-response-stream`: the Messages API's events, each as base64 in a `chunk` frame."""

    content_type = "application/vnd.amazon.eventstream"
    path = "/model/{}/invoke-with-response-stream"

    def ping(self) -> bytes:
        return self._event("ping")

    def error(self, step: Error) -> bytes:
        return exception(_EXCEPTIONS.get(step.kind, step.kind), step.message)

    def _event(self, kind: str, **fields: object) -> bytes:
        if kind == "message_stop":
            fields["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 1}
        raw = json.dumps({"type": kind, **fields}).encode()
        return event("chunk", {"bytes": base64.b64encode(raw).decode()})


class ConverseWire:
    """`converse-stream`: one frame an event; `messageStop` and `metadata` end it. There is no keep-alive."""

    content_type = "application/vnd.amazon.eventstream"
    path = "/model/{}/converse-stream"

    def __init__(self, model: str, usage: Usage) -> None:
        self._model = model
        self._usage = usage

    def opening(self) -> bytes:
        return event("messageStart", {"role": "assistant"})

    def token(self, text: str) -> bytes:
        return self._delta({"text": text})

    def thinking(self, step: Thinking) -> bytes:
        return self._delta({"reasoningContent": {"text": step.text}})

    def tool_use(self, step: ToolUse) -> bytes:
        start = {"toolUse": {"toolUseId": "tooluse_1", "name": step.name}}
        opened = event("contentBlockStart", {"contentBlockIndex": 1, "start": start})
        return opened + self._delta({"toolUse": {"input": step.arguments}}, index=1)

    def refusal(self, step: Refusal) -> bytes:
        return self.token(step.text)

    def ping(self) -> bytes:
        return self.token("")

    def error(self, step: Error) -> bytes:
        return exception(_EXCEPTIONS.get(step.kind, step.kind), step.message)

    def done(self, step: Done) -> bytes:
        usage = step.usage
        counted: dict[str, Any] = {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "cacheReadInputTokens": usage.cache_read_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
            "totalTokens": usage.input_tokens + usage.output_tokens,
        }
        return (
            event("contentBlockStop", {"contentBlockIndex": 0})
            + event("messageStop", {"stopReason": _STOPS.get(step.stop, step.stop)})
            + event("metadata", {"usage": counted, "metrics": {"latencyMs": 1}})
        )

    def _delta(self, delta: Mapping[str, object], index: int = 0) -> bytes:
        return event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
