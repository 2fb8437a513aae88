"""What a Sigma rule asks of one field: small tests, made once, tried on many events.

Words are compared in lower case unless the rule says `cased` or gives a regular expression, which RE2 runs:
no event can make it slow.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
    TimestampPart,
)

from backend.alerts.times import parse_time
from backend.patterns.event import MAX_CHARS, Event, Scalar
from backend.patterns.likely import GRAM, Need
from backend.patterns.regexes import RegexError, compile_quietly

Test = Callable[[Event], bool]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MANY, _ONE = SpecialChars.WILDCARD_MULTI, SpecialChars.WILDCARD_SINGLE
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


class Unsupported(Exception):
    """A rule asks for something that can't be told from one event; the message says what."""


class Words:
    """Patterns of strings of which any may fit, sorted by form so that most are one call in C."""

    def __init__(self, cased: bool = False) -> None:
        self._cased = cased
        self._equal: set[str] = set()
        self._starts: list[str] = []
        self._ends: list[str] = []
        self._within: list[str] = []
        self._shaped: list[Any] = []
        self._any = False
        self._literals: list[str] = []

    def add(self, pattern: SigmaString) -> None:
        """One more pattern. Raises `Unsupported` where it has a placeholder."""
        parts = pattern.s
        if any(not isinstance(part, str | SpecialChars) for part in parts):
            raise Unsupported("a placeholder (%name%), which stands for a list that is not here")
        self._literals.append(max((part for part in parts if isinstance(part, str)), key=len, default=""))
        words = [part if self._cased else part.lower() for part in parts if isinstance(part, str)]
        shape = ["w" if isinstance(part, str) else "*" if part is _MANY else "?" for part in parts]
        match "".join(shape):
            case "":
                self._equal.add("")
            case "w":
                self._equal.add(words[0])
            case "w*":
                self._starts.append(words[0])
            case "*w":
                self._ends.append(words[0])
            case "*w*":
                self._within.append(words[0])
            case "*" | "**":
                self._any = True
            case _:
                self._shaped.append(compile_quietly(_expression(parts, self._cased)))

    def test(self, field: str | None) -> Test:
        """Whether a field (or, without one, the whole text) fits any of the patterns."""
        fits = self._loose() if field is None else self._strict()
        if field is None:
            return (lambda event: fits(event.told)) if self._cased else (lambda event: fits(event.text))
        if self._cased:
            return lambda event: any(map(fits, event.words(field)))
        return lambda event: any(map(fits, event.low(field)))

    def needs(self, field: str | None) -> list[Need] | None:
        """Words of which one must stand in the field; None where that can't be said."""
        words = [word.lower() for word in self._literals]
        if field is None or any(len(word) < GRAM for word in words):
            return None
        return [(field, word) for word in words]

    def _strict(self) -> Callable[[str], bool]:
        equal, starts, ends = frozenset(self._equal), tuple(self._starts), tuple(self._ends)
        within, shaped, any_ = tuple(self._within), tuple(self._shaped), self._any
        if ends and not (equal or starts or within or shaped or any_):
            return lambda word: word.endswith(ends)
        if equal and not (ends or starts or within or shaped or any_):
            return lambda word: word in equal

        def fits(word: str) -> bool:
            if any_ or word in equal or word.startswith(starts) or word.endswith(ends):
                return True
            for piece in within:
                if piece in word:
                    return True
            return any(one.fullmatch(word) for one in shaped)

        return fits

    def _loose(self) -> Callable[[str], bool]:
        """For keywords: the words may stand anywhere in the text."""
        within = (*self._equal, *self._starts, *self._ends, *self._within)
        shaped, any_ = tuple(self._shaped), self._any

        def fits(text: str) -> bool:
            if any_:
                return True
            for piece in within:
                if piece in text:
                    return True
            return any(one.search(text) for one in shaped)

        return fits


def _expression(parts: list[Any], cased: bool) -> str:
    """A pattern with wildcards inside as a regular expression for RE2."""
    made = "".join(
        ".*" if part is _MANY else "." if part is _ONE else re.escape(part if cased else part.lower())
        for part in parts
    )
    return f"(?s){made}"


def test_of(field: str | None, value: SigmaType) -> Test:
    """The test of one value that is no pattern of strings. `field` is in lower case; None for a keyword.

    Raises:
        Unsupported: it can't be told from one event.
    """
    if isinstance(value, SigmaRegularExpression):
        return _regular(field, value)
    if field is None:
        if isinstance(value, SigmaNumber):
            digits = str(value.number)
            return lambda event: digits in event.text
        raise Unsupported(f"a keyword of type {type(value).__name__}")
    maker = next((make for kind, make in _MAKERS if isinstance(value, kind)), None)
    if maker is None:
        raise Unsupported(f"a value of type {type(value).__name__}")
    return maker(field, value)


def _regular(field: str | None, value: SigmaRegularExpression) -> Test:
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    pattern = str(value.regexp)
    try:
        search = compile_quietly(f"(?{flags}){pattern}" if flags else pattern).search
    except RegexError as error:
        raise Unsupported(f"the regular expression {pattern[:60]!r}: {error}") from None
    if field is None:
        return lambda event: search(event.told) is not None
    return lambda event: any(search(word) is not None for word in event.words(field))


def number_in(value: Scalar) -> float | None:
    """A value as a number, where it is one or a string of one ("0x1f" too)."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    text = value.strip()[:40]
    try:
        return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
    except ValueError:
        return None


def _equal_number(field: str, value: SigmaNumber) -> Test:
    wanted = float(value.number)
    return lambda event: any(number_in(one) == wanted for one in event.values(field))


_COMPARE: dict[CompareOperators, Callable[[float, float], bool]] = {
    CompareOperators.LT: lambda one, other: one < other,
    CompareOperators.LTE: lambda one, other: one <= other,
    CompareOperators.GT: lambda one, other: one > other,
    CompareOperators.GTE: lambda one, other: one >= other,
    CompareOperators.NEQ: lambda one, other: one != other,
}


def _compared(field: str, value: SigmaCompareExpression) -> Test:
    limit, holds = float(value.number.number), _COMPARE[value.op]

    def test(event: Event) -> bool:
        numbers = (number_in(one) for one in event.values(field))
        return any(number is not None and holds(number, limit) for number in numbers)

    return test


def _truth(field: str, value: SigmaBool) -> Test:
    word = "true" if value.boolean else "false"
    return lambda event: word in event.low(field)


def _null(field: str, value: SigmaNull) -> Test:
    del value
    return lambda event: all(one is None for one in event.values(field))


def _exists(field: str, value: SigmaExists) -> Test:
    wanted = value.exists
    return lambda event: (field in event.fields) is wanted


def _in_network(field: str, value: SigmaCIDRExpression) -> Test:
    network = value.network

    def inside(word: str) -> bool:
        try:
            address = ipaddress.ip_address(word.strip()[:60])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            return address in network or address.ipv4_mapped in network
        return address in network

    return lambda event: any(map(inside, event.words(field)))


def _other_field(field: str, value: SigmaFieldReference) -> Test:
    other, starts, ends = value.field.lower(), value.starts_with, value.ends_with

    def alike(one: str, two: str) -> bool:
        if starts and ends:
            return two in one
        if starts:
            return one.startswith(two)
        return one.endswith(two) if ends else one == two

    return lambda event: any(alike(one, two) for one in event.low(field) for two in event.low(other))


_PARTS: dict[TimestampPart, Callable[[datetime], int]] = {
    TimestampPart.MINUTE: lambda when: when.minute,
    TimestampPart.HOUR: lambda when: when.hour,
    TimestampPart.DAY: lambda when: when.day,
    TimestampPart.WEEK: lambda when: when.isocalendar().week,
    TimestampPart.MONTH: lambda when: when.month,
    TimestampPart.YEAR: lambda when: when.year,
}


def _part_of_time(field: str, value: SigmaTimestampPart) -> Test:
    part, wanted = _PARTS[value.timestamp_part], value.number

    def test(event: Event) -> bool:
        for one in event.values(field):
            ms, quality = parse_time(one, 0)
            if (
                quality != "received"
                and abs(ms) < MAX_MS
                and part(EPOCH + timedelta(milliseconds=ms)) == wanted
            ):
                return True
        return False

    return test


MAX_MS = 62_000_000_000_000
"""Times further from the epoch are beyond a calendar."""

_MAKERS: tuple[tuple[type[SigmaType], Callable[[str, Any], Test]], ...] = (
    (SigmaTimestampPart, _part_of_time),  # a kind of number, so before it
    (SigmaNumber, _equal_number),
    (SigmaBool, _truth),
    (SigmaNull, _null),
    (SigmaExists, _exists),
    (SigmaCIDRExpression, _in_network),
    (SigmaCompareExpression, _compared),
    (SigmaFieldReference, _other_field),
)

SHOWN_CHARS = min(MAX_CHARS, 1_000)
"""So much of a value stands in an alert as what matched."""
