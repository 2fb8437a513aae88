import csv
import gzip
import io
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import eve
from tests.support.contract import read_records
from tests.support.watchfloor import COMMAND, environment, run, start, text_of, wait_for

BAD = b'{"event_type":"alert","alert":{"signature":"cut of'


def test_every_alert_of_a_mixed_file_has_a_record_in_the_contracts_shape(tmp_path: Path) -> None:
    document = eve.lines(eve.alert(n, severity=1 + n % 3) for n in range(40))
    document += eve.lines(eve.flow(n) for n in range(5)) + BAD + b"\n"
    (tmp_path / "mixed.json").write_bytes(document)
    result = run(tmp_path / "home", "triage", str(tmp_path / "mixed.json"))
    assert result.returncode == 1  # a record was dead-lettered
    records = read_records(result.stdout.decode())
    assert len({record.alert.uid for record in records}) == 40
    assert {record.lane for record in records} == {"high", "medium", "low"}
    first = next(r for r in records if r.alert.title == "TEST Suspicious inbound 0")
    assert (first.alert.format, first.alert.severity) == ("suricata_eve", "High")
    assert first.alert.src_endpoint is not None
    assert (first.alert.src_endpoint.ip, first.alert.src_endpoint.port) == ("203.0.113.0", 1024)
    assert (first.analysed_by.kind, first.sla.met, first.sla.deadline is not None) == ("playbook", True, True)
    assert first.evidence[0].kind == "alert"
    said = text_of(result)
    assert said[-1] == "40 alerts, 5 events that no product called an alert, 1 dead letter"
    assert [line for line in said if line.startswith("dead letter: ")]


def test_an_array_from_standard_input_and_gzip_are_read_alike(tmp_path: Path) -> None:
    array = json.dumps([eve.alert(n) for n in range(7)]).encode()
    piped = run(tmp_path / "home", "triage", "-", stdin=array)
    assert (piped.returncode, len(read_records(piped.stdout.decode()))) == (0, 7)
    zipped = run(tmp_path / "home", "triage", "-", stdin=gzip.compress(array))
    (tmp_path / "alerts.json.gz").write_bytes(gzip.compress(array))
    from_file = run(tmp_path / "home", "triage", str(tmp_path / "alerts.json.gz"))
    uids = [
        sorted(r.alert.uid for r in read_records(one.stdout.decode())) for one in (piped, zipped, from_file)
    ]
    assert uids[0] == uids[1] == uids[2]


def test_a_stream_that_is_damaged_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    whole = gzip.compress(eve.lines(eve.alert(n) for n in range(200)))
    result = run(tmp_path / "home", "triage", "-", stdin=whole[: len(whole) // 2])
    assert result.returncode == 1
    assert 0 < len(read_records(result.stdout.decode())) < 200
    assert any("gzip ends early" in line for line in text_of(result))


def test_nothing_in_is_nothing_out(tmp_path: Path) -> None:
    result = run(tmp_path / "home", "triage", "-", stdin=b"\n \n")
    assert (result.returncode, result.stdout) == (0, b"")
    assert text_of(result) == ["0 alerts, 0 events that no product called an alert, 0 dead letters"]


def test_rubbish_is_accounted_for_and_does_not_reach_the_terminal(tmp_path: Path) -> None:
    result = run(tmp_path / "home", "triage", "-", stdin=b"\x1b]0;title\x07\x00\xff rubbish\n")
    counts = [int(word) for word in text_of(result)[-1].split() if word.isdigit()]
    assert sum(counts) == 1
    assert result.returncode == counts[2]  # 1 where it is a dead letter
    assert b"\x1b" not in result.stdout + result.stderr


def test_a_name_with_strange_characters_is_read_as_it_stands(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "a b?c#d%20:é.json", 2)
    result = run(tmp_path / "home", "triage", str(path))
    assert (result.returncode, len(read_records(result.stdout.decode()))) == (0, 2)


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "many.json", 3_000)
    process = start(tmp_path / "home", "triage", str(path))
    assert process.stdout is not None
    assert process.stderr is not None
    read_records(process.stdout.readline().decode())
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_is_one_line_and_status_1(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "few.json", 3)
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [*COMMAND, "triage", str(path)],
            stdout=full, stderr=subprocess.PIPE, env=environment(tmp_path), cwd=tmp_path, check=False,
        )  # fmt: skip
    assert (result.returncode, result.stderr) == (1, b"watchfloor: No space left on device\n")


def test_sigterm_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "triage", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(tmp_path) | {"TMPDIR": str(temporary)}, cwd=tmp_path,
    )  # fmt: skip
    wait_for(lambda: any(temporary.glob("watchfloor-*/journal.db")), "the journal")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 130
    assert process.stdin is not None
    process.stdin.close()
    assert not list(temporary.iterdir())


def test_a_table_and_markdown_are_for_people(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "few.json", 3)
    table = run(tmp_path / "home", "triage", str(path), "--output", "table").stdout.decode().splitlines()
    assert (len(table), table[0].split()[0]) == (4, "LANE")
    markdown = run(tmp_path / "home", "triage", str(path), "--output", "markdown").stdout.decode()
    assert markdown.count("\n## ") + markdown.startswith("## ") == 3
    assert "**Evidence.**" in markdown


def test_the_playbook_needs_no_vendor_and_no_screen(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "few.json", 3)
    code = (
        "import sys\nfrom console.cli import main\n"
        f"try: main(['triage', {str(path)!r}])\n"
        "except SystemExit as end: print(end.code, sorted({'anthropic', 'openai', 'ollama', 'httpx',"
        " 'httpx2', 'aiokafka', 'redis', 'textual', 'genai_prices'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [COMMAND[0], "-c", code],
        capture_output=True, env=environment(tmp_path), cwd=tmp_path, check=False, timeout=60,
    )  # fmt: skip
    assert text_of(result)[-1] == "0 []"


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a worker has stored eleven alerts, one of them a formula, and one dead letter."""
    home = tmp_path_factory.mktemp("worked")
    formula = eve.alert(10, alert={"signature": "=1+1", "severity": 1})
    (home / "in.json").write_bytes(eve.lines([*(eve.alert(n) for n in range(10)), formula]) + BAD + b"\n")
    result = run(home, "worker", "--source", f"file://{home}/in.json", "--until-idle")
    assert result.returncode == 1  # the letter
    assert "11 alerts stored" in text_of(result)[-1]
    return home


def test_export_gives_what_a_worker_stored(worked: Path) -> None:
    exported = run(worked, "export")
    records = read_records(exported.stdout.decode())
    assert (exported.returncode, len(records), exported.stderr) == (0, 11, b"")
    table = list(csv.DictReader(io.StringIO(run(worked, "export", "--output", "csv").stdout.decode())))
    assert [row["uid"] for row in table] == [r.alert.uid for r in records]
    assert table[-1]["title"] == "'=1+1"


def test_export_lists_dead_letters_whole(worked: Path) -> None:
    (letter,) = map(json.loads, run(worked, "export", "--dead-letters").stdout.splitlines())
    assert (letter["raw"], letter["source"]) == (BAD.decode(), f"file://{worked}/in.json")
    assert letter["reason"]


def test_export_since_a_time(worked: Path) -> None:
    assert len(run(worked, "export", "--since", "1h").stdout.splitlines()) == 11
    assert run(worked, "export", "--since", "2999-01-01").stdout == b""


def test_a_worker_that_reads_the_same_file_again_stores_nothing_twice(worked: Path) -> None:
    run(worked, "worker", "--source", f"file://{worked}/in.json", "--until-idle")
    assert len(run(worked, "export").stdout.splitlines()) == 11


def test_a_damaged_journal_is_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "journal.db").write_bytes(b"SQLite format 3\x00" + b"\x07" * 4096)
    for command in (["export"], ["worker", "--source", "-"]):
        result = run(home, *command)
        assert (result.returncode, len(text_of(result))) == (2, 1)
        assert "journal" in text_of(result)[0]


def test_replay_sends_a_file_into_another(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "in.json", 25)
    result = run(tmp_path / "home", "replay", str(path), "--to", f"file://{tmp_path}/out.json")
    assert (result.returncode, text_of(result)) == (0, ["25 records sent and confirmed"])
    assert (tmp_path / "out.json").read_bytes() == path.read_bytes()
