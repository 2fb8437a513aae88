import subprocess
import sys
from pathlib import Path

import pytest

from backend.clock import SystemClock
from backend.sources.base import SourceError
from backend.sources.registry import SourceOptions, open_source, open_target


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("kafka://h/t", "kafka"),
        ("redis://h/s", "redis"),
        ("-", "stdin"),
        ("demo:?seed=3", "demo"),
        ("kinesis://eu-west-1/s", "kinesis"),
        ("http://127.0.0.1:8080/in", "http"),
        ("syslog://127.0.0.1:514", "syslog"),
    ],
)
def test_sources_by_address(uri: str, kind: str) -> None:
    source = open_source(uri, clock=SystemClock(), options=SourceOptions())
    status = source.status()
    assert (status.kind, status.state, status.name) == (kind, "starting", source.name)


def test_not_everything_is_a_target(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="targets are file, http, kafka, kinesis, redis, syslog"):
        open_target("demo:")
    with pytest.raises(SourceError, match="one topic"):
        open_target("kafka://h/a,b")
    open_target(str(tmp_path / "new.ndjson"))


def test_opening_a_source_imports_no_client() -> None:
    code = (
        "import sys; from backend.clock import SystemClock; from backend.sources.registry import open_source;"
        "uris = 'kafka://h/t redis://h/s kinesis://r/s http://h:1/in syslog://h:1'.split();"
        "[open_source(uri, clock=SystemClock()) for uri in uris];"
        "clients = ('aiokafka', 'redis', 'watchfiles', 'botocore', 'h11', 'httpx');"
        "print([m for m in clients if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == "[]"
