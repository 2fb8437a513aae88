"""Specs, vendors, and what is imported when."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.providers.config import ProviderConfig
from backend.providers.registry import VENDORS, open_provider, parse_spec
from tests.support.vendors.bedrock import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]

# Asks every vendor once and prints each module of an SDK that was imported in the loop's own thread.
_IMPORTS = """
import asyncio, sys, threading, traceback
from backend.providers.registry import warm
from tests.integration.providers.asking import ask, provider_for
from tests.support.vendors import Done, Tokens, VendorServer

SDKS = ("anthropic", "openai", "ollama", "botocore", "boto3", "httpx", "httpx2", "anyio", "pydantic",
        "genai_prices")
early = [name for name in SDKS if name in sys.modules]
assert not early, early

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in SDKS and threading.current_thread() is threading.main_thread():
            files = [frame.filename for frame in traceback.extract_stack()]
            # The server checks signatures; whether an extra is installed is found out without importing it.
            if not any("/tests/support/" in file or "importlib.util" in file for file in files):
                print("on the loop:", name)
        return None

async def main():
    how, *vendors = sys.argv[1:]
    if how == "warm":
        await warm(vendors)
        assert all(vendor in sys.modules for vendor in vendors)
    for vendor in vendors:
        async with VendorServer(vendor, [Tokens("a b"), Done()]) as server:
            provider = provider_for(vendor, server.base_url)
            if how == "touched":
                await provider.warm()
            assert (await ask(provider)).text == "a b"
            await provider.close()

sys.meta_path.insert(0, Finder())
asyncio.run(main())
print("done")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("cold", *VENDORS, "converse"),
        ("warm", "ollama"),
        ("touched", "anthropic", "openai", "azure", "ollama"),
    ],
    ids=["cold", "warm", "touched"],
)
def test_no_sdk_is_imported_on_the_loop(arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *arguments],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.split("\n") == ["done", ""]


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [
        ("anthropic:claude-sonnet-4-5", ("anthropic", "claude-sonnet-4-5")),
        ("ollama:llama3:8b", ("ollama", "llama3:8b")),
        (" OpenAI : gpt-5 ", ("openai", "gpt-5")),
        ("playbook", ("playbook", "")),
        ("playbook:", ("playbook", "")),
    ],
)
def test_spec(spec: str, parsed: tuple[str, str]) -> None:
    assert parse_spec(spec) == parsed


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("antropic:x", "did you mean anthropic?"),
        ("nobody:x", "known are anthropic, openai, azure, bedrock, ollama, playbook"),
        ("claude-sonnet-4-5", "as in anthropic:MODEL"),
        ("openai:", "write openai:MODEL"),
        ("", "no provider ''"),
    ],
)
def test_spec_that_is_none(spec: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("?", r"\?")) as caught:
        parse_spec(spec)
    assert "\n" not in str(caught.value)


def test_every_vendor_opens_and_calls_itself_by_its_name() -> None:
    for vendor in VENDORS:
        provider = open_provider(ProviderConfig(vendor, "m"))
        assert (provider.provider, provider.model) == (vendor, "m")


@pytest.mark.parametrize("vendor", ["playbook", "nobody"])
def test_what_cannot_be_opened(vendor: str) -> None:
    with pytest.raises(ValueError, match=vendor):
        open_provider(ProviderConfig(vendor, "m"))
