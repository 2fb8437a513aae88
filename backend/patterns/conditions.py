"""A rule's condition, as pySigma parses it, as a tree of tests that can be tried on an event.

pySigma has resolved the modifiers and the names of the detections; what is left are and, or, not, and values
of fields.
"""

from collections.abc import Sequence
from typing import Protocol

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import SigmaCasedString, SigmaExpansion, SigmaString, SigmaType

from backend.patterns.event import Event
from backend.patterns.likely import Need, fewest, together
from backend.patterns.values import SHOWN_CHARS, Test, Unsupported, Words, test_of

KEYWORD = "keyword"
"""What evidence is called that is no field's."""
_Value = ConditionFieldEqualsValueExpression | ConditionValueExpression


class Node(Protocol):
    """A part of a condition."""

    def match(self, event: Event) -> bool:
        """Whether it holds of the event."""
        ...

    @property
    def needs(self) -> Sequence[Need] | None:
        """Words of which one stands in every event it holds of; see `backend.patterns.likely`."""
        ...

    def explain(self, event: Event, found: dict[str, str]) -> None:
        """Add the fields and values by which it holds; asked only where it does."""
        ...


class Leaf:
    """A test of one field, or of the text."""

    __slots__ = ("_field", "_name", "match", "needs")

    def __init__(self, name: str | None, test: Test, needs: Sequence[Need] | None = None) -> None:
        self.needs = needs
        self._name = name
        self._field = (name or "").lower()
        self.match = test

    def explain(self, event: Event, found: dict[str, str]) -> None:
        """See `Node.explain`."""
        if self._name is None:
            found.setdefault(KEYWORD, event.told[:SHOWN_CHARS])
        elif self._field in event.fields:
            found.setdefault(self._name, ", ".join(event.words(self._field))[:SHOWN_CHARS])


class All:
    """Every one of several."""

    __slots__ = ("_nodes", "needs")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = tuple(nodes)
        self.needs = fewest([node.needs for node in nodes])

    def match(self, event: Event) -> bool:
        """See `Node.match`."""
        for node in self._nodes:  # noqa: SIM110 - a generator a node costs half as much again
            if not node.match(event):
                return False
        return True

    def explain(self, event: Event, found: dict[str, str]) -> None:
        """See `Node.explain`."""
        for node in self._nodes:
            node.explain(event, found)


class Any:
    """At least one of several."""

    __slots__ = ("_nodes", "needs")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = tuple(nodes)
        self.needs = together([node.needs for node in nodes])

    def match(self, event: Event) -> bool:
        """See `Node.match`."""
        for node in self._nodes:  # noqa: SIM110 - as above
            if node.match(event):
                return True
        return False

    def explain(self, event: Event, found: dict[str, str]) -> None:
        """See `Node.explain`."""
        for node in self._nodes:
            if node.match(event):
                node.explain(event, found)


class Not:
    """The contrary of one."""

    __slots__ = ("_node", "needs")

    def __init__(self, node: Node) -> None:
        self._node = node
        self.needs: Sequence[Need] | None = None

    def match(self, event: Event) -> bool:
        """See `Node.match`."""
        return not self._node.match(event)

    def explain(self, event: Event, found: dict[str, str]) -> None:
        """What is not there is no evidence."""


def compiled(condition: object) -> Node:
    """A parsed condition as a tree of tests.

    Raises:
        Unsupported: a part of it can't be told from one event.
    """
    if isinstance(condition, ConditionAND):
        return All([compiled(part) for part in condition.args])
    if isinstance(condition, ConditionOR):
        return _either(condition.args)
    if isinstance(condition, ConditionNOT):
        return Not(compiled(condition.args[0]))
    if isinstance(condition, _Value):
        return _value(_name(condition), condition.value)
    raise Unsupported("an empty condition" if condition is None else f"a {type(condition).__name__}")


def _either(parts: Sequence[object]) -> Node:
    """Any of several; patterns of strings for one field become one test."""
    nodes: list[Node] = []
    words: dict[tuple[str | None, bool], Words] = {}
    for part in parts:
        if isinstance(part, _Value) and isinstance(part.value, SigmaString):
            cased = isinstance(part.value, SigmaCasedString)
            words.setdefault((_name(part), cased), Words(cased)).add(part.value)
        else:
            nodes.append(compiled(part))
    leaves: list[Node] = [_words(name, made) for (name, _), made in words.items()]
    return (leaves + nodes)[0] if len(leaves) + len(nodes) == 1 else Any(leaves + nodes)


def _value(name: str | None, value: SigmaType) -> Node:
    if isinstance(value, SigmaExpansion):
        kind = ConditionValueExpression if name is None else ConditionFieldEqualsValueExpression
        made = [kind(one) if name is None else kind(name, one) for one in value.values]  # type: ignore[call-arg,arg-type]
        return _either(made)
    if isinstance(value, SigmaString):
        words = Words(isinstance(value, SigmaCasedString))
        words.add(value)
        return _words(name, words)
    return Leaf(name, test_of(_low(name), value))


def _words(name: str | None, words: Words) -> Leaf:
    return Leaf(name, words.test(_low(name)), words.needs(_low(name)))


def _name(part: _Value) -> str | None:
    return part.field if isinstance(part, ConditionFieldEqualsValueExpression) else None


def _low(name: str | None) -> str | None:
    return None if name is None else name.lower()
