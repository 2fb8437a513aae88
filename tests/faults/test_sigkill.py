"""SIGKILL while alerts stream in: what was sent is in the journal, each exactly once, with a verdict."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.broker import start_broker
from tests.support.engines import eve_alert
from tests.support.redis_server import start_redis

ALERTS = 4_000
pytestmark = pytest.mark.timeout(300)


def watchfloor(home: Path, *arguments: str, out: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"WATCHFLOOR_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "console", *arguments],
        env=environment,
        cwd=home,
        stdout=out,
        stderr=subprocess.DEVNULL,
    )


def exported(home: Path) -> list[dict[str, object]]:
    done = watchfloor(home, "export", out=subprocess.PIPE)
    out, _ = done.communicate(timeout=180)
    assert done.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def stored(home: Path) -> int:
    """Alerts in the journal, read beside the running worker."""
    path = home / "journal.db"
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        count: int = connection.execute("select count(*) from alerts").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
    return count


def kill_when(worker: "subprocess.Popen[bytes]", home: Path, count: int) -> int:
    """SIGKILL the worker once so many alerts are stored; returns how many were."""
    give_up = time.monotonic() + 120
    while (seen := stored(home)) < count:
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < give_up, f"only {seen} of {count} stored in time"
        time.sleep(0.01)  # what waits in a stream is stored within a few tenths of a second
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    return seen


def flow_ids(records: list[dict[str, object]]) -> Counter[int]:
    ids: Counter[int] = Counter()
    for record in records:
        alert = record["alert"]
        assert isinstance(alert, dict)
        ids[int(alert["src_endpoint"]["port"])] += 1
    return ids


def write_alerts(path: Path) -> None:
    """Alerts told apart by their source port: each has one of its own, from 20,000 on."""
    path.write_bytes(b"".join(eve_alert(n, 1 + n % 3, src_port=20_000 + n) + b"\n" for n in range(ALERTS)))


def finish(home: Path, source: str) -> None:
    last = watchfloor(home, "worker", "--source", source, "--model", "playbook", "--until-idle")
    last.communicate(timeout=200)
    assert last.returncode == 0


def check(home: Path, kills: list[int]) -> None:
    assert all(0 < seen < ALERTS for seen in kills), f"a kill came too late to prove anything: {kills}"
    ids = flow_ids(exported(home))
    assert len(ids) == ALERTS
    assert set(ids.values()) == {1}


RATE = "200"
"""A second: they come for 20 s, for a worker that follows a killed one waits 6 s for its session."""


def test_kafka_with_three_kills(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts.ndjson"
    write_alerts(alerts)
    home = tmp_path / "home"
    home.mkdir()
    with start_broker() as broker:
        asyncio.run(broker.create_topic("alerts", 3))
        source = f"kafka://{broker.bootstrap}/alerts?group=w&session_timeout_s=6"
        replaying = watchfloor(
            home, "replay", str(alerts), "--to", f"kafka://{broker.bootstrap}/alerts", "--rate", RATE
        )
        kills = []
        for count in (200, 1_000, 2_000):
            worker = watchfloor(home, "worker", "--source", source, "--model", "playbook")
            kills.append(kill_when(worker, home, count))
        replaying.communicate(timeout=180)
        assert replaying.returncode == 0
        finish(home, source)
    check(home, kills)


def test_redis_streams_with_one_kill(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts.ndjson"
    write_alerts(alerts)
    home = tmp_path / "home"
    home.mkdir()
    with start_redis() as redis:
        address = f"redis://127.0.0.1:{redis.port}/0/alerts"
        replaying = watchfloor(home, "replay", str(alerts), "--to", address)
        replaying.communicate(timeout=180)
        assert replaying.returncode == 0
        source = f"{address}?group=w&claim_idle_s=1"
        worker = watchfloor(home, "worker", "--source", source, "--model", "playbook")
        kills = [kill_when(worker, home, 1_000)]
        finish(home, source)
    check(home, kills)


KILLS = int(os.environ.get("WATCHFLOOR_KILLS", "5"))
"""How often the worker on a file is killed; 200 takes about fifteen minutes."""


@pytest.mark.timeout(60 + KILLS * 10)
def test_a_followed_file_with_kills_at_random_moments(tmp_path: Path) -> None:
    rng = random.Random(7)
    home = tmp_path / "home"
    home.mkdir()
    alerts = tmp_path / "eve.json"
    alerts.write_bytes(b"")
    source = f"file://{alerts}?follow=true"
    per_life = max(50, ALERTS // KILLS)
    seen: list[int] = []
    sent = 0
    for _ in range(KILLS):
        worker = watchfloor(home, "worker", "--source", source, "--model", "playbook")
        with alerts.open("ab") as file:
            for number in range(sent, sent + per_life):
                file.write(eve_alert(number, 3, src_port=number + 1) + b"\n")
        sent += per_life
        before, give_up = stored(home), time.monotonic() + rng.choice((0.5, 15.0, 15.0, 15.0))
        while stored(home) == before and time.monotonic() < give_up:  # now and then it dies while it starts
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.4))
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        seen.append(stored(home))
    finish(home, f"file://{alerts}?follow=true")
    assert seen == sorted(seen)
    assert any(0 < one < sent for one in seen), f"no kill fell into the work: {seen}"
    ids = flow_ids(exported(home))
    assert len(ids) == sent
    assert set(ids.values()) == {1}
