"""Dead letters: kept whole, listed, and sent again once what was wrong is mended."""

import json
from pathlib import Path

from tests.support.engines import eve_alert
from tests.support.watchfloor import run


def test_dead_letters_are_listed_and_replayed(tmp_path: Path) -> None:
    torn = eve_alert(1)[:-20]
    source = tmp_path / "eve.ndjson"
    source.write_bytes(eve_alert(0) + b"\n" + torn + b"\n")
    home = tmp_path / "home"
    done = run(home, "worker", "--source", str(source), "--until-idle", "--model", "playbook")
    assert done.returncode == 1
    listed = [json.loads(line) for line in run(home, "export", "--dead-letters").stdout.splitlines()]
    assert [letter["source"] for letter in listed] == [f"file://{source}"]
    assert listed[0]["raw"] == torn.decode()
    target = tmp_path / "again.ndjson"
    sent = run(home, "replay", "--dead-letters", "--to", f"file://{target}")
    assert (sent.returncode, sent.stderr) == (0, b"1 record sent and confirmed\n")
    assert target.read_bytes().startswith(torn + b"\n")


def test_a_file_or_dead_letters_not_both_and_not_neither(tmp_path: Path) -> None:
    for arguments in (["replay", "--to", "-"], ["replay", "x", "--dead-letters", "--to", "-"]):
        done = run(tmp_path, *arguments)
        assert done.returncode == 2
        assert b"--dead-letters" in done.stderr
