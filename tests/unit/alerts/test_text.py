"""Whatever comes in, what comes out is safe to show, and what was there can still be seen."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.alerts.text import MAX_MARKS, SafeText, defang, safe, safe_lines
from tests.corpus import CORPUS
from tests.unit.alerts.reading import forbidden


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain", "plain"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x1b[2J\x1bc", "␛[2J␛c"),
        ("a\x00b\x08c\x0bd\x0ce\x7f", "a␀b␈c␋d␌e␡"),
        ("one\r\ntwo\tthree", "one␍␤two␉three"),
        ("\x9b31m \x9d0; \x90q \x85", "⟨9B⟩31m ⟨9D⟩0; ⟨90⟩q ⟨85⟩"),
        ("a\u202eb\u2066c\u2069", "a⟨U+202E⟩b⟨U+2066⟩c⟨U+2069⟩"),
        ("x\u200by\u200d\u2060z", "x⟨U+200B⟩y⟨U+200D⟩⟨U+2060⟩z"),
        ("soft\xadhyphen \ufeff", "soft⟨U+00AD⟩hyphen ⟨U+FEFF⟩"),
        ("\U000e0041\U000e007f", "⟨U+E0041⟩⟨U+E007F⟩"),
        ("a\ufe0f\U000e0101", "a⟨U+FE0F⟩⟨U+E0101⟩"),
        ("l\u2028p\u2029", "l⟨U+2028⟩p⟨U+2029⟩"),
        ("\ud800 \ue000 \U0010ffff", "⟨U+D800⟩ ⟨U+E000⟩ ⟨U+10FFFF⟩"),
        ("\u115f\u3164\u034f", "⟨U+115F⟩⟨U+3164⟩⟨U+034F⟩"),
        ("nbsp\xa0em\u2003.", "nbsp em ."),
        ("Zażółć 漢字 العربية", "Zażółć 漢字 العربية"),
        ("[/b] [@click=app.quit()]x[/]", "[/b] [@click=app.quit()]x[/]"),
        (b"caf\xc3\xa9 \xff\x9b", "café ⟨FF⟩⟨9B⟩"),
        (bytearray(b"\x1b"), "␛"),
        (None, ""),
        (True, "true"),
        (7, "7"),
        (["a", {"b": "\x9b"}], '["a",{"b":"⟨9B⟩"}]'),
    ],
)
def test_stand_ins(sent: object, shown: str) -> None:
    assert safe(sent) == shown


def test_printable_ascii_is_the_same_object() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x7F))
    assert safe(text) is text


def test_combining_marks_are_capped_and_counted() -> None:
    assert safe("e" + "\u0301" * MAX_MARKS) == "e" + "\u0301" * MAX_MARKS
    assert safe("e" + "\u0301" * 10_000 + "x") == "e" + "\u0301" * MAX_MARKS + "⟨+9996⟩x"
    assert safe("e" + "\u0301" * 9) == "e" + "\u0301" * MAX_MARKS + "⟨+5⟩"


def test_a_limit_cuts_before_and_after_growth() -> None:
    assert safe("x" * 10, 10) == "x" * 10
    assert safe("x" * 11, 10) == "x" * 9 + "…"
    assert safe("\u202e" * 50, 10) == "⟨U+202E⟩⟨…"
    assert len(safe("\x1b" * 10_000_000, 100)) == 100


def test_endless_nesting_and_broken_objects_do_not_raise() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    class Broken:
        def __str__(self) -> str:
            raise OSError("no")

    assert safe(deep) == "⟨list that can't be written⟩"
    assert safe(10**5000) == "⟨int that can't be written⟩"
    assert safe(Broken()) == "⟨Broken that can't be written⟩"


def test_lines_stay_lines() -> None:
    assert safe_lines("a\r\nb\nc\rd\te\x1b") == "a\nb\nc␍d␉e␛"
    assert safe_lines(b"\xff\n") == "⟨FF⟩\n"


@given(st.one_of(st.text(st.characters()), st.binary(), st.integers(), st.floats(), st.lists(st.text())))
def test_no_input_raises_and_none_gets_through(value: object) -> None:
    shown = safe(value)
    assert forbidden(shown) == []
    assert safe(shown) == shown
    assert forbidden(safe_lines(value), "\n") == []


@given(st.text(st.characters()), st.integers(1, 40))
def test_a_limit_is_kept(text: str, limit: int) -> None:
    assert len(safe(text, limit)) <= limit


def test_every_code_point_alone() -> None:
    for code in range(0x110000):
        shown = safe(chr(code))
        assert forbidden(shown) == [], hex(code)
        assert shown, hex(code)


def test_a_flood_of_different_characters_fills_no_memory() -> None:
    from backend.alerts import text as module

    safe("".join(chr(code) for code in range(0x20000, 0x28000)))
    assert len(module._ONE_LINE) <= module._CACHE_LIMIT


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("http://evil.example/a.b", "hxxp://evil[.]example/a.b"),
        ("HTTPS://Evil.Example", "HxxPS://Evil[.]Example"),
        ("ftp://a.example", "fxp://a[.]example"),
        ("10.4.2.17:443", "10[.]4[.]2[.]17:443"),
        ("bob@mail.example.org.", "bob@mail[.]example[.]org."),
        ("invoice.zip", "invoice[.]zip"),
        ("bad.xn--p1ai", "bad[.]xn--p1ai"),
        ("evil。example", "evil[.]example"),
        ("cmd.exe ran version 1.2.3. Then", "cmd.exe ran version 1.2.3. Then"),
        ("10.0.19041.1", "10.0.19041.1"),
    ],
)
def test_defang(sent: str, shown: str) -> None:
    assert defang(safe(sent)) == shown
    assert defang(SafeText(shown)) == shown


@given(st.text(st.sampled_from("htps:/.aceom1270[]-_ \n"), max_size=60))
def test_defang_is_idempotent(text: str) -> None:
    once = defang(safe(text))
    assert defang(once) == once
    assert "http://" not in once


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="no corpus")
def test_terminal_escape_corpus() -> None:
    assert CORPUS is not None
    folder = CORPUS / "terminal_escape"
    payloads: list[object] = [
        item for path in sorted(folder.glob("*.json")) for item in json.loads(path.read_bytes())
    ]
    payloads += [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(payloads) > 600
    for payload in payloads:
        assert forbidden(safe(payload)) == []
        shown = safe_lines(payload)
        assert forbidden(shown, "\n") == []
        assert not any(unicodedata.category(char) == "Cc" for char in shown.replace("\n", ""))


@pytest.mark.parametrize("text", ["a" * 1_000_000, "a." * 500_000, "-" * 1_000_000, "e\u0301" * 500_000])
def test_a_megabyte_without_a_break_takes_no_longer_than_its_length(text: str) -> None:
    assert len(defang(safe(text))) >= 1_000_000
