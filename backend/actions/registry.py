"""From a sink's address to the sink; one line a kind."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from backend.actions.base import Sink, SinkError
from backend.actions.file import FileSink

_KINDS: dict[str, Callable[[str], Sink]] = {
    "file": lambda uri: FileSink(Path(unquote(urlsplit(uri).path))),
}


def open_sink(uri: str) -> Sink:
    """The sink behind an address.

    Raises:
        SinkError: no sink of that kind is known.
    """
    kind = urlsplit(uri).scheme
    if kind not in _KINDS:
        raise SinkError(f"sink '{uri}': kind '{kind}' is not available yet; known are {', '.join(_KINDS)}")
    return _KINDS[kind](uri)
