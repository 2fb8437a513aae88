from pathlib import Path

import pytest

from backend.simulation.arrivals import Mix
from backend.simulation.scaling import Rates, edge, low_calls_per_s, plan, scaling_table

DOCS = Path(__file__).resolve().parents[3] / "docs" / "scaling.md"


def test_the_table_in_the_docs_is_what_the_function_gives() -> None:
    text = DOCS.read_text("utf-8")
    for line in scaling_table():
        assert line in text, f"docs/scaling.md: put in the output of scaling_table(), which has\n{line}"


def test_slots_follow_littles_law() -> None:
    mix = Mix(critical=1.0, high=0.0, medium=0.0)
    rates = Rates(peak=1.0, headroom=1.0, answer_s=2.0)
    assert plan(86_400 * 4, mix, rates).slots == 8 + 1  # 4 a second, 2 s each, and the one kept for critical


def test_low_grows_with_rules_not_with_alerts() -> None:
    mix, rates = Mix(), Rates()
    few, many = low_calls_per_s(10, mix, rates), low_calls_per_s(10_000, mix, rates)
    most = mix.rules * rates.kinds * len(rates.samples) / 3600
    assert few < many <= most
    assert low_calls_per_s(1e9, mix, rates) == pytest.approx(most)


def test_dollars_are_calls_times_price() -> None:
    mix = Mix(critical=0.5, high=0.5, medium=0.0)
    rates = Rates(input_tokens=1_000, output_tokens=100)
    assert plan(1_000, mix, rates).usd_per_day == pytest.approx(1_000 * (1_000 * 3 + 100 * 15) / 1e6)


def test_the_edge_needs_cores_for_lines_and_sends_findings_alone() -> None:
    one = edge(1e6)
    assert one.cores == pytest.approx(1e6 * Rates().raw_cpu_s / Rates().headroom, abs=1)
    assert one.findings_per_day < 1e6 * 86_400 / 10_000
