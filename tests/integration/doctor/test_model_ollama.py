"""Doctor beside a real Ollama, where it is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doctor.models import WELL, look, model, of
from tests.support.doctoring import steps
from tests.support.ollama import MODEL, NOT_FOUND, Ollama, ollama_binary, start_ollama

PATIENT = {"first_token_timeout_s": 90.0, "idle_timeout_s": 50.0, "total_timeout_s": 100.0, "max_tokens": 8}


@pytest.fixture(scope="module")
def ollama() -> Iterator[Ollama]:
    if ollama_binary() is None:
        pytest.skip(NOT_FOUND)
    with start_ollama() as server:
        yield server


async def test_ollama_is_in_order(ollama: Ollama, tmp_path: Path) -> None:
    found = await look(tmp_path, model("ollama", ollama.base_url, model=MODEL, **PATIENT))
    assert steps(found) == [(step, "ok") for step in WELL], found
    assert of(found, "model").found == f"{MODEL} is one of 1 that the server offers"
    assert "does not count what comes from a cache" in of(found, "cache").found
    assert "seems to hit" in of(found, "cache").found  # some 900 tokens were read once


async def test_a_model_to_pull(ollama: Ollama, tmp_path: Path) -> None:
    near = await look(tmp_path, model("ollama", ollama.base_url, model="smoll"))
    check = of(near, "model")
    assert check.state == "failed"
    assert check.mend.startswith(f"did you mean {MODEL}:latest?; pull it: ollama pull smoll")
