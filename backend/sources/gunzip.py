"""Streaming gzip: bounded memory whatever the ratio, several members, and a clear word when it is cut."""

import zlib
from collections.abc import Iterator

MAGIC = b"\x1f\x8b"
"""First bytes of every gzip member (RFC 1952)."""
_PIECE = 1 << 20
"""Most bytes inflated at once, so that a decompression bomb costs time, not memory."""


class GunzipError(Exception):
    """The compressed stream is damaged; what came before the damage was given."""


class Gunzip:
    """Inflates blocks of a gzip stream as they come."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._fed = False

    @property
    def whole(self) -> bool:
        """Whether the stream may end here: every member was complete."""
        return not self._fed

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Inflate a block, in pieces of at most 1 MiB. Raises `GunzipError` at damage."""
        while block:
            if not self._fed:
                block = block.lstrip(
                    b"\0"
                )  # zero padding between members is legal (RFC 1952, as gzip(1) reads it)
                if not block:
                    return
            self._fed = True
            try:
                piece = self._member.decompress(block, _PIECE)
            except zlib.error as error:
                raise GunzipError(str(error)) from error
            if piece:
                yield piece
            if self._member.eof:
                block = self._member.unused_data
                self._member = zlib.decompressobj(wbits=31)
                self._fed = False
            else:
                block = self._member.unconsumed_tail
