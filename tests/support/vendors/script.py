"""The steps a scripted answer is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.providers.base import Usage


@dataclass(frozen=True)
class Tokens:
    """Send text, each piece in an event of its own; one string is cut after its spaces."""

    text: str | Sequence[str]
    every_s: float = 0.0
    """Pause before each piece."""

    @property
    def pieces(self) -> Sequence[str]:
        if isinstance(self.text, str):
            return [word for word in self.text.replace(" ", " \0").split("\0") if word]
        return self.text


@dataclass(frozen=True)
class Thinking:
    """Send reasoning that is no part of the answer."""

    text: str = "hm"


@dataclass(frozen=True)
class ToolUse:
    """Send a call of a tool nobody offered."""

    name: str = "shell"
    arguments: str = '{"cmd": "id"}'


@dataclass(frozen=True)
class Wait:
    """Say nothing for a while."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Say nothing until the client leaves."""


@dataclass(frozen=True)
class Pings:
    """Send the wire's keep-alive, `count` times or, with None, until the client leaves."""

    every_s: float = 0.02
    count: int | None = None


@dataclass(frozen=True)
class Error:
    """Send an error event in the stream, by Anthropic's name for it."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"


@dataclass(frozen=True)
class Refusal:
    """Send the words of a refusal, where the wire has a place for them."""

    text: str = "I can't help with that."


@dataclass(frozen=True)
class Done:
    """Send the end markers: usage, stop reason (by Anthropic's name), and the last event."""

    stop: str = "end_turn"
    usage: Usage = field(default_factory=lambda: Usage(input_tokens=10, output_tokens=5))
    counted: bool = True
    """False leaves the counts out, as some gateways and old servers do; only on wires where that may be."""


@dataclass(frozen=True)
class Rubbish:
    """Send bytes that are no part of any vendor's stream, in the middle of one."""

    data: bytes = b'data: {"half": \n\n'


@dataclass(frozen=True)
class End:
    """End the body cleanly, as if all had been said."""


@dataclass(frozen=True)
class Cut:
    """Break the connection: a reset, or a plain close in the middle of the body."""

    reset: bool = True


@dataclass(frozen=True)
class Status:
    """Answer with an HTTP status instead of a stream. Only as the first step."""

    code: int
    body: str | Mapping[str, object] = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Answer 200 with an HTML page. Only as the first step."""

    html: str = "<!doctype html><html><title>Sign in</title><body>Sign in to the guest network</body></html>"


@dataclass(frozen=True)
class Binary:
    """Answer 200 with bytes that are no text, under the wire's own content type. Only as the first step."""

    data: bytes = b"\x80\x81\xfe\xff\x00\n\n\xc3\x28\n\n"


Step = (
    Tokens
    | Thinking
    | ToolUse
    | Wait
    | Hang
    | Pings
    | Error
    | Refusal
    | Done
    | End
    | Cut
    | Rubbish
    | Status
    | Page
    | Binary
)
Script = Sequence[Step]
