"""Tolerant getters: lists for scalars, strings for numbers, dots in keys."""

import pytest

from backend.alerts import severity
from backend.alerts.details import hash_kind, pair_attacks, techniques_in
from backend.alerts.fields import dig, endpoint, integer, is_placeholder, mapping, port, stable_uid, text
from backend.alerts.model import Attack
from backend.alerts.text import SafeText


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        ("5cat=anomaly", 5),
        (" -3", -3),
        ([None, 7], 7),
        (2.9, 2),
        (None, 0),
        ("x", 0),
        (True, 0),
    ],
)
def test_integer(value: object, number: int) -> None:
    assert integer(value) == number


def test_port_is_a_port_or_nothing() -> None:
    assert [port(value) for value in (443, "443", 0, -1, 65536, 10**30, None, [80])] == [
        443,
        443,
        0,
        0,
        0,
        0,
        0,
        80,
    ]


def test_text_takes_the_first_of_a_list_and_no_objects() -> None:
    assert text(["a", "b"]) == "a"
    assert text([None, 3]) == "3"
    assert text({"a": 1}) == text(None) == text([]) == ""


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ({"a": {"b": {"c": 1}}}, "a.b.c", 1),
        ({"a.b.c": 1}, "a.b.c", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {"b.c": 1}}, "a.b.c", 1),
        ({"a": [{"b": 1}, {"b": 2}]}, "a.b", 1),
        ({"a": {}, "a.b": {"c": 2}}, "a.b.c", 2),
        ({"a": "text"}, "a.b", None),
        ([], "a", None),
    ],
)
def test_dig(document: object, path: str, value: object) -> None:
    assert dig(document, path) == value


def test_mapping_is_always_an_object() -> None:
    assert mapping([1, {"a": 1}]) == {"a": 1}
    assert mapping("x") == mapping(None) == {}


@pytest.mark.parametrize(
    ("address", "number", "expected"),
    [
        ("10.0.0.1", 5, ("10.0.0.1", 5)),
        ("192.168.10.122:80", None, ("192.168.10.122", 80)),
        ("[2001:db8::1]:443", None, ("2001:db8::1", 443)),
        ("2001:db8::1", None, ("2001:db8::1", 0)),
        (["10.0.0.1", "10.0.0.2"], "9", ("10.0.0.1", 9)),
        (None, None, ("", 0)),
    ],
)
def test_endpoint(address: object, number: object, expected: tuple[str, int]) -> None:
    assert endpoint(address, number) == expected


@pytest.mark.parametrize(
    "value", ["", " ", "<finding_uid>", "{timestamp}", "XXXXXXXXXX.XXXXXX", "null", "N/A", "-", "0"]
)
def test_placeholders(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["a1", "1234", "arn:aws:x", "f-<1>", "prowler-{x}-1"])
def test_ids_are_no_placeholders(value: str) -> None:
    assert not is_placeholder(value)


def test_uids_are_stable_and_tell_fields_apart() -> None:
    assert stable_uid("a", 1, None) == stable_uid("a", 1, None) == "2e62af1e126c050a3305ca52c162b6e9"
    assert stable_uid("ab", "c") != stable_uid("a", "bc")
    assert len(stable_uid("\ud800")) == 32


@pytest.mark.parametrize(
    ("word", "level"),
    [
        *(
            ("CRITICAL ", 5),
            ("high", 4),
            ("Medium", 3),
            ("warning", 3),
            ("low", 2),
            ("INFO", 1),
            ("Very-High", 5),
        ),
        *(("fatal", 6), ("odd", 0), ("", 0), (None, 0), (10, 0), (-1, 0), ("10", 0), ({}, 0), ("x" * 100, 0)),
    ],
)
def test_severity_words_and_unknown_is_never_low(word: object, level: int) -> None:
    assert severity.from_word(word) == level


def test_of_several_severities_the_highest_counts() -> None:
    assert severity.highest(["low", "HIGH", None], severity.from_word) == 4
    assert severity.highest([], severity.from_word) == 0


def test_attack_ids_out_of_any_text() -> None:
    assert techniques_in(
        ["TA0043-T1595", "System Binary Proxy Execution (T1218)", "T1059.001", "T15955"]
    ) == [
        *("T1595", "T1218", "T1059.001"),
    ]


@pytest.mark.parametrize(
    ("techniques", "tactics", "pairs"),
    [
        (["T1"], ["TA1"], [("T1", "TA1")]),
        (["T1", "T2"], ["TA1", "TA2"], [("T1", "TA1"), ("T2", "TA2")]),
        (["T1", "T2"], ["TA1"], [("T1", "TA1"), ("T2", "TA1")]),
        (["T1"], ["TA1", "TA2"], [("T1", ""), ("", "TA1"), ("", "TA2")]),
        ([], ["TA1"], [("", "TA1")]),
        ([], [], []),
    ],
)
def test_pairing_techniques_and_tactics(
    techniques: list[str], tactics: list[str], pairs: list[tuple[str, str]]
) -> None:
    wanted = tuple(Attack(SafeText(technique), SafeText(tactic)) for technique, tactic in pairs)
    assert pair_attacks(techniques, tactics) == wanted


@pytest.mark.parametrize(("length", "kind"), [(32, "md5"), (40, "sha1"), (64, "sha256"), (33, ""), (0, "")])
def test_hash_kind_by_length(length: int, kind: str) -> None:
    assert hash_kind("aB" * (length // 2) + "1" * (length % 2)) == kind
    assert hash_kind("g" * length) == ""
