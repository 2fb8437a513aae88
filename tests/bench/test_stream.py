"""The benchmark of streams measures what it says, whatever the figures are on a noisy machine."""

import json

import pytest

from backend.analysis.verdict_stream import VerdictReader
from backend.bench.stream import _Pair
from backend.bench.stream_bare import BARE
from backend.bench.stream_many import many
from backend.bench.stream_model import scripted_model
from backend.bench.stream_ours import Ours, Provider, request, words_at
from backend.bench.stream_report import RATE_TARGET
from backend.bench.stream_wire import answer_tokens, mark_of
from console.bench_terminal import marks_in
from tests.support.benching import bench


def test_the_scripted_answer_has_as_many_tokens_as_were_asked_for_and_is_in_the_products_form() -> None:
    tokens = answer_tokens(200)
    assert len(tokens) == 200
    assert all(tokens)
    reader = VerdictReader()
    for text in tokens:
        reader.feed(text)
    reading = reader.finish()
    assert reading.verdict is not None
    assert reading.verdict.verdict == "Suspicious"
    assert not reading.notes


def test_every_word_of_a_numbered_stream_is_its_own_place_in_the_answer() -> None:
    tokens = answer_tokens(150, stream=7)
    marked = [index for index, text in enumerate(tokens) if text.strip() == mark_of(7, index)]
    assert marked == list(range(marked[0], 150))
    assert len(marked) > 60


def test_marks_are_found_between_what_colours_and_moves() -> None:
    data = b"\x1b[12;40H\x1b[0;38;2;1;2;3mtk00300074 \x1b[1mtk00300075\x1b[0m x tk0030007"
    assert list(marks_in(data)) == [(3, 74), (3, 75)]


@pytest.mark.parametrize("provider", ["anthropic", "openai", "ollama"])
async def test_both_sides_get_the_same_answer_word_for_word(provider: Provider) -> None:
    async with scripted_model() as model:
        peer = await BARE[provider](model.url)
        bare = await peer.call(request(), "scripted-120-0", words_at())
        await peer.close()
        ours = Ours(provider, model.url, "scripted-120-0")
        await ours.open()
        try:
            mine = await ours.call()
        finally:
            await ours.close()
    assert bare.text == "".join(answer_tokens(120))
    assert bare.text.endswith(mine.text[-60:])
    for timed in (bare, mine):
        assert 0 < timed.first_s <= timed.words_s


async def test_the_pair_counts_the_calls_of_both_sides_and_their_cpu() -> None:
    async with scripted_model() as model:
        pair = _Pair("ollama", model.url, 120, 0)
        await pair.open()
        try:
            bare_us, ours_us = await pair.take_turns(4)
        finally:
            await pair.close()
    first = pair.first()
    assert pair.whole == 8
    assert first.calls == 4
    assert bare_us > 0
    assert ours_us > 0
    assert 0 < first.bare_p50_ms <= first.bare_p99_ms
    assert 0 < first.ours_p50_ms <= first.ours_p99_ms


async def test_streams_at_once_all_come_whole_and_none_is_forgotten() -> None:
    async with scripted_model() as model:
        figures = await many(model, streams=6, tokens=100, rate=50)
        sent = await model.sent()
    assert (figures.streams, figures.whole) == (6, 6)
    assert {number: len(at) for number, at in sent.items()} == dict.fromkeys(range(6), 100)
    assert 0 < figures.worst_ratio <= figures.median_ratio
    assert 0 < RATE_TARGET < 1


ALERTS_PER_S = 300
SMALL: dict[str, float] = {
    "console.bench.STREAMS": 12,
    "console.bench_paint.ALERTS_PER_S": ALERTS_PER_S,
    "console.bench_paint.WARM_UP_S": 1.0,
}
"""Fewer streams and alerts than what is measured with: enough of both to see that they are measured."""


@pytest.mark.timeout(400)
def test_the_command_measures_both_ways_and_prints_them_as_json() -> None:
    done = bench("stream", "--calls", "1", "--seconds", "2", "--json", sizes=SMALL, timeout_s=380)
    assert done.returncode in (0, 1), done.stderr
    streams, paint = (json.loads(line) for line in done.stdout.splitlines())
    assert [vendor["provider"] for vendor in streams["vendors"]] == ["anthropic", "openai", "ollama"]
    for vendor in streams["vendors"]:
        assert vendor["received"] == 2
        assert vendor["ratio"] == pytest.approx(vendor["ours_us"] / vendor["bare_us"], abs=0.01)
        assert [first["tokens_per_s"] for first in vendor["first"]] == [0, 50]
    assert (streams["many"]["streams"], streams["many"]["whole"]) == (12, 12)
    _seen_on_a_real_terminal(paint["screens"])


def _seen_on_a_real_terminal(screens: list[dict[str, float]]) -> None:
    """Painted tokens, with one pane and with four, for two seconds each."""
    one, four = screens
    assert (one["shown"], four["shown"]) == (1, 4)
    assert one["sent"] == pytest.approx(100, abs=40)
    assert four["sent"] == pytest.approx(400, abs=160)
    for figures in screens:
        assert figures["painted"] > 0.5 * figures["sent"]
        assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
        assert figures["alerts_sent_per_s"] == pytest.approx(ALERTS_PER_S, rel=0.2)
        assert figures["alerts_stored_per_s"] > 0


def test_sizes_that_measure_nothing_are_refused_in_a_line() -> None:
    done = bench("stream", "--calls", "0", timeout_s=60)
    assert done.returncode == 2
    assert "--calls" in done.stderr
    assert done.stderr.count("\n") == 1
