import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.widgets.wall import hostile
from widgets.outgoing import clean, is_clean
from widgets.safe import shown, shown_lines

ANY = st.text(st.characters(codec=None, categories=None), max_size=60)


def _dangerous(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != "\U00013430"


@given(st.text(st.characters(), max_size=60))
@example("\x1b[2J")
@example("\u2066a\u2069")
def test_nothing_that_controls_a_terminal_or_hides_gets_through(text: str) -> None:
    for character in shown(text):
        # Arabic number signs and hieroglyph joiners are format characters that are drawn: they may stay.
        if _dangerous(character):
            assert unicodedata.name(character, "").split()[0] in {
                "ARABIC",
                "EGYPTIAN",
                "KAITHI",
                "SYRIAC",
                "SHORTHAND",
                "MUSICAL",
            }


@given(st.text(st.characters(), max_size=60))
def test_showing_twice_is_showing_once_and_keeps_the_length(text: str) -> None:
    once = shown(text)
    assert shown(once) == once
    assert len(once) == len(text)


def test_plain_text_is_kept_as_it_is() -> None:
    for text in ("GET /index.html?a=[b]", "naïve 日本語 «quoted» ■ ▲", "é combining"):
        assert shown(text) == text


def test_lines_are_kept_only_where_lines_are_drawn() -> None:
    assert shown("a\nb\tc") == "a·b·c"
    assert shown_lines("a\r\nb\tc\x1b[m") == "a\nb    c·[m"


def test_every_payload_loses_its_teeth() -> None:
    for payload in hostile():
        text = shown(payload)
        assert not set(text) & set("\x1b\x07\x08\r\n\t\x9b\x9d\x9c\u202e\u200b\ufeff\U000e0041")
        # brackets are text: they stay as they are, and are drawn as they are
        assert text.count("[") == payload.count("[")


def test_a_clean_frame_passes_and_a_dirty_one_is_mended() -> None:
    frame = "\x1b[38;2;1;2;3;48;2;4;5;6mtext ■ 日本\x1b[0m\x1b[12;34H\n"
    assert is_clean(frame)
    for payload in (
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]8;;https://evil.example\x1b\\x",
        "\x1b[2J",
        "\x1b[6n",
        "\x1bc",
        "\x9b2J",
        "\u202e",
        "\u200b",
        "\r",
        "\x07",
        "\x1b[?1049l",
        "\ud800",
    ):
        dirty = frame + payload + frame
        assert not is_clean(dirty)
        mended, pieces = clean(dirty)
        assert pieces >= 1
        assert is_clean(mended)
        assert mended.startswith(frame)
        assert mended.endswith(frame)
