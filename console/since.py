"""Points in time as people type them: `8h`, `90m`, `2d`, or an ISO time."""

import re
import time
from datetime import UTC, datetime

_SPAN = re.compile(r"([0-9]+)\s*([smhdw])")
MAX_TEXT = 40
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class SinceError(Exception):
    """Not a time; the message says what would be."""


def since_ms(text: str) -> int:
    """Milliseconds since the epoch; an empty text is the beginning.

    Raises:
        SinceError: `text` is neither a span nor a time.
    """
    text = text.strip()
    if not text:
        return 0
    span = _SPAN.fullmatch(text) if len(text) <= MAX_TEXT else None
    if span is not None:
        return max(0, int(time.time() * 1000) - int(span[1]) * _SECONDS[span[2]] * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SinceError(
            f"--since {text}: write a span (90m, 8h, 2d) or a time (2026-01-31T08:00Z)"
        ) from error
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
