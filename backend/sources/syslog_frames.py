"""Cutting a TCP stream of syslog into messages: octet counting or lines, told apart (RFC 6587)."""

import re

MAX_MESSAGE_BYTES = 256 * 1024
"""Far over what RFC 5425 asks receivers to take (8 KiB); of a longer message only the beginning is kept."""
KEPT_BYTES = 64 * 1024

_COUNT = re.compile(rb"([1-9][0-9]{0,9}) (?=<)")
_MAYBE_COUNT = re.compile(rb"[1-9][0-9]{0,9}(?: ?)\Z")
_TRAILERS = b"\r\n\0"


class SyslogFramer:
    """Takes blocks, gives messages, without their line ends. Holds at most `MAX_MESSAGE_BYTES` and a block.

    Which framing a connection has is decided by its beginning: a number, a space and `<` are octet counting,
    everything else is lines. Where a counted stream loses its count, the rest up to a line end is given as it
    is, so that it is seen.
    """

    def __init__(self) -> None:
        self.shortened = 0
        """Messages of which only the beginning was kept."""
        self.broken = 0
        """Messages whose count was wrong, or that were cut off by the end of the connection."""
        self._held = bytearray()
        self._counted: bool | None = None
        self._skip = 0
        """Bytes of a long counted message still to be passed over."""
        self._skip_line = False
        """A long line is being passed over."""

    def feed(self, block: bytes) -> list[bytes]:
        """The messages that these bytes complete."""
        self._held += block
        return [message for message in self._cut() if message]

    def finish(self) -> list[bytes]:
        """The connection ended: what is left of it, if anything."""
        if self._counted is None:
            self._counted = False
        messages = self._cut()
        rest = bytes(self._held).strip(_TRAILERS)
        if self._counted:
            rest = _COUNT.sub(b"", rest, count=1) if _COUNT.match(rest) else rest
            self.broken += bool(rest) or bool(self._skip)
        self._held.clear()
        return [message for message in [*messages, rest] if message]

    def _cut(self) -> list[bytes]:
        if self._counted is None and not self._decide():
            return []
        return self._cut_counted() if self._counted else self._cut_lines()

    def _decide(self) -> bool:
        """Settle the framing; False while that takes more bytes."""
        start = bytes(self._held[:16])
        if not start or _MAYBE_COUNT.match(start):
            return False
        self._counted = _COUNT.match(start) is not None
        return True

    def _cut_lines(self) -> list[bytes]:
        *lines, rest = bytes(self._held).split(b"\n")
        if self._skip_line and lines:
            self._skip_line = False
            del lines[0]
        messages = [self._short(line) for line in lines]
        if self._skip_line:
            rest = b""
        elif len(rest) > MAX_MESSAGE_BYTES:
            messages.append(self._short(rest))
            self._skip_line, rest = True, b""
        self._held = bytearray(rest)
        return messages

    def _cut_counted(self) -> list[bytes]:
        messages: list[bytes] = []
        held = bytes(self._held)
        place = min(self._skip, len(held))
        self._skip -= place
        while place < len(held):
            if held[place] in _TRAILERS:  # some senders count and end the line as well
                place += 1
                continue
            count = _COUNT.match(held, place)
            if count is None:
                if _MAYBE_COUNT.match(held, place):
                    break
                end = held.find(b"\n", place)
                if end < 0 and len(held) - place <= MAX_MESSAGE_BYTES:
                    break
                end = len(held) if end < 0 else end
                self.broken += 1
                messages.append(self._short(held[place:end]))
                place = end
                continue
            start, length = count.end(), int(count[1])
            if length > MAX_MESSAGE_BYTES:
                if len(held) - start < KEPT_BYTES:
                    break
                self.shortened += 1
                messages.append(held[start : start + KEPT_BYTES])
                self._skip = max(0, start + length - len(held))
                place = min(len(held), start + length)
                continue
            if start + length > len(held):
                break
            messages.append(held[start : start + length].strip(_TRAILERS))
            place = start + length
        self._held = bytearray(held[place:])
        return messages

    def _short(self, message: bytes) -> bytes:
        if len(message) > MAX_MESSAGE_BYTES:
            self.shortened += 1
            message = message[:KEPT_BYTES]
        return message.strip(_TRAILERS)
