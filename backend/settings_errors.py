"""What is wrong with a configuration, in words: which table, which key, what would do."""

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from backend.lanes import URGENT

LARGEST = 1e12
"""No number of the file is sensibly as large."""
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}
_STEP = re.compile(r"\[\.\.\.\]|\[\d+\]|[^.\[\]]+")
_KIND_WORDS = re.compile(r"`([a-z |]+)`")


def nearest(word: str, known: tuple[str, ...]) -> str:
    """The end of an error: the known word that was probably meant, else all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(known)}" if known else ""


def first_ask_problem(lane: str, name: str | None, models: Mapping[str, str], chain: Sequence[str]) -> str:
    """What is wrong with a lane's `first_ask`, to stand behind it; empty where it is all right.

    `models` are those of the file with their providers, `chain` the lane's own.
    """
    first = chain[0] if chain else "playbook"
    wrong = ""
    if name is None:
        return ""
    if lane in URGENT:
        wrong = "is for medium, low and raw: critical and high ask their own models at once"
    elif name not in models:
        wrong = f"names model '{name}', but there is no [models.{name}]{nearest(name, tuple(models))}"
    elif models[name] == "playbook":
        wrong = f"= '{name}' is the playbook, which judges every answer anyway; name a small model"
    elif first == "playbook":
        wrong = "has nothing to spare: the lane asks no model; leave it out"
    elif first == name:
        wrong = f"= '{name}' is asked in full anyway; name a cheaper model or leave it out"
    return wrong


def enforce_problem(enforce: str | None, provider: str, base_url: str | None) -> str:
    """What is wrong with a model's `enforce`, to stand behind it; empty where it is all right."""
    if (
        enforce is None
        or (provider == "openai" and base_url)
        or (provider == "ollama" and enforce == "schema")
    ):
        return ""
    if provider == "ollama":
        return "= 'grammar' is llama.cpp's; ollama takes 'schema'"
    return "is for servers of your own: provider 'openai' with a base_url, or 'ollama'; leave it out"


def one_line(text: object) -> str:
    """`text` without line ends and control characters: a key in quotes may hold anything."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def unknown_keys(
    tree: object, kind: object, path: str = "", hidden: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every key that the struct `kind` does not have, with its table and the keys that are known there.

    `hidden` fields of the outermost struct are no keys of the file.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for option in args:
            yield from unknown_keys(tree, option, path)
    elif origin is list and isinstance(tree, list):
        for item in tree:
            yield from unknown_keys(item, args[0], path)
    elif origin is dict and isinstance(tree, dict):
        for key, item in tree.items():
            yield from unknown_keys(item, args[1], _join(path, key))
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(tree, dict):
        hints = typing.get_type_hints(kind)
        known = tuple(name for name in hints if name not in hidden)
        for key, item in tree.items():
            if key not in known:
                yield path, key, known
            else:
                yield from unknown_keys(item, hints[key], _join(path, key))


def in_words(error: msgspec.ValidationError, tree: object, kind: type) -> str:
    """A type error with its table and key as they stand in the file, and the values that are allowed."""
    message, _, path = str(error).partition(" - at ")
    place, expected = _place(_STEP.findall(path.strip("`").removeprefix("$")), tree, kind)
    choices = _choices(expected)
    invalid = re.fullmatch(r"Invalid enum value '?(.*?)'?", message)
    if invalid and choices:
        return f"{place} can't be '{invalid[1]}'{nearest(invalid[1], choices)}"
    missing = re.fullmatch(r"Object missing required field `(.*)`", message)
    if missing:
        return f"{place} needs the key '{missing[1]}'"
    said = _KIND_WORDS.sub(_kind, message)
    hint = f"; write [{place}]" if message == "Expected `array`, got `object`" else ""
    return f"{place}: {said[:1].lower()}{said[1:]}{hint}"


def _place(steps: list[str], tree: object, kind: object) -> tuple[str, object]:
    """The path through the file, with names for msgspec's `[...]`, and the type that is wanted there."""
    names: list[str] = []
    for step in steps:
        kind = _plain(kind)
        args = typing.get_args(kind)
        if step == "[...]":
            name = _failing(tree, args[1])
            names.append(name)
            tree, kind = tree.get(name) if isinstance(tree, dict) else None, args[1]
        elif step.startswith("["):
            index = int(step[1:-1])
            names[-1] += f" number {index + 1}"
            tree, kind = tree[index] if isinstance(tree, list) else None, args[0]
        else:
            names.append(step)
            tree = tree.get(step) if isinstance(tree, dict) else None
            kind = typing.get_type_hints(kind).get(step, object) if isinstance(kind, type) else object
    if len(names) < 2 or isinstance(tree, dict):
        return f"[{'.'.join(names)}]", kind
    return f"[{'.'.join(names[:-1])}] {names[-1]}", kind


def _failing(tree: object, kind: object) -> str:
    """The key of the first table that can't be read as `kind`."""
    for name, item in tree.items() if isinstance(tree, dict) else ():
        try:
            msgspec.convert(item, kind)
        except msgspec.ValidationError:
            return str(name)
    return "…"


def _plain(kind: object) -> object:
    """`kind` without its None."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return next((one for one in typing.get_args(kind) if one is not types.NoneType), kind)
    return kind


def _choices(kind: object) -> tuple[str, ...]:
    plain = _plain(kind)
    return typing.get_args(plain) if typing.get_origin(plain) is typing.Literal else ()


def _kind(found: re.Match[str]) -> str:
    words = [_KINDS.get(word, word) for word in found[1].split(" | ") if word != "null"]
    return " or ".join(words)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def too_small(value: float | None, least: float | None) -> str:
    """What a number should be instead; empty where it is all right."""
    if value is None:
        return ""
    if not -LARGEST < value < LARGEST:  # infinities and "not a number" too
        return f"a number below {LARGEST:.0e}"
    if least is None:
        return "" if value >= 0 else "0 or more"
    if least == 0:
        return "" if value > 0 else "above 0"
    return "" if value >= least else f"{least:g} or more"
