"""The `[patterns]` table, and the measurement of mining."""

import pytest

from backend.bench.patterns import patterns_lines, run
from backend.patterns.findings import MinerLimits
from backend.settings import SettingsError, parse


def test_the_table_is_read() -> None:
    settings = parse(b'[patterns]\nsigma = ["/x"]\nlearn_minutes = 5\n', "f.toml")
    assert (settings.patterns.sigma, settings.patterns.learn_minutes) == (["/x"], 5)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sigmas = []", "sigma"),
        ("max_templates = 0", "max_templates"),
        ("surge_factor = 0.5", "surge_factor"),
        ("learn_minutes = -1", "learn_minutes"),
    ],
)
def test_what_it_can_not_say_is_an_error_that_names_the_key(line: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse(f"[patterns]\n{line}\n".encode(), "f.toml")


def test_mining_is_measured_and_stays_within_bounds() -> None:
    report = run(20_000, limits=MinerLimits(templates=500, learn_ms=0, learn_lines=0))
    assert report.lines == 20_000
    assert 0 < report.templates <= 561
    assert report.lines_per_minute > 0
    assert report.ratio == pytest.approx(report.lines_per_minute / 1_000_000, abs=0.01)
    assert any(f"{report.lines_per_minute:,}" in line for line in patterns_lines(report))
