"""What the product's lists of faults name, and the rows that show it: nothing of either list is left out."""

from collections.abc import Iterator, Mapping

from tests.support.faults.answers import ANSWER_FAULTS, BREAKS_THE_FORM
from tests.support.faults.crowds import CROWD_FAULTS
from tests.support.faults.streams import STREAM_FAULTS


def absent() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each row with the vendors on whose wire there is no such thing, and why."""
    yield from ((name, fault.none) for name, fault in STREAM_FAULTS.items())
    yield from ((name, fault.none) for name, fault in ANSWER_FAULTS.items())


def _naming(*starts: str) -> tuple[str, ...]:
    """The rows of all tables whose names begin so."""
    names = dict.fromkeys((*STREAM_FAULTS, *ANSWER_FAULTS, *CROWD_FAULTS))
    return tuple(name for name in names if name.startswith(starts))


FAULTS: dict[str, tuple[str, ...]] = {
    "cut or reset before the first content": _naming("reset before", "closed before"),
    "cut or reset after the first content": _naming("reset after", "closed after", "reset in", "closed in"),
    "clean end without the end marker": _naming("clean end"),
    "error event before the first content": _naming("error event before"),
    "error event after the first content": _naming("error event after", "error event inside"),
    "200 with HTML": _naming("200 with an HTML"),
    "the partial kept, never acted on unless its verdict line was whole": _naming("cut one byte"),
    "silence after N tokens": _naming("silence after", "silence inside", "silence of the socket after"),
    "pings only": _naming("pings only"),
    "one token every so often for ever": _naming("one token every"),
    "429 with 0.2 s": _naming("429 with 0.2 s"),
    "429 with 3600 s": _naming("429 with 3600 s"),
    "429 with a date": _naming("429 with a date", "429 with a far date", "429 with a past date"),
    "429 with rubbish": _naming("429 with rubbish"),
    "529": _naming("529"),
    "500": _naming("500"),
    "502 with HTML": _naming("502 with HTML"),
    "401": _naming("401"),
    "403": _naming("403"),
    "404": _naming("404"),
    "too long": _naming("too long"),
    "all vendors down": _naming("all vendors down"),
    "200 alerts in flight when a vendor dies": _naming("200 alerts in flight"),
    **{f"answer breaks the schema: {name}": _naming(f"{name}, ") for name in BREAKS_THE_FORM},
    "refusal": _naming("refus"),
    "budget reached mid-stream": _naming("budget reached"),
}
"""The models' part of the list of faults."""

SDKS: dict[str, tuple[str, ...]] = {
    "end of stream with no end marker": _naming("clean end"),
    "200 with an HTML page": _naming("200 with an HTML"),
    "200 with binary rubbish": _naming("200 with binary"),
    "connection cut mid-stream": _naming("reset after the first content", "closed after the first content"),
    "silence mid-stream": _naming("silence after N tokens", "silence of the socket after"),
    "pings only": _naming("pings only"),
    "error event mid-stream": _naming("error event after the first content"),
    "429 with a long retry-after": _naming("429 with 3600 s", "429 with weeks"),
    "usage": _naming("usage"),
}
"""The table of what the SDKs do with a broken stream."""
