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
_HEADS = re.compile(r"(\w\w?\w?)\w*")
_FOLDS_ODDLY = re.compile("[\u0130\u0131\u017f\u212a]")

_Begun = tuple[str, bool]
"""How a phrase begins so far, and whether nothing that follows belongs to that."""


class Look:
    """What a text is made of: where words begin, by their first characters, and which characters it has."""

    __slots__ = ("_lower", "_places", "chars", "heads")

    def __init__(self, text: str) -> None:
        """Look at `text` once, for all phrases."""
        self.chars = set(text)
        self._lower = ""
        self._places: dict[str, list[int]] = {}
        if folds_plainly(text):
            self._lower = text.lower()
            self.heads = set(_HEADS.findall(self._lower))
            return
        for match in _WORD.finditer(text):
            self._places.setdefault(_folded(match[0][:HEAD])[:HEAD], []).append(match.start())
        self.heads = set(self._places)

    def places(self, head: str) -> Sequence[int]:
        """Where words with that beginning begin."""
        places = self._places.get(head)
        if places is None:
            places = self._places[head] = list(self._found(head))
        return places

    def _found(self, head: str) -> Iterator[int]:
        lower, length = self._lower, len(head)
        at = lower.find(head)
        while at >= 0:
            end = at + length
            # A shorter one is a whole word.
            if not (at and _is_word(lower[at - 1])) and (
                length == HEAD or not _is_word(lower[end : end + 1])
            ):
                yield at
            at = lower.find(head, at + 1)


class Phrases:
    """Regular expressions by kind, each searched for only where it could begin."""

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        """`phrases` are read without regard to case."""
        self._kinds = tuple(phrases)
        self._always: list[tuple[str, re.Pattern[str]]] = []
        self._by_head: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        self._by_char: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for kind, some in phrases.items():
            for one in some:
                self._add(kind, _Phrase(one))
        self._heads, self._chars = frozenset(self._by_head), frozenset(self._by_char)

    def _add(self, kind: str, phrase: "_Phrase") -> None:
        entry = (kind, phrase.pattern)
        if phrase.always:
            self._always.append(entry)
        for head in phrase.heads:
            self._by_head.setdefault(head, []).append(entry)
        for char in phrase.chars:
            self._by_char.setdefault(char, []).append(entry)

    def found(self, text: str, look: Look) -> Iterator[tuple[str, int]]:
        """Each kind that is in the text, with where its first phrase begins. `look` is of the same text."""
        starts: dict[str, int] = {}
        searched = dict.fromkeys(self._always)
        for char in self._chars & look.chars:
            searched.update(dict.fromkeys(self._by_char[char]))
        for kind, pattern in searched:
            match = pattern.search(text)
            if match is not None:
                starts[kind] = min(match.start(), starts.get(kind, _NOWHERE))
        for head in self._heads & look.heads:
            places = look.places(head)
            for kind, pattern in self._by_head[head]:
                start = next((place for place in places if pattern.match(text, place)), _NOWHERE)
                if start < starts.get(kind, _NOWHERE):
                    starts[kind] = start
        if starts:
            yield from ((kind, starts[kind]) for kind in self._kinds if kind in starts)


class _Phrase:
    """One expression with the words, or else the characters, one of which must be there."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern, re.IGNORECASE)
        items = list(parser.parse(pattern, re.IGNORECASE))
        at_word = bool(items) and items[0] == (sre.AT, sre.AT_BOUNDARY)
        begun = _begun(items[at_word:], HEAD if at_word else 1)
        heads = {_head(one) for one in begun} if at_word else {text[:1] or None for text, _ in begun}
        known = {head for head in heads if head is not None}
        self.always = None in heads or not known or len(known) > _MOST
        self.heads: set[str] = set()
        self.chars: set[str] = set()
        if not self.always and at_word:
            self.heads = {_folded(head)[:HEAD] for head in known}
        elif not self.always:
            self.chars = {case for char in known for case in (char, char.upper(), char.lower())}


def folds_plainly(text: str) -> bool:
    """Whether `text.lower()` is as long, and holds the ASCII letters that `text` holds in either case.

    So it is but for four letters that are alike to s, k and i where case does not count.
    """
    return text.isascii() or _FOLDS_ODDLY.search(text) is None


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


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
