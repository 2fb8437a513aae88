"""The parts of a batch: lines out of a stream, shares of a call, what the model is shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.analysis.batch_examples import EXAMPLES
from backend.analysis.batch_lines import MAX_LINE, BatchLines
from backend.analysis.batch_prompt import (
    CHECK_PASSES,
    SYSTEM,
    Asked,
    batch_system,
    block,
    build_batch,
    check_alert,
    tags,
)
from backend.analysis.call import CallResult
from backend.analysis.estimate import estimate_tokens
from backend.analysis.playbook.analyst import judge
from backend.analysis.shares import shares, split
from backend.analysis.verdict_stream import VerdictReader
from backend.providers.base import Outcome, Usage
from backend.providers.prices import Price
from tests.unit.analysis.builders import EVIDENCE, alert

LINES = [json.dumps({"alert": f"{n}-aaaa", "verdict": "Benign", "why": "so\nso"}) for n in range(1, 5)]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_lines_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    text = "```json\n" + LINES[0] + "\n\n" + LINES[1] + ",\nHere you are:\n" + "\n".join(LINES[2:]) + "\n```"
    reader, found, at = BatchLines(), [], 0
    for cut in cuts:
        found += reader.feed(text[at : at + cut])
        at += cut
    found += reader.feed(text[at:])
    found += reader.finish()
    assert [line.tag for line in found] == ["1-aaaa", "2-aaaa", "3-aaaa", "4-aaaa"]
    assert [line.text for line in found] == LINES


def test_what_is_no_line_is_passed_over_and_memory_stays_flat() -> None:
    reader = BatchLines()
    assert reader.feed('{"alert":"1-a"' + "x" * 10 * MAX_LINE) == []
    assert reader.feed('"}\n{"alert":7}\n{"alert":"2-b"}\n[1]\nnull\n{"a":\n')[0].tag == "2-b"
    assert reader.finish() == []
    cut = BatchLines()
    assert (cut.feed('{"alert":"1-a","verdict":"Ben'), cut.finish()) == ([], [])


@given(st.integers(0, 10_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=12))
def test_parts_add_up(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)


def test_a_call_is_shared_by_what_each_asked_and_was_answered() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=300, cache_read_tokens=500)
    result = CallResult(Outcome("complete"), usage, 0.9, 0.1)
    one, two = shares(result, Price(1.0, 5.0, 0.1, 1.25, True), [(1_000, 200), (3_000, 100)])
    assert (one.usage.input_tokens, two.usage.input_tokens) == (250, 750)
    assert (one.usage.output_tokens, two.usage.output_tokens) == (200, 100)
    assert abs(one.usd + two.usd - 0.9) < 1e-9
    # 250 + 5 * 200 + 0.1 * 125 against 750 + 5 * 100 + 0.1 * 375
    assert abs(one.usd / two.usd - 1_262.5 / 1_287.5) < 1e-9


def test_each_alert_has_a_block_and_a_nonce_of_its_own_and_the_check_alert_is_answered_first() -> None:
    names = tags(3)
    assert len(set(names)) == 3
    blocks = [block(Asked(name, alert(), tuple(EVIDENCE))) for name in names]
    nonces = {line for one in blocks for line in one.splitlines() if line.startswith("BEGIN DATA")}
    assert len(nonces) == 3
    request = build_batch(blocks, [2, 0, 1], [names[2], names[0], names[1]], hidden=False)
    text = request.messages[0].text
    assert text.index(f"Alert {names[2]}") < text.index(f"Alert {names[0]}") < text.index(f"Alert {names[1]}")
    assert text.endswith(f"in this order: {names[2]}, {names[0]}, {names[1]}")
    assert (request.system, request.max_tokens) == (SYSTEM, 660)


def test_nobody_can_call_the_check_alert_harmless() -> None:
    decoy, evidence = check_alert()
    verdict, _ = judge(decoy, evidence, ())
    assert verdict.verdict in CHECK_PASSES
    other, _ = check_alert()
    assert other.head.uid != decoy.head.uid


def test_the_batch_prompt_is_as_long_as_the_cache_needs_and_no_longer() -> None:
    assert batch_system(None) == batch_system(512) == SYSTEM  # nothing to cache, or long enough as it is
    assert batch_system(4_096) == SYSTEM  # the examples do not reach so far
    for least in (1_024, 2_048):
        prompt = batch_system(least)
        assert prompt.startswith(SYSTEM)
        assert least <= estimate_tokens(len(prompt)) < least + 400
        assert prompt == batch_system(least)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_a_line_that_would_be_accepted(example: str) -> None:
    data, _, answer = example.partition("Line:\n")
    lines = BatchLines()
    (line,) = [*lines.feed(answer), *lines.finish()]
    assert f"Alert {line.tag}\n" in data
    assert 0 < len(line.why.split()) <= 40
    reader = VerdictReader(0)
    reader.feed(f"{line.text}\n\n{line.why}")
    reading = reader.finish()
    assert (reading.problem, reading.notes) == ("", ())
    assert reading.verdict is not None
    known = {one["id"] for one in json.loads(data.partition("Data: ")[2])["evidence"]}
    assert {cited for fact in reading.verdict.facts for cited in fact.evidence} <= known
    assert 1 <= len(reading.verdict.facts) <= 2
