from hypothesis import given
from hypothesis import strategies as st

from widgets.outgoing import clean, is_clean, is_control


def test_the_drivers_own_sequences_are_known_and_no_others() -> None:
    for known in (
        "\x1b[?1049h",
        "\x1b[?25l",
        "\x1b[?1006h",
        "\x1b[?2026$p",
        "\x1b[>25u",
        "\x1b[<u",
        "\x1b[?2026h",
        "\x07",
        "\x1b]22;pointer\x07",
        "\x1b]52;c;aGVsbG8=\x07",
    ):
        assert is_control(known), known
    for unknown in (
        "\x1b]52;c;aGVsbG8=\x07x",
        "\x1b]52;p;aGVsbG8=\x07",
        "\x1b]0;title\x07",
        "\x1b]22;po\x1b[2Jinter\x07",
        "text\x07",
        "\x1bc",
        "\x1b[?1049hx",
    ):
        assert not is_control(unknown), unknown


@given(st.text(st.sampled_from("ab \x1b[]0;1mHJ\n\r\x07\x9b\u202e■"), max_size=40))
def test_whatever_is_mended_is_clean_and_the_two_patterns_agree(text: str) -> None:
    mended, pieces = clean(text)
    assert is_clean(mended)
    assert (pieces == 0) == is_clean(text)
