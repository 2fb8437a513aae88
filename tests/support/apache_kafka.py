"""Apache Kafka for tests: one KRaft node on free ports, with a folder of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.broker import Broker
from tests.support.ports import free_port, wait_for_port

NOT_FOUND = "Apache Kafka not found: set WATCHFLOOR_KAFKA_LIBS"
"""Why tests are skipped; the variable names a folder with the jars of kafka_2.13 and its dependencies."""

CLUSTER_ID = "d2F0Y2hmbG9vci10ZXN0cw"
"""A Kafka UUID: 16 bytes in URL-safe base64 without padding."""

START_S = 45.0
"""A JVM and a log recovery on a busy machine; 3 s on a quiet one."""


def kafka_libs() -> Path | None:
    """The folder with Kafka's jars, or None where it, or java, is missing."""
    named = os.environ.get("WATCHFLOOR_KAFKA_LIBS")
    if not named or shutil.which("java") is None:
        return None
    folder = Path(named)
    return folder if any(folder.glob("kafka_2.13-*.jar")) else None


class ApacheKafka(Broker):
    """A running Apache Kafka. Killed, it comes back with all it held, at the same address."""

    def __init__(
        self,
        libs: Path,
        folder: Path,
        *,
        listeners: Mapping[str, int] | None = None,
        settings: Mapping[str, object] | None = None,
        format_with: Sequence[str] = ("--standalone",),
    ) -> None:
        """Format the storage in `folder`; nothing runs yet.

        Args:
            libs: the folder with Kafka's jars.
            folder: for its settings and its data.
            listeners: beside the plain one: security protocol to port.
            settings: beside its usual ones, or in their place.
            format_with: arguments for the formatting of the storage, such as users with their passwords.
        """
        super().__init__(free_port())
        self.libs = libs
        self._config = folder / "server.properties"
        self.controller = f"{self.host}:{free_port()}"
        usual = _properties({"PLAINTEXT": self.port, **(listeners or {})}, self.controller, folder / "data")
        lines = [f"{name}={value}\n" for name, value in {**usual, **(settings or {})}.items()]
        self._config.write_text("".join(lines), encoding="utf-8")
        arguments = ["--cluster-id", CLUSTER_ID, "--config", str(self._config)]
        subprocess.run(
            java(self.libs, "kafka.tools.StorageTool", "format", *format_with, *arguments),
            check=True,
            capture_output=True,
            timeout=START_S,
        )

    def start(self) -> None:
        """Start, and return when it accepts connections. Raises `RuntimeError` if it does not."""
        self._process = subprocess.Popen(
            java(self.libs, "kafka.Kafka", str(self._config)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(self.port, START_S)
        except TimeoutError as error:
            raise RuntimeError(f"Apache Kafka did not start: exit code {self._process.poll()}") from error


class SecondNode(ApacheKafka):
    """A broker beside another one, in its cluster."""

    def __init__(self, first: ApacheKafka, folder: Path) -> None:
        """Format the storage in `folder`; nothing runs yet."""
        port = free_port()
        here = f"PLAINTEXT://127.0.0.1:{port}"
        settings = {
            "process.roles": "broker",
            "node.id": 2,
            "controller.quorum.bootstrap.servers": first.controller,
            "listeners": here,
            "advertised.listeners": here,
        }
        super().__init__(first.libs, folder, settings=settings, format_with=["--no-initial-controllers"])
        self.port, self.bootstrap = port, f"127.0.0.1:{port}"

    def close(self) -> None:
        """Kill it."""
        self.kill()


def java(libs: Path, *arguments: str) -> list[str]:
    """A command line that runs one of Kafka's programs."""
    # Without a logging backend among the jars, slf4j says nothing.
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return ["java", *options, "-cp", f"{libs}/*", *arguments]


def _properties(listeners: Mapping[str, int], controller: str, data: Path) -> dict[str, object]:
    here = "127.0.0.1"
    places = ",".join(f"{name}://{here}:{port}" for name, port in listeners.items())
    protocols = ",".join(f"{name}:{name}" for name in listeners)
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": controller,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{places},CONTROLLER://{controller}",
        "advertised.listeners": places,
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocols}",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        # A killed node may register again only when the session of its old life has run out.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3_000,
        # One node holds the only copy of its own topics, too.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
    }


@contextlib.contextmanager
def start_apache_kafka() -> Iterator[ApacheKafka]:
    """An Apache Kafka on free ports; killed, and its folder removed, at the end."""
    libs = kafka_libs()
    if libs is None:
        raise RuntimeError(NOT_FOUND)
    with tempfile.TemporaryDirectory(prefix="watchfloor-kafka-") as folder:
        broker = ApacheKafka(libs, Path(folder))
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()
