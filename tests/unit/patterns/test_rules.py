"""Reading rule files: what is usable is used, and what is not is named with its file, rule and reason."""

from pathlib import Path

import pytest

from backend.patterns.logsource import Index
from backend.patterns.rules import RuleError, load
from tests.unit.patterns.building import event, only_rule, write_rule

BROKEN = {
    "yaml.yml": "a: [",
    "empty.yml": "",
    "list.yml": "- 1\n- 2",
    "no_source.yml": "title: No source\ndetection: {s: {a: b}, condition: s}",
    "unnamed.yml": "title: Missing part\nlogsource: {product: x}\ndetection: {s: {a: b}, condition: s and t}",
    "pipe.yml": "title: Old\nlogsource: {product: x}\ndetection: {s: {a: b}, condition: s | count() > 3}",
    "old.yml": "title: Retired\nstatus: deprecated\nlogsource: {product: x}\n"
    "detection: {s: {a: b}, condition: s}",
    "correlation.yml": "title: Many\ncorrelation: {type: event_count, rules: [x], group-by: [a],"
    " timespan: 1h, condition: {gte: 3}}",
}


def test_bad_rules_are_listed_and_left_out_and_good_ones_work(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in BROKEN.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00\x01\x80")
    (tmp_path / "lookahead.yml").write_text(
        "title: Look\nlogsource: {product: x}\ndetection: {s: {'a|re': '(?=x)y'}, condition: s}"
    )
    deep = tmp_path / "deep" / "er"
    deep.mkdir(parents=True)
    write_rule(deep, "A: 1", title="Good")
    write_rule(deep, "A: 2", title="Same id", name="z.yml")
    found = load([str(tmp_path)])
    assert [rule.title for rule in found.rules] == ["Good"]
    told = {Path(problem.path).name: problem for problem in found.problems}
    assert set(told) == {*BROKEN, "binary.yml", "lookahead.yml", "z.yml"}
    assert told["unnamed.yml"].rule == "Missing part"
    assert "'t'" in told["unnamed.yml"].what
    assert "deprecated" in told["old.yml"].what
    assert "id" in told["z.yml"].what
    assert all("\n" not in str(problem) for problem in found.problems)
    assert capfd.readouterr().err == ""  # RE2 would write into the console


def test_several_rules_in_one_file(tmp_path: Path) -> None:
    one = write_rule(tmp_path, "A: 1").read_text()
    two = one.replace("ef001", "ef002").replace("A rule", "Another")
    (tmp_path / "rule.yml").write_text(f"{one}---\n{two}")
    assert [rule.title for rule in load([str(tmp_path / "rule.yml")]).rules] == ["A rule", "Another"]


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_path_without_rules_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    with pytest.raises(RuleError, match=str(path)):
        load([str(path)])


def test_what_a_rule_says_of_itself(tmp_path: Path) -> None:
    path = write_rule(tmp_path, "A: 1")
    path.write_text(
        path.read_text() + "tags: [attack.t1059.001, attack.defense-evasion, cve.2026-1, attack.s0001]\n"
    )
    (rule,) = load([str(path)]).rules
    assert (rule.level, rule.severity_id) == ("high", 4)
    assert (rule.techniques, rule.tactics) == (["T1059.001"], ["TA0005"])
    path.write_text(path.read_text().replace("level: high\n", ""))
    (rule,) = load([str(path)]).rules
    assert (rule.level, rule.severity_id) == ("", 0)


SYSMON_1 = "Microsoft-Windows-Sysmon/Operational 1"
SOURCES = [
    ("product: windows, category: process_creation", "windows_event", SYSMON_1, True),
    ("product: windows, category: process_creation", "windows_event", "Security 4688", True),
    ("product: windows, category: process_creation", "windows_event", "Security 4624", False),
    ("product: windows, category: registry_set", "windows_event", SYSMON_1, False),
    ("product: windows, service: security", "windows_event", "Security 4624", True),
    ("product: windows, service: security", "windows_event", "System 7045", False),
    ("product: windows, service: unheard-of", "windows_event", "System 7045", True),
    ("product: windows", "windows_event", "System 7045", True),
    ("product: windows", "syslog", "sshd", False),
    ("category: process_creation", "windows_event", SYSMON_1, True),
    ("category: process_creation", "syslog", "sshd", False),
    ("product: linux, service: sshd", "syslog", "sshd", True),
    ("product: linux, service: sshd", "plain", "line", True),
    ("product: linux, service: sshd", "windows_event", SYSMON_1, False),
    ("product: linux, category: process_creation", "windows_event", "Linux-Sysmon/Operational 1", True),
    ("product: aws, service: cloudtrail", "cloudtrail", "iam", True),
    ("product: aws, service: cloudtrail", "syslog", "sshd", False),
    ("category: webserver", "plain", "line", True),
    ("category: webserver", "windows_event", SYSMON_1, False),
    ("product: cisco", "syslog", "line", True),
]


@pytest.mark.parametrize(("source", "format_", "kind", "tried"), SOURCES)
def test_a_rule_is_tried_only_on_events_of_its_source(
    tmp_path: Path, source: str, format_: str, kind: str, tried: bool
) -> None:
    index = Index([only_rule(tmp_path, "A: 1", source=source)])
    assert bool(index.rules_for(format_, kind)) is tried


def test_a_new_process_is_one_whichever_log_tells_of_it(tmp_path: Path) -> None:
    rule = only_rule(tmp_path, "{Image|endswith: '\\cmd.exe', ParentImage|endswith: '\\word.exe'}")
    sysmon: dict[str, object] = {
        "Event": {
            "System": {"EventID": 1, "Channel": "x"},
            "EventData": {"Image": "C:\\cmd.exe", "ParentImage": "C:\\word.exe"},
        }
    }
    named = {"NewProcessName": "C:\\cmd.exe", "ParentProcessName": "C:\\word.exe"}
    data = [{"#attributes": {"Name": name}, "#text": value} for name, value in named.items()]
    audit: dict[str, object] = {
        "Event": {"System": {"EventID": {"#text": 4688}, "Channel": "Security"}, "EventData": {"Data": data}}
    }
    elastic: dict[str, object] = {
        "winlog": {"channel": "Security", "event_id": 4688, "event_data": named},
    }
    wazuh: dict[str, object] = {
        "data": {
            "win": {
                "system": {"eventID": "1", "channel": "x"},
                "eventdata": {"image": "C:\\cmd.exe", "parentImage": "C:\\word.exe"},
            }
        }
    }
    flat: dict[str, object] = {"EventID": 4688, "Channel": "Security", **named}
    for told in (sysmon, audit, elastic, wazuh, flat):
        assert rule.match(event(told)), told
