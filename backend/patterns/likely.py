"""Which of many rules an event can match at all, told by four letters of what each of them asks for.

Most rules can only match where one of a few words stands in a field (`Image` ends with `\\certutil.exe`).
Four letters in a row of each word are looked up among those of the field, in one set operation; only rules
that have theirs there, or ask for no such word, are tried: of 900 for one kind of event, a fifth of the cost.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from backend.patterns.event import Event

GRAM = 4
FEW = 8
"""So many rules are tried as they are."""

Need = tuple[str, str]
"""A field and a word in lower case, at least `GRAM` letters long."""


class Needy(Protocol):
    """A rule that may tell what it needs."""

    @property
    def needs(self) -> Sequence[Need] | None:
        """At least one of these is there in every event it matches; None where that can't be said."""
        ...


R = TypeVar("R", bound=Needy)


class Likely(Generic[R]):
    """Rules for one kind of event."""

    def __init__(self, rules: Sequence[R]) -> None:
        """Nothing is built before it is first needed."""
        self.rules = tuple(rules)
        self._always: tuple[int, ...] = ()
        self._grams: dict[str, dict[str, list[int]]] | None = None

    def __bool__(self) -> bool:
        return bool(self.rules)

    def __call__(self, event: Event) -> Sequence[R]:
        """The rules that the event can match, in their order."""
        if len(self.rules) <= FEW:
            return self.rules
        grams = self._grams if self._grams is not None else self._build()
        found = set(self._always)
        for field, rules in grams.items():
            for word in event.low(field):
                for gram in rules.keys() & {word[at : at + GRAM] for at in range(len(word) - GRAM + 1)}:
                    found.update(rules[gram])
        return [self.rules[number] for number in sorted(found)]

    def _build(self) -> dict[str, dict[str, list[int]]]:
        made: dict[str, dict[str, list[int]]] = {}
        always: list[int] = []
        for number, rule in enumerate(self.rules):
            needs = rule.needs
            if needs is None:
                always.append(number)
                continue
            for field, word in needs:
                grams = made.setdefault(field, {})
                parts = [word[at : at + GRAM] for at in range(len(word) - GRAM + 1)]
                rarest = min(parts, key=lambda part: len(grams.get(part, ())))
                grams.setdefault(rarest, []).append(number)
        self._always = tuple(always)
        self._grams = made
        return made


def fewest(options: Sequence[Sequence[Need] | None]) -> Sequence[Need] | None:
    """Of several needs that all hold, the one that tells most: whose shortest word is longest."""
    known = [one for one in options if one]
    return max(known, key=lambda one: (min(len(word) for _, word in one), -len(one)), default=None)


def together(options: Sequence[Sequence[Need] | None]) -> Sequence[Need] | None:
    """What is needed where one of several may hold: any of all of theirs."""
    found: list[Need] = []
    for one in options:
        if one is None:
            return None
        found += one
    return found or None
