"""Many phrases looked for at the price of the few whose first word stands in the text.

A regular expression of a hundred alternatives costs some 200 ns a character. Nearly every phrase begins with
one of some words, so it is tried where those stand: what is found is the same, by construction, as with one
expression of all of them.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from re import _constants as sre  # type: ignore[attr-defined]  # the parser that compiles the phrases
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

HEAD = 3
"""Characters of a word that are compared."""
_MOST = 600
"""Beginnings of one phrase; a phrase with more is always searched for."""
_NOWHERE = sys.maxsize
_WORD = re.compile(r"\w+")

_Begun = tuple[str, bool]
"""How a phrase begins so far, and whether nothing that follows belongs to that."""


class Look:
    """What a text is made of: where words begin, by their first characters, and which characters it has."""

    __slots__ = ("chars", "heads")

    def __init__(self, text: str) -> None:
        self.heads: dict[str, list[int]] = {}
        for match in _WORD.finditer(text):
            self.heads.setdefault(_folded(match[0][:HEAD])[:HEAD], []).append(match.start())
        self.chars = set(text)


class Phrases:
    """Regular expressions by kind, each searched for only where it could begin."""

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        """`phrases` are read without regard to case."""
        self._kinds = {kind: [_Phrase(one) for one in some] for kind, some in phrases.items()}

    def found(self, text: str, look: Look) -> Iterator[tuple[str, int]]:
        """Each kind that is in the text, with where its first phrase begins. `look` is of the same text."""
        for kind, phrases in self._kinds.items():
            start = min((one.start(text, look) for one in phrases), default=_NOWHERE)
            if start < _NOWHERE:
                yield kind, start


class _Phrase:
    """One expression with the words, or else the characters, one of which must be there."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern, re.IGNORECASE)
        items = list(parser.parse(pattern, re.IGNORECASE))
        at_word = bool(items) and items[0] == (sre.AT, sre.AT_BOUNDARY)
        begun = _begun(items[at_word:], HEAD if at_word else 1)
        heads = {_head(one) for one in begun} if at_word else {text[:1] or None for text, _ in begun}
        known = {head for head in heads if head is not None}
        self._always = None in heads or not known or len(known) > _MOST
        self._heads = {_folded(head)[:HEAD] for head in known} if at_word else set()
        self._chars = (
            set() if at_word else {case for char in known for case in (char, char.upper(), char.lower())}
        )

    def start(self, text: str, look: Look) -> int:
        """The first place where it stands; `_NOWHERE` where it does not."""
        if self._always or not self._chars.isdisjoint(look.chars):
            match = self._pattern.search(text)
            return match.start() if match is not None else _NOWHERE
        return min(
            (self._first(text, look.heads[head]) for head in self._heads & look.heads.keys()),
            default=_NOWHERE,
        )

    def _first(self, text: str, places: Sequence[int]) -> int:
        return next((place for place in places if self._pattern.match(text, place)), _NOWHERE)


def _head(begun: _Begun) -> str | None:
    """The beginning of the word that a phrase begins with; None where any word may be it."""
    text, _ = begun
    word = _WORD.match(text)
    if word is None:
        return None
    # A whole word, or as much of one as is compared: else any longer word would have to do.
    return word[0][:HEAD] if word.end() < len(text) or len(word[0]) >= HEAD else None


def _begun(items: Sequence[tuple[Any, Any]], length: int) -> set[_Begun]:
    """The ways in which a parsed expression can begin, up to one character more than `length`."""
    begun: set[_Begun] = {("", False)}
    for operation, argument in items:
        if all(closed or len(text) > length for text, closed in begun):
            break
        begun = _joined(begun, _ways(operation, argument, length), length)
        if len(begun) > _MOST:
            return {("", True)}
    return begun


def _joined(begun: set[_Begun], ways: set[_Begun], length: int) -> set[_Begun]:
    joined: set[_Begun] = set()
    for text, closed in begun:
        if closed or len(text) > length:
            joined.add((text, closed))
        else:
            joined.update(((text + more)[: length + 1], ends) for more, ends in ways)
    return joined


def _ways(operation: Any, argument: Any, length: int) -> set[_Begun]:  # noqa: ANN401 - the parser's own
    """What one parsed item can be. What can't be listed ends a beginning: anything may follow there."""
    if operation is sre.LITERAL:
        ways = {(chr(argument), False)}
    elif operation is sre.SUBPATTERN:
        ways = _begun(argument[-1], length)
    elif operation is sre.BRANCH:
        ways = {way for branch in argument[1] for way in _begun(branch, length)}
    elif operation is sre.IN and all(one is sre.LITERAL for one, _ in argument):
        ways = {(chr(code), False) for _, code in argument}
    elif operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, most, inner = argument
        ways = {(text, ends or most > 1) for text, ends in _begun(inner, length)}
        ways |= {("", False)} if least == 0 else set()
    elif operation is sre.AT and argument is sre.AT_BOUNDARY:
        ways = {(" ", True)}  # behind a word, it ends it
    else:
        ways = {("", True)}
    return ways


def _folded(text: str) -> str:
    """Lower case as the expressions compare it: all of Turkish's letters i are one."""
    lower = text.lower()
    if lower.isascii():
        return lower
    return lower.replace("i\N{COMBINING DOT ABOVE}", "i").replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")
