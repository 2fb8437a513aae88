"""What rules say of events: every modifier, and how values are held against fields."""

import base64
from pathlib import Path

import pytest

from backend.patterns.likely import FEW, Likely
from tests.unit.patterns.building import event, loaded, only_rule

CASES: list[tuple[str, object, bool]] = [
    ("Image: 'C:\\\\Windows\\\\cmd.exe'", {"image": "c:\\windows\\CMD.EXE"}, True),
    ("Image: 'cmd.exe'", {"Image": "xcmd.exe"}, False),
    ("Image: '*\\\\cmd.exe'", {"Image": "C:\\cmd.exe"}, True),
    ("Image: 'a?c'", {"Image": "abc"}, True),
    ("Image: 'a?c'", {"Image": "abbc"}, False),
    ("Image: 'a*c*e'", {"Image": "a b\nc d e"}, True),
    ("Image: 'a\\*c'", {"Image": "a*c"}, True),
    ("Image: 'a\\*c'", {"Image": "abc"}, False),
    ("Image: '*'", {"Image": "x"}, True),
    ("Image: '*'", {"Other": "x"}, False),
    ("Image: ''", {"Image": ""}, True),
    ("Image: ''", {"Image": "x"}, False),
    ("Image: ['a', 'b']", {"Image": "B"}, True),
    ("Image: ['a', 'b']", {"Image": "c"}, False),
    ("Image: null", {"Image": None}, True),
    ("Image: null", {"Other": 1}, True),
    ("Image: null", {"Image": "x"}, False),
    ("C|contains: 'Bad'", {"C": "very bad thing"}, True),
    ("C|contains: 'a.d'", {"C": "abd"}, False),
    ("C|startswith: '/tmp'", {"C": "/TMP/x"}, True),
    ("C|startswith: '/tmp'", {"C": "x/tmp"}, False),
    ("C|endswith: ['.ps1', '.vbs']", {"C": "a.VBS"}, True),
    ("C|endswith: '.vbs'", {"C": "a.vbs "}, False),
    ("C|contains|all: ['one', 'two']", {"C": "two and one"}, True),
    ("C|contains|all: ['one', 'two']", {"C": "one"}, False),
    ("C|cased: 'Abc'", {"C": "Abc"}, True),
    ("C|cased: 'Abc'", {"C": "abc"}, False),
    ("C|contains|cased: 'Abc'", {"C": "xAbc"}, True),
    ("C|re: '^a[0-9]+$'", {"C": "a12"}, True),
    ("C|re: '^a[0-9]+$'", {"C": "A12"}, False),
    ("C|re|i: '^a[0-9]+$'", {"C": "A12"}, True),
    ("C|re|s: 'a.b'", {"C": "a\nb"}, True),
    ("C|re: 'a.b'", {"C": "a\nb"}, False),
    ("C|re|m: '^b'", {"C": "a\nb"}, True),
    ("Ip|cidr: '10.0.0.0/8'", {"Ip": "10.9.8.7"}, True),
    ("Ip|cidr: '10.0.0.0/8'", {"Ip": "::ffff:10.9.8.7"}, True),
    ("Ip|cidr: '10.0.0.0/8'", {"Ip": "11.0.0.1"}, False),
    ("Ip|cidr: '10.0.0.0/8'", {"Ip": "ten"}, False),
    ("Ip|cidr: ['fc00::/7', '192.168.0.0/16']", {"Ip": "fd00::1"}, True),
    ("C|base64|contains: 'foobar'", {"C": "x" + base64.b64encode(b"foobar").decode()}, True),
    ("C|base64offset|contains: 'secret'", {"C": base64.b64encode(b"x secret y").decode()}, True),
    ("C|base64offset|contains: 'secret'", {"C": base64.b64encode(b"a secret y!").decode()}, True),
    ("C|base64offset|contains: 'secret'", {"C": base64.b64encode(b"nothing").decode()}, False),
    (
        "C|wide|base64offset|contains: 'whoami'",
        {"C": base64.b64encode("a whoami".encode("utf-16-le")).decode()},
        True,
    ),
    ("C|windash|contains: ' -urlcache '", {"C": "certutil /urlcache x"}, True),
    ("C|windash|contains: ' -urlcache '", {"C": "certutil \u2013urlcache x"}, True),
    ("C|windash|contains|all: [' -a ', ' -b ']", {"C": "x /b -a y "}, True),
    ("C|windash|contains|all: [' -a ', ' -b ']", {"C": "x /b y "}, False),
    ("Id: 4624", {"Id": "4624"}, True),
    ("Id: 4624", {"Id": 4624}, True),
    ("Id: 4624", {"Id": 4625}, False),
    ("Id: 31", {"Id": "0x1F"}, True),
    ("Id: 1", {"Id": True}, False),
    ("Id|gt: 10", {"Id": 11}, True),
    ("Id|gt: 10", {"Id": "10"}, False),
    ("Id|gte: 10", {"Id": "10"}, True),
    ("Id|lt: 10", {"Id": -1.5}, True),
    ("Id|lte: 10", {"Id": "text"}, False),
    ("Ok: true", {"Ok": True}, True),
    ("Ok: true", {"Ok": "TRUE"}, True),
    ("Ok: false", {"Ok": True}, False),
    ("C|exists: true", {"C": None}, True),
    ("C|exists: true", {"D": 1}, False),
    ("C|exists: false", {"D": 1}, True),
    ("A|fieldref: B", {"A": "Root", "b": "root"}, True),
    ("A|fieldref: B", {"A": "root", "B": "user"}, False),
    ("A|fieldref: B", {"A": "root"}, False),
    ("A|fieldref|endswith: B", {"A": "domain\\user", "B": "user"}, True),
    ("A|neq: 'x'", {"A": "y"}, True),
    ("A|neq: 'x'", {"A": "x"}, False),
    ("When|hour: 3", {"When": "2026-01-02T03:04:05Z"}, True),
    ("When|hour: 4", {"When": "2026-01-02T03:04:05Z"}, False),
    ("When|year: 2026", {"When": "2026-01-02T03:04:05Z"}, True),
    ("a.b.c: 'x'", {"a": {"b": {"c": "X"}}}, True),
    ("a.b: 'x'", {"a": [{"b": "y"}, {"b": "x"}]}, True),
    ("a: 'x'", {"a": ["y", "x"]}, True),
    ("a: 'x'", {"a": ["y", "z"]}, False),
    ("user: root", "sudo: user=root command=ls", True),
    ("user: root", 'app: user="root" x', True),
    ("user: root", "sudo: nothing here", False),
    ("program: sshd", "Jan  2 03:04:05 host sshd[12]: hello", True),
]


@pytest.mark.parametrize(("detection", "fields", "expected"), CASES)
def test_a_value_is_held_against_a_field(
    tmp_path: Path, detection: str, fields: dict[str, object] | str, expected: bool
) -> None:
    rule = only_rule(tmp_path, detection)
    assert rule.match(event(fields)) is expected
    others = [only_rule(tmp_path, f"Z: 'needed {number}'") for number in range(FEW)]
    likely = Likely([rule, *others])(event(fields))
    assert expected is False or likely == [rule]


KEYWORDS = """  keywords:
    - 'Segmentation Fault'
    - 'exploit*payload'
  condition: keywords"""


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("kernel: segmentation fault at 0", True),
        ("EXPLOIT with a Payload", True),
        ("nothing", False),
        ({"deep": {"note": "a Segmentation fault"}}, True),
        ({"deep": {"note": "none"}}, False),
    ],
)
def test_keywords_are_looked_for_in_all_an_event_says(
    tmp_path: Path, what: dict[str, object] | str, expected: bool
) -> None:
    assert only_rule(tmp_path, KEYWORDS).match(event(what)) is expected


ALL_KEYWORDS = """  keywords:
    '|all':
      - 'one'
      - 'two'
  condition: keywords"""
LOGIC = """  sel_a:
    A: '1'
  sel_b:
    B: '2'
  filter_main_c:
    C: '3'
  condition: 1 of sel_* and not 1 of filter_main_*"""
NESTED = """  sel:
    - A: 1
      B: 2
    - C: 3
  other:
    D: 4
  condition: not (sel and other) and all of them or sel and not other"""


@pytest.mark.parametrize(
    ("body", "fields", "expected"),
    [
        (ALL_KEYWORDS, "two then one", True),
        (ALL_KEYWORDS, "only two", False),
        (LOGIC, {"A": 1}, True),
        (LOGIC, {"B": 2}, True),
        (LOGIC, {"A": 1, "C": 3}, False),
        (LOGIC, {"C": 3}, False),
        (NESTED, {"A": 1, "B": 2}, True),
        (NESTED, {"A": 1}, False),
        (NESTED, {"C": 3}, True),
        (NESTED, {"C": 3, "D": 4}, False),
    ],
)
def test_conditions(tmp_path: Path, body: str, fields: dict[str, object] | str, expected: bool) -> None:
    assert only_rule(tmp_path, body).match(event(fields)) is expected


def test_evidence_names_what_matched_and_not_what_was_absent(tmp_path: Path) -> None:
    rule = only_rule(tmp_path, LOGIC)
    assert rule.evidence(event({"A": 1, "D": "x"})) == {"A": "1"}


@pytest.mark.parametrize(
    ("detection", "says"),
    [
        ("A|expand: '%admins%'", "placeholder"),
        ("A|re: '(?<=x)y'", "invalid"),
        ("A|nosuch: 'x'", "nosuch"),
        ("A|cidr: '10.0.0.0/99'", "CIDR"),
    ],
)
def test_what_can_not_be_told_from_an_event_is_said(tmp_path: Path, detection: str, says: str) -> None:
    found = loaded(tmp_path, detection)
    assert found.rules == ()
    (problem,) = found.problems
    assert says in str(problem)
    assert "A rule" in str(problem)
    assert "\n" not in str(problem)
