"""Recorded alerts through the whole pipeline in virtual time: what they cost, what of an attack is seen."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import structlog

from backend.bench.report import BenchError
from backend.simulation.cost import CostReport, bench_cost, cost_lines
from backend.simulation.recall import PhaseRecall
from tests.corpus import CORPUS

HOUR_S = 3_600
BEGIN_S = int(datetime(2024, 3, 5, 6, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True, scope="module")
def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def alert(at_s: int, rule: str, host: str, severity: str) -> bytes:
    when = datetime.fromtimestamp(BEGIN_S + at_s, UTC).isoformat()
    fields = {"time": when, "title": f"{rule} fired", "rule_id": rule, "host": host, "severity": severity}
    return msgspec.json.encode(fields | {"vendor": "Example"})


def recorded() -> Iterator[tuple[int, bytes, str, str]]:
    """Six hours of known noise, and an attack of four phases, the last of which nobody can see."""
    for minute in range(360):
        yield minute * 60, alert(minute * 60, "login", f"web{minute % 3}", "Low"), "false_positive", "-"
        yield minute * 60 + 7, alert(minute * 60 + 7, "update", f"web{minute % 3}", "Informational"), "-", "-"
    for n in range(6):
        at_s = 60 + n
        yield at_s, alert(at_s, f"probe{n}", "printer", "Low"), "false_positive", "-"
    foot = 4 * HOUR_S
    yield foot - 300, alert(foot - 300, "update", "db", "Informational"), "foothold", "-"
    for n in range(6):
        yield foot + 30 * n, alert(foot + 30 * n, f"probe{n}", "db", "Low"), "scan", "scan_host"
    yield foot + HOUR_S, alert(foot + HOUR_S, "shell", "db", "High"), "shell", "shell_cmd"
    last = 6 * HOUR_S + 120
    yield last, alert(last, "login", "web0", "Low"), "leaving", "log_off"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("recorded")
    rows = sorted(recorded())
    alerts, labels = folder / "alerts.ndjson.gz", folder / "labels.csv"
    alerts.write_bytes(gzip.compress(b"\n".join(raw for _, raw, _, _ in rows) + b"\n"))
    lines = [f"{number},{phase},{action}" for number, (_, _, phase, action) in enumerate(rows, start=2)]
    labels.write_text("line,time_label,event_label\n" + "\n".join(lines) + "\n", "utf-8")
    return alerts, labels


@pytest.fixture(scope="module")
def report(files: tuple[Path, Path], quiet: None) -> CostReport:
    return bench_cost(*files)


def phases(report: CostReport) -> dict[str, PhaseRecall]:
    return {one.phase: one for one in report.phases}


def test_each_alert_is_accounted_for_and_few_are_paid_for(report: CostReport) -> None:
    assert report.accounted
    assert report.alerts == report.naive_calls == 720 + 6 + 1 + 6 + 1 + 1
    assert report.lanes == {"low": report.alerts - 1, "high": 1}
    assert report.calls == sum(one.calls for one in report.spent) < report.alerts / 10
    assert report.calls_share == pytest.approx(report.calls / report.alerts)
    prices = {"best": (3.0, 15.0), "fast": (1.0, 5.0), "small": (0.25, 1.25)}
    expected = sum(
        one.calls * (report.tokens[0] * prices[one.model][0] + report.tokens[1] * prices[one.model][1]) / 1e6
        for one in report.spent
        if one.lane != "medium"
    )
    spent = sum(one.usd for one in report.spent if one.lane != "medium")
    assert spent == pytest.approx(expected, rel=0.1)
    each = (report.tokens[0] * 3 + report.tokens[1] * 15) / 1e6
    assert report.naive_usd == pytest.approx(report.alerts * each, abs=0.01)
    assert report.usd_share == pytest.approx(report.usd / report.naive_usd, rel=0.01)
    assert report.usd_share < report.one_price_share


def test_what_comes_again_from_the_same_host_within_half_a_shift_is_not_paid_for_again(
    report: CostReport,
) -> None:
    """An hour's first alert of a rule comes from web0, web1, web2 in turn: each is asked about once."""
    low = report.verdicts["low"]
    assert low["cache"] > 12
    assert low["model"] < 20


def test_the_table_says_what_reached_an_analyst_and_what_did_not(report: CostReport) -> None:
    table = phases(report)
    shell, scan = table["shell"], table["scan"]
    assert (shell.in_lanes, shell.in_promoted, shell.first_by) == (1, 0, "high")
    assert shell.first_after_s == pytest.approx(2.0, abs=1.0)
    assert scan.in_promoted == scan.alerts == 6
    assert "campaign" in scan.first_by
    assert scan.first_after_s is not None
    assert 90 <= scan.first_after_s <= 300  # with the update before it, its fourth rule was the fifth
    assert table["foothold"].in_promoted == 1  # of the campaign's hour, on its host
    leaving = table["leaving"]
    assert (leaving.alerts, leaving.reached, leaving.first_after_s) == (1, 0, None)
    assert {one.phase for one in report.actions} == {"scan_host", "shell_cmd", "log_off"}


def test_a_phase_that_nobody_sees_is_said_and_fails(report: CostReport) -> None:
    assert not report.met
    text = "\n".join(cost_lines(report))
    assert "3 of 4, not leaving, target all 4: NOT REACHED" in text
    assert "leaving" in text
    assert "NEVER" in text
    assert "(no phase)" in text


def test_the_same_files_take_the_same_course(files: tuple[Path, Path], report: CostReport) -> None:
    assert bench_cost(*files).digest == report.digest


def test_labels_never_reach_the_pipeline(
    files: tuple[Path, Path], report: CostReport, tmp_path: Path
) -> None:
    other = tmp_path / "labels.csv"
    other.write_text("line,phase\n2,everything\n", "utf-8")
    told = bench_cost(files[0], other)
    assert told.digest == report.digest
    assert {one.phase: one.alerts for one in told.phases} == {"": report.alerts - 1, "everything": 1}


@pytest.mark.parametrize(
    ("alerts", "labels", "words"),
    [
        (None, b"line,phase\n", "--alerts FILE"),
        (b"{}", None, "--labels FILE"),
        (b"", b"line,phase\n", "holds no alerts"),
        (b"\x1f\x8bbroken", b"line,phase\n", "can't be read"),
        (b"hello\n", b"line,phase\n", "line 1: not one alert as JSON"),
        (alert(0, "a", "b", "Low"), b"a,b\n", "must begin with a header"),
        (alert(0, "a", "b", "Low"), b"line,phase\n1,scan\n", "line 2: no label of one of the 1 alerts"),
        (alert(0, "a", "b", "Low"), b"line,phase\n3,scan\n", "line 2: no label of one of the 1 alerts"),
        (alert(0, "a", "b", "Low"), b"line,phase\nx,scan\n", "line 2: no label"),
        (alert(0, "a", "b", "Low"), b"line,phase\n2\n", "line 2: no label"),
    ],
)
def test_files_that_will_not_do_are_named(
    tmp_path: Path, alerts: bytes | None, labels: bytes | None, words: str
) -> None:
    paths: dict[str, Path | None] = {}
    for name, content in (("alerts", alerts), ("labels", labels)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        paths[name] = None if content is None else tmp_path / name
    with pytest.raises(BenchError, match=words):
        bench_cost(paths["alerts"], paths["labels"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"gone\.ndjson can't be read: No such file"):
        bench_cost(tmp_path / "gone.ndjson", tmp_path / "labels.csv")


@pytest.mark.corpus
@pytest.mark.timeout(900)
@pytest.mark.skipif(CORPUS is None, reason="the shared corpus is not here")
def test_four_days_with_an_attack_cost_a_fiftieth_at_most_and_every_phase_is_seen() -> None:
    assert CORPUS is not None
    name = CORPUS / "labelled" / "ait_ads_russellmitchell"
    report = bench_cost(name.with_suffix(".ndjson.gz"), name.with_suffix(".labels.csv.gz"))
    assert report.alerts == 45_544
    assert report.accounted
    assert report.usd_share <= 0.02
    assert report.calls_share <= 0.02
    assert [one.phase for one in report.phases if not one.reached] == []
    assert report.met
