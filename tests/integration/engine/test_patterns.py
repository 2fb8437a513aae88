"""The raw lane in a whole engine: files of raw events in, alerts with verdicts out, the rest counted."""

from pathlib import Path

import msgspec
import pytest

from backend.engine import Engine, SettingsError
from backend.settings import PatternsConfig
from tests.support.engines import running, settings_for, until
from tests.unit.patterns.building import write_rule


def process(command: str) -> bytes:
    return msgspec.json.encode(
        {
            "Event": {
                "System": {
                    "EventID": 1,
                    "Channel": "Microsoft-Windows-Sysmon/Operational",
                    "Computer": "ws-7",
                },
                "EventData": {"Image": "C:\\x.exe", "CommandLine": command},
            }
        }
    )


def test_a_raw_event_that_matches_a_rule_is_analysed_and_the_others_are_counted(tmp_path: Path) -> None:
    raw = tmp_path / "raw.ndjson"
    raw.write_bytes(b"\n".join([process("notepad"), process("mimikatz"), process("calc")]) + b"\n")
    (tmp_path / "rules").mkdir()
    write_rule(tmp_path / "rules", "CommandLine|contains: mimikatz", title="Credential dumper")
    (tmp_path / "rules" / "broken.yml").write_text("title: Broken\nlogsource: 3\n")
    settings = settings_for(raw, tmp_path / "home")
    settings.patterns = PatternsConfig(sigma=[str(tmp_path / "rules")])
    with running(settings) as engine:
        until(lambda: engine.idle)
        (row,) = engine.snapshot.rows
        assert (row.head.title, row.lane, row.head.format) == ("Credential dumper", "high", "pattern")
        assert row.verdict
        assert engine.snapshot.events_total == 3
        assert any("Broken" in line for line in engine.snapshot.trouble)
        view = engine.snapshot.patterns
        assert (view.rules, view.rules_left_out, view.matches) == (1, 1, 1)
        engine.watch(row.id)
        until(lambda: engine.detail(row.id))
        detail = engine.detail(row.id)
        assert detail is not None
    with running(settings) as engine:  # nothing is read, raised or lost twice
        until(lambda: engine.idle)
        assert len(engine.snapshot.rows) == 1


def test_a_new_pattern_is_an_alert_once_over_two_runs(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"app: reactor {number} is critical\n" for number in range(3)))
    settings = settings_for(log, tmp_path / "home")
    settings.patterns = PatternsConfig(learn_minutes=0, learn_lines=0)
    with running(settings) as engine:
        until(lambda: engine.idle and engine.snapshot.rows)
        (row,) = engine.snapshot.rows
        assert row.lane == "low"
        assert row.head.title.startswith("New log pattern: app reactor")
    with log.open("a") as more:
        more.write("".join(f"app: reactor {number} is critical\n" for number in range(3, 9)))
    with running(settings) as engine:
        until(lambda: engine.idle and engine.snapshot.events_total == 6)
        assert len(engine.snapshot.rows) == 1
        assert engine.snapshot.patterns.templates == 1


def test_rules_that_are_not_there_are_an_error_that_names_them(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "none", tmp_path / "home")
    settings.patterns = PatternsConfig(sigma=[str(tmp_path / "absent")])
    with pytest.raises(SettingsError, match=r"absent.*name one that exists"):
        Engine(settings)
