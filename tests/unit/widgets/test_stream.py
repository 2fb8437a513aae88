from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.color import Color

from tests.unit.widgets.wall import CARD, hostile
from themes import WIDGETS_TCSS
from themes.definitions import DARK, VARIABLE_DEFAULTS, install
from widgets.inline import pattern_of, scan, strike
from widgets.measure import width_of
from widgets.palette import Palette
from widgets.paragraphs import ParagraphPainter
from widgets.safe import Shown, shown, shown_lines
from widgets.stream import StreamPane
from widgets.transcript import MAX_LINES, Transcript
from widgets.wrap import break_points, wrap_runs

_TOKENS = [
    "a",
    "b ",
    " ",
    "\n",
    "*",
    "**",
    "`",
    "[E1]",
    "[",
    "E",
    "]",
    "# ",
    "- ",
    "```\n",
    "日",
    "> ",
    "1. ",
]
MARKED = st.lists(st.sampled_from(_TOKENS), max_size=60).map(lambda parts: shown_lines("".join(parts)))
PALETTE = Palette(
    {**VARIABLE_DEFAULTS, "foreground": DARK.foreground or ""}, Color.parse(DARK.background or "")
)


def _lines(transcript: Transcript, width: int) -> list[str]:
    painter = ParagraphPainter(width, PALETTE)
    return [strip.text[1:] for paragraph in transcript.finished for strip in painter.strips(paragraph)]


def _written(pieces: Sequence[str]) -> Transcript:
    transcript = Transcript()
    for piece in pieces:
        transcript.write(Shown(piece), "")
    transcript.end()
    return transcript


@given(MARKED, st.lists(st.integers(0, 200), max_size=12), st.integers(12, 70))
def test_how_a_stream_was_cut_into_chunks_makes_no_difference(
    text: Shown, cuts: list[int], width: int
) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert _lines(_written(pieces), width) == _lines(_written([text]), width)


@given(st.integers(1, 3000), st.integers(1, 40))
def test_an_endless_line_is_cut_at_the_same_places_however_it_comes(chunk: int, word: int) -> None:
    text = ("x" * word + " ") * (9000 // (word + 1))
    pieces = [text[start : start + chunk] for start in range(0, len(text), chunk)]
    assert _lines(_written(pieces), 60) == _lines(_written([text]), 60)


@given(st.text(st.sampled_from("ab 日é"), max_size=80), st.integers(2, 30))
def test_wrapping_loses_no_word_and_fits(text: str, width: int) -> None:
    lines = [text[start:end] for start, end in break_points(text, width)]
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width_of(line) <= width for line in lines)
    assert all(line == line.strip(" ") for line in lines)


@given(st.text(st.sampled_from("ab *`[]E1,"), max_size=40), st.booleans())
def test_the_scanner_invents_no_text(text: str, still_open: bool) -> None:
    drawn = "".join(piece for piece, _ in scan(text, still_open=still_open))
    assert set(drawn) <= set(text)
    assert len(drawn) <= len(text)


def test_inline_marks_become_styles() -> None:
    assert scan("a **b** `c` [E1, E2] d", "text") == [
        ("a ", "text"),
        ("b", "text bold"),
        (" ", "text"),
        ("c", "stream-code"),
        (" ", "text"),
        ("[E1,E2]", "citation"),
        (" d", "text"),
    ]
    assert scan("2 ** 3 and `x") == [("2 ", ""), ("**", ""), (" 3 and ", ""), ("`", ""), ("x", "")]


def test_half_written_marks_do_not_flicker() -> None:
    assert scan("see **bo", still_open=True)[-1] == ("bo", "bold")
    assert scan("see *", still_open=True) == [("see ", "")]
    assert scan("see [E1", still_open=True) == [("see ", "")]
    assert scan("see `co", still_open=True)[-1] == ("co", "stream-code")
    assert scan("see [a", still_open=True) == [("see [a", "")]


def test_ungrounded_words_are_struck_also_across_runs() -> None:
    pattern = pattern_of(["evil.example", "10.0.0.1"])
    runs = strike(scan("to evil.**example** and 10.0.0.12, 10.0.0.1."), pattern)
    struck = [text for text, style in runs if "strike" in style]
    assert struck == ["evil.", "example", "10.0.0.1"]
    assert "".join(text for text, _ in runs) == "to evil.example and 10.0.0.12, 10.0.0.1."


def test_following_lines_of_a_bullet_hang_under_its_text() -> None:
    painter = ParagraphPainter(22, PALETTE)
    transcript = _written(["- one two three four five\n## Head\n> said\n```\n  code\n```\nend"])
    lines = [strip.text[1:].rstrip() for item in transcript.finished for strip in painter.strips(item)]
    assert lines == [
        "• one two three four",
        "  five",
        "Head",
        "│ said",
        "    code".replace("    code", "  code"),
        "end",
    ]
    assert wrap_runs([(shown(""), "")], 10) == [[]]


class Pane(App[None]):
    CSS_PATH = [WIDGETS_TCSS]  # noqa: RUF012 - Textual's attribute

    def __init__(self) -> None:
        super().__init__()
        self.pane = StreamPane()
        self.picked: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        install(self)
        self.pane.focus()

    def on_stream_pane_citation_picked(self, event: StreamPane.CitationPicked) -> None:
        self.picked.append(event.evidence_id)

    def lines(self) -> list[str]:
        return [self.pane.render_line(y).text[1:].rstrip() for y in range(self.pane.size.height)]


async def test_text_appears_wrapped_with_a_cursor_while_live() -> None:
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        app.pane.set_live(True)
        app.pane.append(shown("The host has called an address every minute for an hour **now"))
        await pilot.pause(0.2)
        lines = app.lines()
        assert lines[0] == "The host has called an address every"
        assert lines[1] == "minute for an hour now▌"
        app.pane.set_live(False)
        await pilot.pause(0.2)
        assert "▌" not in "".join(app.lines())


async def test_a_block_ends_the_paragraph_and_a_card_shows_the_verdict() -> None:
    app = Pane()
    async with app.run_test(size=(80, 30)) as pilot:
        app.pane.append(shown("half a sent"))
        app.pane.begin_block("error", shown("idle timeout"), shown("next in the chain"))
        app.pane.begin_block("attempt", shown("fast"), shown("12:03Z"))
        app.pane.add_verdict(CARD)
        app.pane.begin_block("question", shown("And the other hosts?"))
        app.pane.begin_block("audit", shown("claimed"), shown("alice"))
        await pilot.pause(0.2)
        text = "\n".join(app.lines())
        for part in (
            "half a sent",
            "! idle timeout",
            "── fast ─",
            "■ True Positive   0.94 ━━━━━━━─",
            "■ CRIT",
            "3 of 4 cited",
            "$0.021",
            "1.3 s",
            "• calls every 60 s [E1]",
            "launched by svchost.exe  not borne out",
            "→ isolate host ws-fin-114   needs approval",
            "→ open ticket IR queue   done",
            "the alert tries to instruct the model",
            "answered by a lower rung",
            "▌ And the other hosts?",
            "· claimed",
        ):
            assert part in text, part


async def test_it_follows_unless_the_reader_scrolled_up() -> None:
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        app.pane.append(shown_lines("\n".join(f"line {number}" for number in range(50)) + "\n"))
        await pilot.pause(0.2)
        assert app.lines()[-3:] == ["line 49", "", ""]
        app.pane.append(shown_lines("line 50\nline 51\n"))
        await pilot.pause(0.2)
        assert app.lines()[-1] == "line 51"
        await pilot.press("k", "k", "k")
        assert not app.pane.following
        top = app.lines()[0]
        app.pane.append(shown_lines("more\nand more\n"))
        await pilot.pause(0.2)
        assert app.lines()[0] == top
        assert app.pane.new_lines == 2
        assert app.lines()[-1].endswith("↓ 2 new lines")
        await pilot.press("G")
        await pilot.pause(0.1)
        assert app.pane.following
        assert app.lines()[-1] == "and more"
        app.pane.append(shown_lines("a last line\n"))
        await pilot.pause(0.2)
        assert "a last line" in app.lines()


async def test_another_width_wraps_everything_anew_and_keeps_the_end_in_view() -> None:
    app = Pane()
    async with app.run_test(size=(60, 12)) as pilot:
        text = shown_lines(
            "\n".join(f"paragraph {number} with some more words in it" for number in range(700))
        )
        app.pane.append(text)
        app.pane.end_block()
        await pilot.pause(0.3)
        await pilot.resize_terminal(30, 12)
        await pilot.pause(0.5)
        expected = _lines(_written([text]), app.pane.size.width)
        assert app.pane.virtual_size.height == len(expected) + app.pane.slack
        assert app.lines() == [*(line.rstrip() for line in expected[-10:]), "", ""]
        app.pane.action_top()
        assert app.lines() == [line.rstrip() for line in expected[:12]]


async def test_memory_is_bounded_and_says_what_is_gone() -> None:
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        for start in range(0, 3 * MAX_LINES, 1000):
            app.pane.append(shown_lines("".join(f"n{start + number}\n" for number in range(1000))))
            app.pane.flush()
        await pilot.pause(0.1)
        assert app.pane.virtual_size.height <= MAX_LINES + 1 + app.pane.slack
        assert app.lines()[-3] == f"n{3 * MAX_LINES - 1}"
        app.pane.action_top()
        assert "earlier lines dropped" in app.lines()[0]
        assert app.lines()[1].startswith("n")


async def test_ungrounded_words_are_struck_in_what_is_already_there() -> None:
    app = Pane()
    async with app.run_test(size=(60, 10)) as pilot:
        app.pane.append(shown_lines("It talked to evil.example then.\n"))
        await pilot.pause(0.2)
        app.pane.set_ungrounded([shown("evil.example")])
        await pilot.pause(0.2)
        struck = [seg.text for seg in app.pane.render_line(0) if seg.style is not None and seg.style.strike]
        assert struck == ["evil.example"]


async def test_a_click_on_a_citation_picks_it_and_nothing_else_does_anything() -> None:
    app = Pane()
    async with app.run_test(size=(60, 10)) as pilot:
        app.pane.append(shown_lines("日本 said so [E12,E3] and [@click=app.quit()]x[/]\n"))
        await pilot.pause(0.2)
        column = width_of("日本 said so [E1")
        await pilot.click(StreamPane, offset=(column, 0))
        await pilot.click(StreamPane, offset=(column + 4, 0))
        await pilot.click(StreamPane, offset=(30, 0))
        await pilot.pause()
        assert app.picked == ["E12", "E3"]
        assert app.is_running


async def test_hostile_text_is_only_text() -> None:
    app = Pane()
    async with app.run_test(size=(100, 40)) as pilot:
        for payload in hostile():
            app.pane.append(Shown(shown(payload) + "\n"))
            app.pane.begin_block("audit", shown(payload), shown(payload))
        await pilot.pause(0.3)
        text = "\n".join(app.lines())
        for payload in hostile():
            assert shown(payload).replace("\n", " ").rstrip() in text
        for y in range(40):
            for segment in app.pane.render_line(y):
                assert segment.style is None or (not segment.style.meta and segment.style.link is None)


async def test_nothing_is_drawn_while_nothing_is_written() -> None:
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        app.pane.append(shown("words"))
        app.pane.set_live(True)
        await pilot.pause(0.3)
        assert app.pane._flush_timer is None
        app.pane.append(shown(" more"))
        app.pane.append(shown(" and more"))
        assert app.lines()[0] == "words▌"
        await pilot.pause(0.3)
        assert app.lines()[0] == "words more and more▌"
        app.pane.clear()
        app.pane.set_placeholder([(shown("i investigates"), "muted")])
        await pilot.pause(0.2)
        assert any("i investigates" in line for line in app.lines())
