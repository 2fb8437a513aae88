import msgspec
import pytest

from backend.engine import StormReport, storm_lines
from backend.simulation import scenarios as module
from console.bench import BenchSizes, run_bench


def test_the_command_plays_prints_and_says_whether_it_fell_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = module.scenarios(3)[2]  # the smallest: a queue full of low
    monkeypatch.setattr(module, "scenarios", lambda _seed: (one,))
    sizes = BenchSizes(records=1_000, rounds=1, calls=1, seconds=1, seed=3)
    assert run_bench("storm", sizes, as_json=True) == 0
    report = msgspec.json.decode(capsys.readouterr().out, type=StormReport)
    assert report.met
    assert report.accounted
    assert report.came == report.verdicts + report.counted
    assert report.calls < report.came / 5
    worst = next(check for check in report.checks if "worst" in check.what)
    assert float(worst.got.split()[0]) <= 1.0
    assert any("all accounted for" in line for line in storm_lines(report))
