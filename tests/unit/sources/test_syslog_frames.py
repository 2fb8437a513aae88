"""Octet counting and lines, in any pieces, whole and broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.sources import syslog_frames
from backend.sources.syslog_frames import SyslogFramer

MESSAGES = [b"<34>1 2026-01-02T03:04:05Z h su - - - it failed", b"<13>two\nlines", b"<165>x"]


def cut(data: bytes, step: int = 65_536) -> tuple[list[bytes], SyslogFramer]:
    framer = SyslogFramer()
    messages: list[bytes] = []
    for place in range(0, len(data), step):
        messages += framer.feed(data[place : place + step])
    return messages + framer.finish(), framer


def counted(messages: list[bytes]) -> bytes:
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


@pytest.mark.parametrize("step", [1, 2, 7, 65_536])
def test_both_framings_in_any_pieces(step: int) -> None:
    assert cut(counted(MESSAGES), step)[0] == MESSAGES
    lines = [b"<34>one", b"<35>two", b"2026-01-02 plain text that begins with a number", b"7 <not a count"]
    assert cut(b"\n".join(lines) + b"\n", step)[0] == lines
    assert cut(b"\r\n".join(lines), step)[0] == lines  # the last line has no end
    assert cut(b"2026-01-02 first\n<34>second\n", step)[0] == [b"2026-01-02 first", b"<34>second"]


def test_a_count_and_a_line_end_as_well() -> None:
    assert cut(b"7 <34>one\n7 <34>two\n\n7 <34>six")[0] == [b"<34>one", b"<34>two", b"<34>six"]


def test_a_wrong_count_is_seen_and_the_stream_goes_on() -> None:
    messages, framer = cut(b"7 <34>one<34>lost its count\n7 <34>two")
    assert messages == [b"<34>one", b"<34>lost its count", b"<34>two"]
    assert framer.broken == 1


@pytest.mark.parametrize("step", [1, 65_536])
def test_what_is_cut_off_is_kept_and_counted(step: int) -> None:
    messages, framer = cut(b"7 <34>one100 <34>only the beg", step)
    assert (messages, framer.broken) == ([b"<34>one", b"<34>only the beg"], 1)


@pytest.mark.parametrize("step", [1_000, 65_536])
def test_what_is_too_long_is_shortened_in_bounded_memory(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog_frames, "MAX_MESSAGE_BYTES", 100_000)
    monkeypatch.setattr(syslog_frames, "KEPT_BYTES", 5_000)
    long, short = b"<34>" + b"x" * 300_000, b"<34>short"
    for data in (counted([long, short]), long + b"\n" + short):
        framer = SyslogFramer()
        messages: list[bytes] = []
        for place in range(0, len(data), step):
            messages += framer.feed(data[place : place + step])
            assert len(framer._held) <= 100_000 + step
        messages += framer.finish()
        assert messages == [long[:5_000], short]
        assert (framer.shortened, framer.broken) == (1, 0)
    huge, framer = cut(b"9999999999 <34>" + b"y" * 200_000)  # a count that swallows everything
    assert (huge, framer.shortened, framer.broken) == ([b"<34>" + b"y" * 4_996], 1, 1)


@given(
    st.lists(st.binary(max_size=40).map(lambda data: b"<1>x" + data + b"."), max_size=8),
    st.integers(1, 50),
)
def test_any_counted_messages_come_back(messages: list[bytes], step: int) -> None:
    found, framer = cut(counted(messages), step)
    assert (found, framer.broken, framer.shortened) == (messages, 0, 0)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_survived_alike_in_any_pieces(data: bytes, step: int) -> None:
    assert cut(data, step)[0] == cut(data)[0]
