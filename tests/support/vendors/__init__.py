"""LLM vendors that cost nothing: loopback servers that speak each wire for real and fail on command.

async with VendorServer("anthropic", [Tokens("Hello"), Done()], [Status(429)]) as server:
    ...  # the first request gets the first script, the second and every later one the last
    server.base_url, server.requests, server.open_connections
"""

from tests.support.vendors.script import (
    Binary,
    Cut,
    Done,
    End,
    Error,
    Hang,
    Page,
    Pings,
    Refusal,
    Rubbish,
    Script,
    Status,
    Step,
    Thinking,
    Tokens,
    ToolUse,
    Wait,
)
from tests.support.vendors.server import ReceivedRequest, VendorServer

__all__ = [
    "Binary",
    "Cut",
    "Done",
    "End",
    "Error",
    "Hang",
    "Page",
    "Pings",
    "ReceivedRequest",
    "Refusal",
    "Rubbish",
    "Script",
    "Status",
    "Step",
    "Thinking",
    "Tokens",
    "ToolUse",
    "VendorServer",
    "Wait",
]
