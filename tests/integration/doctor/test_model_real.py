"""Real models: llama.cpp over both wires it speaks, and the command that looks at them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doctor.models import WELL, look, model, of
from tests.support.doctoring import steps
from tests.support.llama import LlamaServer, start_llama
from tests.support.ports import free_port
from tests.support.watchfloor import run

PATIENT = {"first_token_timeout_s": 60.0, "idle_timeout_s": 30.0, "total_timeout_s": 60.0, "max_tokens": 8}
"""Half of each is far from what it takes on a busy machine; no speed there is too slow for eight tokens."""


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaServer]:
    with start_llama() as server:
        yield server


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_llama_cpp_is_in_order(llama: LlamaServer, tmp_path: Path, wire: str) -> None:
    found = await look(tmp_path, model(wire, llama.base_url, **PATIENT))
    assert steps(found) == [(step, "ok") for step in WELL], found
    share = of(found, "cache").figure
    assert share is not None
    assert share[0] > 0.9  # all but the last words of the second prompt
    speed = of(found, "speed").figure
    assert speed is not None
    assert 0.5 < speed[0] < 2_000
    assert "2 answered" in of(found, "request").found
    assert "no cost" in of(found, "request").found


def test_the_command_gives_figures_as_json(llama: LlamaServer, tmp_path: Path) -> None:
    config = tmp_path / "watchfloor.toml"
    table = "\n".join(f"{key} = {value}" for key, value in PATIENT.items())
    config.write_text(
        f'[models.local]\nprovider = "openai"\nmodel = "smol"\nbase_url = "{llama.base_url}"\n{table}\n'
    )
    result = run(tmp_path / "home", "doctor", "--config", str(config), "--no-spend", "--json", timeout_s=120)
    assert (result.returncode, result.stderr) == (0, b"")
    checks = [json.loads(line) for line in result.stdout.splitlines()]
    ours = {check["check"]: check for check in checks if check["subject"] == "model local"}
    assert list(ours) == WELL
    assert ours["first token"]["unit"] == "ms"
    assert ours["first token"]["value"] > 1
    assert ours["speed"]["unit"] == "tokens/s"
    assert "value" not in ours["TCP"]


def test_the_command_takes_a_model(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    result = run(tmp_path / "home", "doctor", "--model", "openai:smol", "--base-url", address)
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 1
    assert "model cli" in lines
    assert any(line.startswith("  ✗ TCP") for line in lines)
    assert any("→ start the server" in line for line in lines)
