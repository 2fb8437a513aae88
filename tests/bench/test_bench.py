"""The benchmark itself: it measures what it says, whatever the figures are on a noisy machine."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from backend.engine import BenchError
from console import bench as console_bench
from console.bench import BENCHES, Bench, BenchSizes, Measured, run_bench
from tests.support.benching import bench

EVEN_STREAM: dict[str, float] = {
    "backend.bench.ingest.LATENCY_RATE": 1_000,
    "backend.bench.ingest.LATENCY_S": 2.0,
    "backend.bench.subject.SETTLE_S": 1.0,
}
"""Two thousand alerts instead of fifty thousand, whose latency is counted."""


@pytest.mark.timeout(240)
def test_ingest_is_measured_beside_its_peers_and_stores_every_alert_once() -> None:
    done = bench("ingest", "--records", "3000", "--rounds", "1", "--json", sizes=EVEN_STREAM)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert (report["stored"], report["duplicates"]) == (3000, 0)
    assert 800 <= report["record_bytes"] <= 1100
    assert report["ratio"] == pytest.approx(report["watchfloor_per_s"] / report["peer_per_s"], abs=0.01)
    assert report["faststream_per_s"] > 0
    assert 1_000 < report["latency_counted"] < 3_500
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
    assert all(f"{name}, " in done.stderr for name in BENCHES)
    assert done.stderr.rstrip().endswith("all")


@pytest.mark.timeout(240)
def test_raw_lines_are_mined_and_told_beside_their_target() -> None:
    done = bench("patterns", "--records", "3000", "--json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["lines"] == 30_000
    assert report["templates"] >= 0.01 * report["lines"]  # of so many lines no word was seen before
    assert report["lines_per_minute"] == pytest.approx(30_000 / report["mine_cpu_s"] * 60, rel=0.05)
    assert done.returncode == int(
        report["lines_per_minute"] < report["target_per_minute"]
        or report["rss_end_mb"] / report["rss_half_mb"] - 1 > report["target_growth"]
    )


@pytest.mark.timeout(240)
def test_the_wait_at_an_opened_alert_is_measured_with_looking_ahead_and_without() -> None:
    done = bench("ahead", "--scale", "0.05")
    assert done.returncode in (0, 1), done.stderr
    without, ahead = (line for line in done.stdout.splitlines() if " median " in line)
    assert without.split()[0] == "without"
    assert ahead.split()[0] == "with"
    assert "times shorter    target 5" in done.stdout
    assert "calls made ahead were wanted" in done.stdout
    assert "of all spend, target below 20%" in done.stdout
    assert ("not reached" in done.stdout) == (done.returncode == 1)


class Scripted(msgspec.Struct):
    """A report that says what the test wants."""

    bench: str
    met: bool


def scripted(name: str, met: bool, ran: list[str]) -> Bench:
    def run(sizes: BenchSizes) -> Iterator[Measured]:
        ran.append(name)
        yield Measured(Scripted(name, met), [f"{name} told"])

    return run


def test_all_runs_every_short_one_and_falls_short_if_any_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(
        console_bench, "BENCHES", {name: scripted(name, name != "storm", ran) for name in BENCHES}
    )
    monkeypatch.setattr(console_bench, "log_to_stderr", lambda: None)
    sizes = BenchSizes(records=1_000, rounds=1, calls=1, seconds=1)
    assert run_bench("all", sizes, as_json=False) == 1
    assert ran == [name for name in BENCHES if name not in ("ahead", "cost")]
    assert capsys.readouterr().out.splitlines() == [f"{name} told" for name in ran]
    assert run_bench("ahead", sizes, as_json=False) == 0


def test_sizes_that_make_no_sense_are_refused() -> None:
    for wrong in ({"scale": 2.0}, {"records": 10}, {"seconds": 0.0}):
        sizes = BenchSizes(**{"records": 1_000, "rounds": 1, "calls": 1, "seconds": 1.0, **wrong})  # type: ignore[arg-type]
        with pytest.raises(BenchError, match="--"):
            run_bench("ahead", sizes, as_json=False)
