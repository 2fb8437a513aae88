"""What makes masking cheap changes nothing: the same as looking for every hint by turns, with no memory."""

import functools
import json
import time
from collections.abc import Callable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.alerts import secrets
from backend.alerts.secret_forms import (
    COMMANDS,
    HEADERS,
    LOWER_KEYS,
    LOWER_PASSWORDS,
    NAMED_KEYS,
    NAMED_PASSWORDS,
    NAMES,
    TOKENS,
    any_of,
)
from backend.alerts.secrets import mask, mask_named, mask_tree
from backend.bench.alerts import suricata_alerts
from tests.support.planting import FORMS

HINTS = sorted({hint for group in (TOKENS, HEADERS, COMMANDS) for hints, _, _ in group for hint in hints})


def plain_mask(text: str) -> str:
    """Every rule by turns, each behind its own hints."""
    if len(text) < 8:
        return text
    lower = text.lower()
    text = secrets._without_pem(text)
    for hints, pattern, kind in TOKENS:
        if any(hint in text for hint in hints):
            text = pattern.sub(functools.partial(secrets._token, kind), text)
    text = secrets._without_url_passwords(text)
    for hints, pattern, kind in (*HEADERS, *COMMANDS):
        if any(hint in lower for hint in hints):
            text = pattern.sub(secrets._keeping(kind), text)
    return secrets._without_named(text) if any(name in lower for name in NAMES) else text


def plain_named(name: str, value: str) -> str:
    if value and any(known in name.lower() for known in NAMES):
        found = NAMED_PASSWORDS.search(name) or NAMED_KEYS.search(name)
        if found is not None and secrets._is_secret(name, found, value, strong=True):
            return secrets.masked(secrets._kind(found[0]))
    return plain_mask(value)


def plain_tree(name: str, value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return plain_named(name, value) if name else plain_mask(value)
    if depth > 64:
        return secrets.LEFT_OUT
    if isinstance(value, Mapping):
        return {plain_mask(str(key)): plain_tree(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_tree(name, one, depth + 1) for one in value]
    return value


_VALUES = ("hunter2", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5", "null", "${X}", "user@host.example", "Geheim!7", "id")
_SIGNS = (
    "=",
    ":",
    ": ",
    '":"',
    " ",
    "\n",
    "@",
    "://",
    "/",
    '\\"',
    "'",
    "-",
    "|",
    "",
    "\u017f",
    "İ",
    "Σ",
    "\0",
)
PIECES = st.one_of(
    st.sampled_from((*HINTS, *NAMES, "PRIVATE KEY", "-----BEGIN ", "-----END ")),
    st.sampled_from(_VALUES),
    st.sampled_from(_SIGNS),
    st.sampled_from([form for _, form in FORMS]).map(lambda form: form.replace("{}", _VALUES[1])),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
CASES: tuple[Callable[[str], str], ...] = (str, str.upper, str.lower, str.title)
CASED = st.tuples(TEXTS, st.sampled_from(CASES)).map(lambda two: two[1](two[0]))
TREES = st.recursive(
    st.one_of(CASED, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(CASED, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=600, deadline=None)
@given(CASED)
def test_a_text_is_masked_as_by_every_rule_by_turns(text: str) -> None:
    assert mask(text) == plain_mask(text)
    assert mask(text) == plain_mask(text)  # and so is what is remembered


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_so_is_a_tree(tree: object) -> None:
    assert repr(mask_tree(tree)) == repr(plain_tree("", tree))  # nan is not itself


@settings(max_examples=200, deadline=None)
@given(CASED, CASED)
def test_so_is_a_named_value(name: str, value: str) -> None:
    assert mask_named(name, value) == plain_named(name, value)


@settings(max_examples=300, deadline=None)
@given(CASED.filter(str.isascii))
def test_names_are_found_alike_in_lower_case(text: str) -> None:
    for anyhow, lower in ((NAMED_PASSWORDS, LOWER_PASSWORDS), (NAMED_KEYS, LOWER_KEYS)):
        spans = [found.span() for found in lower.finditer(text.lower())]
        assert spans == [found.span() for found in anyhow.finditer(text)]


def test_every_planted_form_and_a_deep_tree() -> None:
    for make, form in FORMS:
        text = form.format(make())
        assert mask(text) == plain_mask(text) != text
    deep: object = ["password=hunter2", 7]
    for _ in range(64):
        deep = {"a": deep}
    assert mask_tree(deep) == plain_tree("", deep)


@given(
    st.lists(st.text("abcX*.", min_size=1, max_size=4), min_size=1, max_size=8),
    st.text("abcX*.", max_size=20),
)
def test_one_pattern_finds_any_of_the_words(words: list[str], text: str) -> None:
    assert (any_of(words).search(text) is not None) == any(word in text for word in words)


def test_memory_is_bounded_and_holds_nothing_that_was_masked() -> None:
    secrets._harmless.clear()
    for number in range(10_000):
        mask(f"nothing in here {number}")
    mask("password=hunter2-and-more")
    assert 0 < len(secrets._harmless) <= 4_096
    assert not any("hunter2" in text for text in secrets._harmless)
    secrets._harmless.clear()
    mask("x" * 300)
    assert not secrets._harmless


def test_it_is_several_times_cheaper_on_alerts() -> None:
    trees = [json.loads(data) for data in suricata_alerts(300)]

    def took(way: Callable[[object], object]) -> float:
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            for tree in trees:
                way(tree)
            best = min(best, time.process_time() - began)
        return best

    assert took(mask_tree) * 3 < took(lambda tree: plain_tree("", tree))
