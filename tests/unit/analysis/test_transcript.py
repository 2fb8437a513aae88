import threading

from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.text import safe
from backend.analysis.model import AttemptEnded, AttemptStarted, Decided, Delta, TranscriptEvent
from backend.analysis.transcript import MAX_ENTRIES, MERGED_CHARS, Transcript


def started(turn: int = 0) -> AttemptStarted:
    return AttemptStarted(turn, "fake", "m", 0)


def ended(turn: int = 0) -> AttemptEnded:
    return AttemptEnded(turn, "fake", "m", "complete", safe(""))


def text(events: tuple[TranscriptEvent, ...] | list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_a_cursor_gives_only_what_is_new() -> None:
    transcript = Transcript()
    transcript.append(started())
    transcript.append(Delta(0, safe("one ")))
    first = transcript.since()
    assert [type(event) for event in first.events] == [AttemptStarted, Delta]
    assert first.live
    assert transcript.since(first.cursor).events == ()
    assert transcript.since(first.cursor).cursor == first.cursor
    transcript.append(Delta(0, safe("two")))
    transcript.append(ended())
    second = transcript.since(first.cursor)
    assert text(second.events) == "two"
    assert not second.live
    assert text(transcript.since().events) == "one two"


def test_old_deltas_are_merged_and_cursors_still_hold() -> None:
    transcript = Transcript()
    cursors = []
    for number in range(1_000):
        transcript.append(Delta(0, safe(f"{number:04d} ")))
        cursors.append(transcript.cursor)
    whole = text(transcript.since().events)
    assert len(transcript.since().events) < 300, "a thousand tokens are not a thousand objects"
    assert max(len(e.text) for e in transcript.since().events if isinstance(e, Delta)) <= MERGED_CHARS
    for number, cursor in enumerate(cursors):
        assert text(transcript.since(cursor).events) == whole[5 * (number + 1) :]
    assert not transcript.since().truncated


def test_kinds_and_turns_are_never_merged() -> None:
    transcript = Transcript()
    for number in range(600):
        transcript.append(Delta(number % 2, safe("a"), "facts" if number % 3 else "narrative"))
    events = transcript.since().events
    for number, event in enumerate(events):
        assert isinstance(event, Delta)
        if number:
            before = events[number - 1]
            assert isinstance(before, Delta)
    spread = [(e.turn, e.kind) for e in events if isinstance(e, Delta) for _ in e.text]
    assert spread == [(n % 2, "facts" if n % 3 else "narrative") for n in range(600)]


def test_it_is_bounded_keeps_the_newest_and_says_so() -> None:
    transcript = Transcript(max_chars=10_000)
    transcript.append(started())
    early = transcript.cursor
    for number in range(10_000):
        transcript.append(Delta(0, safe(f"{number:06d} ")))
    late = transcript.cursor
    transcript.append(Delta(0, safe("end")))
    piece = transcript.since(early)
    assert piece.truncated
    assert len(text(piece.events)) <= 10_000
    assert text(piece.events).endswith("009999 end")
    assert isinstance(transcript.since().events[0], AttemptStarted), "only text is dropped"
    tail = transcript.since(late)
    assert (text(tail.events), tail.truncated) == ("end", False)


def test_other_events_are_bounded_too() -> None:
    transcript = Transcript()
    for number in range(3 * MAX_ENTRIES):
        transcript.append(Decided(safe(f"note {number}"), "me", 0))
    piece = transcript.since()
    assert len(piece.events) <= MAX_ENTRIES + 256
    assert piece.truncated
    last = piece.events[-1]
    assert isinstance(last, Decided)
    assert last.what == f"note {3 * MAX_ENTRIES - 1}"


def test_finish_ends_it_however_it_ended() -> None:
    transcript = Transcript()
    transcript.append(started())
    transcript.finish()
    assert not transcript.since().live


@given(
    pieces=st.lists(st.tuples(st.text("abc \n", max_size=12), st.sampled_from(["facts", "narrative"]))),
    reads=st.sets(st.integers(0, 60)),
)
def test_reading_piece_by_piece_adds_up(pieces: list[tuple[str, str]], reads: set[int]) -> None:
    transcript = Transcript()
    got, cursor = "", 0
    for number, (piece, kind) in enumerate(pieces):
        transcript.append(Delta(0, safe(piece), kind))  # type: ignore[arg-type]  # one of the two kinds
        if number in reads:
            part = transcript.since(cursor)
            got, cursor = got + text(part.events), part.cursor
    got += text(transcript.since(cursor).events)
    assert got == "".join(safe(piece) for piece, _ in pieces)


def test_a_reader_on_another_thread_misses_nothing() -> None:
    transcript = Transcript(max_chars=10_000_000)
    total = 30_000
    transcript.append(started())

    def write() -> None:
        for number in range(total):
            transcript.append(Delta(0, safe(f"{number} ")))
        transcript.append(ended())

    writer = threading.Thread(target=write)
    writer.start()
    got: list[str] = []
    cursor, live = 0, True
    while live:
        part = transcript.since(cursor)
        got.append(text(part.events))
        assert part.cursor >= cursor
        cursor, live = part.cursor, part.live
    writer.join()
    assert "".join(got).split() == [str(number) for number in range(total)]
