"""What the view models say, value by value."""

import msgspec
import pytest

from backend.analysis.model import AttemptEnded, AttemptStarted, Delta, VerdictReady
from backend.api import CostView, Decide, Investigate, Reply, SourceStatus, TranscriptSlice
from console.view_models.cost import cost_item, cost_lines
from console.view_models.detail import evidence_items, heading, verdict_card, verdict_line, waterfall
from console.view_models.filter_text import toggle_severity
from console.view_models.header import RateMeter, coarse_age, empty_lines, notices, short_name
from console.view_models.queue import LAYOUTS, QueueContext, row_data, sla_cell, took
from console.view_models.replies import toast
from console.view_models.transcript import TranscriptWriter
from console.view_models.why import why_lines
from tests.support import scene
from widgets.data import BlockKind, VerdictCard
from widgets.safe import Run, Shown

CONTEXT = QueueContext(scene.NOW_MS, {"critical": 60.0, "high": 300.0, "medium": 900.0})


def words(lines: tuple[tuple[Run, ...], ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


@pytest.mark.parametrize(
    ("row", "text", "style"),
    [
        (scene.row(1, severity=5, age_s=19), "0:41", "sla-ok"),
        (scene.row(1, severity=5, age_s=50), "0:10", "sla-soon"),
        (scene.row(1, severity=5, age_s=72), "-0:12", "sla-breached"),
        (scene.row(1, severity=5, age_s=72, verdict="Benign", after_s=2.1), "✓ 2.1s", "sla-ok"),
        (scene.row(1, severity=5, age_s=90, verdict="Benign", after_s=72), "✗ 1:12", "sla-breached"),
        (scene.row(1, severity=2, verdict="Benign", after_s=0.043), "✓ 43ms", "muted"),
        (scene.row(1, severity=2), "·", "faint"),
        (scene.row(1, severity=5, state="closed"), "·", "faint"),
    ],
)
def test_sla_cell(row: object, text: str, style: str) -> None:
    cell = sla_cell(row, CONTEXT)  # type: ignore[arg-type]  # rows of the scene
    assert (cell.text, cell.style) == (text, style)


def test_every_layout_has_a_cell_for_each_column_and_verdicts_fit() -> None:
    for columns in LAYOUTS.values():
        for row in scene.ROWS:
            data = row_data(row, columns, CONTEXT)
            assert len(data.cells) == len(columns)
            at = next(n for n, column in enumerate(columns) if column.key.endswith("verdict"))
            verdict = data.cells[at]
            assert len(verdict.text) + sum(len(text) for text, _ in verdict.extra) <= columns[at].width


def test_a_late_row_stands_out_and_a_closed_one_steps_back() -> None:
    columns = LAYOUTS["narrow"]
    assert row_data(scene.row(1, severity=4, age_s=330), columns, CONTEXT).tone == "breached"
    assert row_data(scene.row(1, severity=4, age_s=330, state="closed"), columns, CONTEXT).tone == "dim"
    assert row_data(scene.row(1, severity=4, age_s=30), columns, CONTEXT).tone == ""


@pytest.mark.parametrize(("ms", "text"), [(0, "0ms"), (43, "43ms"), (1300, "1.3s"), (72_000, "1:12")])
def test_took(ms: float, text: str) -> None:
    assert took(ms) == text


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("", "high", "sev:high"),
        ("sev:high", "high", ""),
        ("sev:high host:x", "critical", "sev>=critical host:x"),
        ("severity<=low -rule:scan", "medium", "sev:medium -rule:scan"),
        ('"a b" -sev:low', "low", 'sev:low "a b"'),
    ],
)
def test_toggle_severity(before: str, name: str, after: str) -> None:
    assert toggle_severity(before, name) == after


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("kafka://127.0.0.1:9092/alerts?group=x", "kafka/alerts"),
        ("file:///var/log/suricata/eve.json?follow=true", "eve.json"),
        ("demo:seed=7", "demo"),
        ("-", "-"),
    ],
)
def test_sources_are_named_shortly(name: str, short: str) -> None:
    assert short_name(name) == short


def test_rates_come_from_counts_and_fall_to_nothing() -> None:
    meter = RateMeter(window_s=5.0)

    def source(records: int) -> tuple[SourceStatus, ...]:
        return (SourceStatus(name="s", kind="file", records=records),)

    assert meter.update(source(0), 0.0) == {"s": 0.0}
    assert meter.update(source(100), 2.0) == {"s": 50.0}
    for second in range(3, 9):
        rates = meter.update(source(100), float(second))
    assert rates == {"s": 0.0}


def test_coarse_ages_change_seldom() -> None:
    assert len({coarse_age(second) for second in range(60)}) == 6
    assert coarse_age(3) == "just now"
    assert coarse_age(7300) == "2 h ago"


def test_an_empty_queue_never_claims_what_it_does_not_know() -> None:
    bare = msgspec.structs.replace(scene.SCENE, rows=(), sources=(), alerts_total=0)
    assert "no event yet" in words((empty_lines(bare, scene.NOW_MS),))
    dead = msgspec.structs.replace(
        scene.SCENE,
        rows=(),
        sources=tuple(msgspec.structs.replace(s, state="reconnecting") for s in scene.SOURCES),
    )
    lines = empty_lines(dead, scene.NOW_MS)
    assert "0 of 2 sources live" in lines[-1][0]
    assert lines[-1][1] == "warn"


def test_notices_put_the_worst_first_and_say_how_many_more() -> None:
    snapshot = msgspec.structs.replace(scene.SCENE, trouble=("one", "two", "three"), demo=True)
    lines = notices(snapshot, "disk full", 2)
    text = words(lines)
    assert text.splitlines()[0].startswith("■ engine stopped  disk full")
    assert "+2 more" in text
    assert text.splitlines()[-1] == "DEMO · demonstration data, not your network"


def test_citations_count_only_what_is_in_the_evidence() -> None:
    card = verdict_card(scene.VERDICT, known=frozenset({"E1", "E2", "E3"}))
    assert (card.cited, card.cited_total) == (3, 4)
    assert [fact.grounded for fact in card.facts] == [True, True, True, False]


def test_the_human_verdict_names_its_author() -> None:
    row = scene.row(1, verdict="Benign", decided_by="jana", confidence=0.9)
    left, _ = verdict_line(row)
    assert words((left,)) == "○ Benign  by jana"
    assert words((heading(row),)) == "● MED  SSH brute force"


def test_waterfall_sets_stages_one_after_the_other_with_waiting_apart() -> None:
    data = waterfall(scene.detail())
    assert data is not None
    analyse = next(bar for bar in data.bars if bar.name == "analyse")
    assert analyse.wait_ms == 120.0
    assert analyse.start_ms == pytest.approx(1.2 + 0.4 + 0.3 + 3.0 + 38.0)
    assert data.marks[0][0] == pytest.approx(analyse.start_ms + 120.0 + 610.0)
    assert waterfall(msgspec.structs.replace(scene.detail(), latency_ms={})) is None


def test_evidence_keeps_kind_cache_and_age() -> None:
    item = evidence_items(scene.detail())[2]
    assert (item.id, item.kind, item.cache, item.age_s, item.hard) == ("E3", "threat intel", "hit", 180, True)


def test_why_tells_lane_deadline_and_order() -> None:
    row = scene.ROWS[1]
    text = words(
        why_lines(row, (2, 13), None, now_ms=scene.NOW_MS, sla_s={"critical": 60.0}, order="priority")
    )
    for part in ("2 of 13", "Critical", "the product said “1”", "0:52 left", "12:04:03", "lane by lane"):
        assert part in text
    assert "newest first" in words(
        why_lines(row, (2, 13), None, now_ms=scene.NOW_MS, sla_s={}, order="newest")
    )


def test_cost_lists_every_model() -> None:
    text = words(cost_lines(scene.COST))
    assert "anthropic:claude-sonnet" in text
    assert "37 % of $5.00" in text
    assert "at $1.90 an hour: 43 % of $50.00" in text
    assert "31 of 40 wanted, $0.11 wasted" in text
    titles = next(line for line in text.splitlines() if line.startswith("LANE"))
    first = next(line for line in text.splitlines() if line.startswith("critical"))
    assert [titles.index(word) for word in ("FOR",)] == [first.index("analyses")]


def test_cost_says_what_is_done_when_money_runs_short_within_eighty_cells() -> None:
    lines = cost_lines(scene.SPARING)
    text = words(lines)
    assert "▲ at this rate the day's budget is spent at 14:20Z" in text
    assert "▲ low and medium on local models since 11:02Z, high on" in text
    assert "step-down $0.90" in text
    assert len(lines) <= 17
    assert max(len(line) for line in text.splitlines()) <= 70
    assert cost_item(scene.SPARING).going


def test_cost_without_budgets_or_calls() -> None:
    text = words(cost_lines(CostView(0.0, 0.0, 0.0, None, None, 0.0)))
    assert "no budget is set for the hour" in text
    assert "no model was called yet" in text


@pytest.mark.parametrize(
    ("reply", "text", "loudness"),
    [
        (Reply(True, "", (1,)), "Closed as Benign · u undoes", "information"),
        (Reply(True, "", (1, 2, 3)), "Closed 3 alerts as Benign · u undoes", "information"),
        (Reply(False, "journal is full"), "journal is full", "error"),
    ],
)
def test_toasts(reply: Reply, text: str, loudness: str) -> None:
    assert toast(Decide((1,), "Benign", "jana"), reply) == (text, loudness)


def test_what_the_screen_shows_itself_needs_no_toast() -> None:
    assert toast(Investigate(1), Reply(True, "queued")) is None


class FakeStream:
    """Remembers what was written, line by line."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def append(self, text: Shown, style: str = "") -> None:
        self.said.append(f"{style}|{text}")

    def begin_block(self, kind: BlockKind, title: Shown, detail: Shown = Shown("")) -> None:  # noqa: B008 - a constant
        self.said.append(f"<{kind}> {title} / {detail}")

    def add_verdict(self, card: VerdictCard) -> None:
        self.said.append(f"<verdict> {card.verdict}")

    def end_block(self) -> None:
        self.said.append("<end>")

    def set_ungrounded(self, words: object) -> None:
        self.said.append(f"<strike> {words}")


def test_a_broken_attempt_is_kept_and_said_and_the_next_is_a_new_one() -> None:
    stream = FakeStream()
    writer = TranscriptWriter(stream)
    events = (
        AttemptStarted(0, "anthropic", "big", scene.NOW_MS),
        Delta(0, scene.safe("half a ")),
        AttemptEnded(0, "anthropic", "big", "truncated", scene.safe("connection reset"), cost_usd=0.01),
        AttemptStarted(0, "openai", "mini", scene.NOW_MS, number=2),
        VerdictReady(0, scene.VERDICT, "openai", "mini", 900.0),
        AttemptEnded(0, "openai", "mini", "complete", scene.safe(""), ungrounded=("evil.example",)),
    )
    writer.write(TranscriptSlice(events, 6, live=False))
    assert stream.said == [
        "<attempt> anthropic:big / 12:03:11",
        "|half a ",
        "<end>",
        "<error> anthropic:big stream broke off / connection reset · $0.010",
        "<attempt> openai:mini / attempt 2 · 12:03:11",
        "<verdict> True Positive",
        "<end>",
        "<strike> ('evil.example',)",
    ]
    assert writer.cursor == 6


def test_a_repair_is_called_one() -> None:
    stream = FakeStream()
    again = AttemptStarted(0, "anthropic", "big", scene.NOW_MS, number=2, note="repair")
    TranscriptWriter(stream).write(TranscriptSlice((again,), 1, live=True))
    assert stream.said == ["<attempt> anthropic:big / attempt 2 · repair · 12:03:11"]


def test_an_analysis_of_an_earlier_session_is_restored_once() -> None:
    stream = FakeStream()
    writer = TranscriptWriter(stream)
    writer.restore(scene.detail())
    writer.restore(scene.detail())
    assert [line for line in stream.said if line.startswith("<verdict>")] == ["<verdict> True Positive"]
