"""Text that hides in text: what a reader, or a model, would decode before obeying it."""

import base64
import codecs
import contextlib
import re
from collections.abc import Iterator
from itertools import islice

MAX_BLOBS = 256
_RUNS = re.compile(r"[A-Za-z0-9+/_-]+")
_BLOB_CHARS, _BASE32_CHARS = 24, 32
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{24,8192}={0,2}")
_BASE32 = re.compile(r"\b[A-Z2-7]{32,8192}={0,6}")
_PAIR = r"(?:0x|\\x|%)?[0-9a-fA-F]{2}[ ,:;]{1,2}"
_HEX_PAIRS = re.compile(rf"(?:{_PAIR}){{12,2048}}")
_NUMBERS = re.compile(r"(?:\b(?:3[2-9]|[4-9][0-9]|1[01][0-9]|12[0-6])[ ,;]{1,2}){12,2048}")
_BITS = re.compile(r"(?:[01]{8}[ ,]?){12,1024}")
# A part of each that a search finds several times faster: it begins with rarer characters than the whole.
_SOME_PAIRS = re.compile(rf"[ ,:;](?<=[0-9a-fA-F]{{2}}[ ,:;])[ ,:;]?(?:{_PAIR}){{6}}")
_SOME_NUMBERS = re.compile(r"[ ,;](?<=[0-9]{2}[ ,;])[ ,;]?(?:[0-9]{2,3}[ ,;]{1,2}){3}")
_SOME_BITS = re.compile(r"[01][01]{7}[ ,]?[01]{8}")
_ESCAPES = re.compile(
    r"(?:\\{1,2}(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|[0-7]{3})){4,2048}"
)
_ONE_ESCAPE = re.compile(r"\\{1,2}(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|([0-7]{3}))")
_SPACED = re.compile(r"(?<!\w)(?:\w[ .*_|/~-]{1,2}){8,256}\w(?!\w)")
_SOME_SPACED = re.compile(r"[ .*_|/~-](?:\w[ .*_|/~-]{1,2}){4}")
_READABLE = bytes([9, 10, 13, *range(32, 127)])
_LEET = str.maketrans("013457@$!|", "oieastasil")
_LEET_SIGN = re.compile(r"[a-z][013457@$!|][a-z]|[13!|]gn", re.IGNORECASE)
_STEMS = ("ignore", "instruc", "disregard", "previous", "override", "benign", "prompt")
_BACKWARDS = tuple(stem[::-1] for stem in _STEMS)
_ROTATED = tuple(codecs.encode(stem, "rot13") for stem in _STEMS)


def decoded(text: str, depth: int = 0) -> Iterator[str]:
    """Readable text inside base64 (also UTF-16 and twice over), base32, hexadecimal, bits and numbers."""
    longest = max(map(len, _RUNS.findall(text)), default=0)
    if longest >= _BLOB_CHARS:
        yield from _from_base64(text, depth)
    if longest >= _BASE32_CHARS:
        for match in islice(_BASE32.finditer(text), MAX_BLOBS):
            trimmed = match[0].rstrip("=")
            with contextlib.suppress(ValueError):
                yield _readable(base64.b32decode(trimmed + "=" * (-len(trimmed) % 8)))
    if _SOME_PAIRS.search(text):
        for match in islice(_HEX_PAIRS.finditer(text), MAX_BLOBS):
            pairs = re.findall(r"[0-9a-fA-F]{2}(?=[ ,:;])", match[0])
            yield _readable(bytes.fromhex("".join(pairs)))
    if _SOME_NUMBERS.search(text):
        for match in islice(_NUMBERS.finditer(text), MAX_BLOBS):
            yield "".join(chr(int(number)) for number in re.findall(r"[0-9]+", match[0]))
    if _SOME_BITS.search(text):
        for match in islice(_BITS.finditer(text), MAX_BLOBS):
            yield _readable(bytes(int(byte, 2) for byte in re.findall(r"[01]{8}", match[0])))


def _from_base64(text: str, depth: int) -> Iterator[str]:
    for match in islice(_BLOB.finditer(text), MAX_BLOBS):
        for data in _blobs(match[0]):
            plain = _readable(data)
            if plain:
                yield plain
                if depth < 1:
                    yield from decoded(plain, depth + 1)


def disguised(text: str) -> Iterator[str]:
    """The text without a disguise that is seen through: escapes, spaced letters, leet, rot13, reversed."""
    if "\\" in text and _ESCAPES.search(text):
        yield _ONE_ESCAPE.sub(_unescaped, text)
    if _SOME_SPACED.search(text) and _SPACED.search(text):
        yield _SPACED.sub(lambda match: _closed(match[0]), text)
    lower = text.lower()
    if any(stem in lower for stem in _ROTATED):
        yield codecs.encode(text, "rot13")
    if any(stem in lower for stem in _BACKWARDS):
        yield text[::-1]
    if _LEET_SIGN.search(text):
        plain = text.translate(_LEET)
        told = plain.lower()
        if any(stem in told and stem not in lower for stem in _STEMS):
            yield plain


def _blobs(blob: str) -> Iterator[bytes]:
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(blob)
    with contextlib.suppress(ValueError):  # binascii's error is one
        trimmed = blob.rstrip("=").replace("-", "+").replace("_", "/")
        yield base64.b64decode(trimmed + "=" * (-len(trimmed) % 4))


def _readable(data: bytes) -> str:
    """Bytes as text where nine in ten are; empty where they are no text."""
    if data.count(0) > len(data) // 3:
        data = data.replace(b"\0", b"")
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode("utf-8")
        if text.isprintable() or sum(char.isprintable() or char in "\n\t\r" for char in text) >= 0.9 * len(
            text
        ):
            return text
    unreadable = len(data.translate(None, _READABLE))
    return data.decode("utf-8", "replace") if unreadable <= 0.1 * len(data) else ""


def _unescaped(match: re.Match[str]) -> str:
    octal = match[4]
    code = int(octal, 8) if octal else int(match[1] or match[2] or match[3], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _closed(run: str) -> str:
    """Spaced letters put together; a gap of two stands between words."""
    words = re.split(r"[ .*_|/~-]{2}", run)
    return " ".join(re.sub(r"[ .*_|/~-]", "", word) for word in words)
