"""The benchmark itself: it measures what it says, whatever the figures are on a noisy machine."""

import json
import subprocess
import sys

import pytest


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "console", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.timeout(240)
def test_ingest_is_measured_beside_its_peers_and_stores_every_alert_once() -> None:
    done = bench("ingest", "--records", "3000", "--rounds", "1", "--json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert (report["stored"], report["duplicates"]) == (3000, 0)
    assert 800 <= report["record_bytes"] <= 1100
    assert report["ratio"] == pytest.approx(report["watchfloor_per_s"] / report["peer_per_s"], abs=0.01)
    assert report["faststream_per_s"] > 0
    assert report["latency_counted"] > 10_000
    assert 0 < report["latency_p50_ms"] <= report["latency_p99_ms"]


@pytest.mark.timeout(240)
def test_the_console_open_is_measured_beside_it_closed() -> None:
    done = bench("screen", "--records", "3000", "--rounds", "1", "--json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["closed_per_s"] > 0
    assert report["open_per_s"] > 0


def test_what_is_not_known_is_said_in_a_line() -> None:
    done = bench("everything")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "ingest, stream, screen, all" in done.stderr
