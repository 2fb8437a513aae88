import json
from pathlib import Path

import msgspec
import pytest

from backend.alerts.text import safe
from backend.engine import Check
from console.cli import main
from console.doctor import check_lines
from tests.support import eve
from tests.support.ports import free_port
from tests.support.watchfloor import run, text_of


def table(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_all_well_is_status_0_and_every_check_one_aligned_line(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "eve.json", 3)
    result = run(tmp_path / "home", "doctor", "--source", str(path))
    lines = table(result.stdout.decode())
    assert (result.returncode, text_of(result)) == (0, [])
    assert lines[0] == "config"
    assert f"source {path}" in lines
    marked = [line for line in lines if line.startswith("  ")]
    assert all(line[2] == "✓" and line[15] == " " and line[16] != " " for line in marked), lines
    assert any("suricata_eve, Medium, lane medium: TEST" in line for line in marked)
    assert lines[-1].endswith("none failed")


def test_a_failure_is_status_1_and_says_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    result = run(tmp_path / "home", "doctor", "--source", f"kafka://127.0.0.1:{port}/alerts")
    lines = table(result.stdout.decode())
    assert (result.returncode, text_of(result)) == (1, [])
    failed = next(n for n, line in enumerate(lines) if line.startswith("  ✗ TCP"))
    assert f"nothing listens at 127.0.0.1:{port}" in lines[failed]
    assert lines[failed + 1].strip().startswith("→ start the server")
    assert lines[-1].endswith("1 failed")


def test_json_is_one_object_a_check(tmp_path: Path) -> None:
    config = tmp_path / "w.toml"
    config.write_text(f'[[sources]]\nuri = "file://{tmp_path}/none.json"\n')
    result = run(tmp_path / "home", "doctor", "--json", "--config", str(config))
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert {tuple(check) for check in found} == {("subject", "check", "state", "found", "mend")}
    assert found[0]["found"] == f"{config}: 1 source, 0 models, 0 sinks"
    assert [(c["check"], c["state"]) for c in found if c["subject"].startswith("source")] == [
        ("address", "ok"),
        ("settings", "ok"),
        ("file", "failed"),
    ]
    assert all(check["mend"] for check in found if check["state"] == "failed")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_config_that_cant_be_used_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    config = tmp_path / "w.toml"
    config.write_text('[[sources]]\nurl = "demo:"\n')
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--config", str(config), *(["--json"] if as_json else [])])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert len(captured.err.splitlines()) == 1
    assert "did you mean 'uri'?" in captured.err
    if as_json:
        check = msgspec.json.decode(captured.out, type=dict[str, str])
        assert (check["subject"], check["state"]) == ("config", "failed")
        assert "unknown key 'url'" in check["found"]
    else:
        assert captured.out == ""


def test_on_a_terminal_long_words_are_wrapped_under_their_column() -> None:
    check = Check(safe("source x"), "sample", "warn", safe("word " * 40), safe("mend " * 40))
    lines = list(check_lines(check, 60, colour=True))
    assert lines[0].startswith("  \x1b[33m!\x1b[0m sample      word")
    plain = [line.replace("\x1b[33m", "").replace("\x1b[0m", "") for line in lines]
    assert all(len(line) <= 60 for line in plain)
    assert all(line.startswith(" " * 15) for line in plain[1:])
    assert list(check_lines(check, None, colour=False))[1].count("mend") == 40
