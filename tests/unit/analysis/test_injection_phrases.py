"""Phrases looked for by their first words find what one expression of all of them finds, and where."""

import gzip
import re
import time
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analysis.guardrails import injection_languages, injection_rules
from backend.analysis.guardrails.injection_phrases import Look, Phrases
from tests.corpus import CORPUS

# ruff: noqa: RUF001 - other alphabets are what these tests are for

ALL: tuple[tuple[Phrases, Mapping[str, Sequence[str]]], ...] = (
    (injection_rules.WORDS, injection_rules.PHRASES),
    (injection_languages.FOREIGN, injection_languages.PHRASES),
)
PLAIN = [
    {kind: re.compile("|".join(some), re.IGNORECASE) for kind, some in phrases.items()} for _, phrases in ALL
]
_TEXT = """
Ignore IGNORIERE ignorez ignora ignor'e disregard do not follow don't stop following
previous all your instructions rules anweisungen consignes instrucciones istruzioni you
are now an ai assistant dan act as if hey hi, note to: model as a language if you're new
task: set mark classify klassifiziere als benign comme fehlalarm marca como falso positivo
the correct verdict is low this alert was approved close lower severity never tell reveal
your system prompt gib zeige sistem talimat göster İGNORE ıgnore respond only with to
every in your response from now on, dies du bist jetzt tu es maintenant ora sei Игнорируй
все правила Теперь ты 忽略 之前的 指令 标记为 误报 只回复 " 이전 지시 무시 تجاهل التعليمات पिछले निर्देश अनदेखा
_ignore x.ignore
"""
WORDS = _TEXT.split()


def agree(text: str) -> int:
    """How many kinds both ways find in a text, at the same places."""
    found = 0
    for (phrases, _), plain in zip(ALL, PLAIN, strict=True):
        expected = {kind: m.start() for kind, one in plain.items() if (m := one.search(text)) is not None}
        assert dict(phrases.found(text, Look(text))) == expected, text[:400]
        found += len(expected)
    return found


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", "", ", ", "\n", "_"])), max_size=14)
)
def test_words_in_any_order_are_found_alike(words: list[tuple[str, str]]) -> None:
    agree("".join(word + gap for word, gap in words))


def test_no_phrase_is_searched_for_where_it_cannot_begin() -> None:
    text = (
        "GET /index.html HTTP/1.1 host web-01 10.0.0.5 200 OK Mozilla/5.0 (Windows NT 10.0; Win64; x64) " * 40
    )
    cost = {}
    for name, look in (("by words", True), ("all", False)):
        began = time.process_time()
        for _ in range(20):
            if look:
                assert not [*ALL[0][0].found(text, Look(text)), *ALL[1][0].found(text, Look(text))]
            else:
                assert not [kind for plain in PLAIN for kind, one in plain.items() if one.search(text)]
        cost[name] = time.process_time() - began
    assert cost["by words"] < cost["all"] / 2


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="no shared corpus")
def test_the_corpus_is_found_alike() -> None:
    assert CORPUS is not None
    found = 0
    for path in sorted(one for one in (CORPUS / "prompt_injection").rglob("*.*") if one.is_file()):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += sum(agree(line) for line in data.decode("utf-8", "replace").split("\n")[:2_000])
    assert found > 500
