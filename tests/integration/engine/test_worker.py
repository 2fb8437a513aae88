import contextlib
import signal
import sqlite3
import time
from pathlib import Path

from tests.support import eve
from tests.support.contract import read_records
from tests.support.watchfloor import run, start, text_of, wait_for

MANY = 5_000


def verdicts(home: Path) -> int:
    """Counted in the journal itself: `export` takes longer than the worker does."""
    path = home / "journal.db"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        try:
            count: int = journal.execute("select count(*) from verdicts").fetchone()[0]
        except sqlite3.OperationalError:  # its tables are being made
            return 0
    return count


def test_kill_9_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = eve.write(tmp_path / "in.json", MANY)
    source = ("worker", "--source", f"file://{path}", "--until-idle")
    for _ in range(2):
        worker = start(home, *source)
        before = verdicts(home)
        wait_for(lambda had=before: verdicts(home) > had + 20, "it is at work")  # type: ignore[misc]  # a default
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=30)
        assert worker.returncode == -signal.SIGKILL
    assert 0 < verdicts(home) < MANY
    result = run(home, *source, timeout_s=110)
    assert result.returncode == 0, result.stderr
    exported = run(home, "export")
    records = read_records(exported.stdout.decode())
    assert len(records) == MANY
    assert len({record.alert.uid for record in records}) == MANY
    assert exported.stderr == b""


def test_a_following_worker_reads_what_is_appended_and_ends_in_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = eve.write(tmp_path / "in.json", 3)
    worker = start(home, "worker", "--source", f"file://{path}?follow=true")
    wait_for(lambda: (home / "journal.db").exists() and verdicts(home) == 3, "the first three")
    with path.open("ab") as handle:
        handle.write(eve.lines(eve.alert(n) for n in range(3, 8)))
    wait_for(lambda: verdicts(home) == 8, "those appended")
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert worker.returncode == 0
    assert b"8 alerts stored" in said


def test_sigterm_under_load_ends_in_time_and_the_rest_is_done_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = eve.write(tmp_path / "in.json", 600)
    worker = start(home, "worker", "--source", f"file://{path}")
    wait_for(lambda: (home / "journal.db").exists() and verdicts(home) > 5, "it is at work")
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert worker.returncode == 0
    run(home, "worker", "--source", f"file://{path}", "--until-idle")
    assert verdicts(home) == 600


def test_a_second_worker_on_the_same_home_is_told_in_a_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = eve.write(tmp_path / "in.json", 1)
    first = start(home, "worker", "--source", f"file://{path}?follow=true")
    try:
        wait_for(lambda: (home / "journal.db").exists() and verdicts(home) == 1, "the first works")
        second = run(home, "worker", "--source", f"file://{path}")
        assert (second.returncode, len(text_of(second))) == (2, 1)
        assert f"another watchfloor (process {first.pid})" in text_of(second)[0]
    finally:
        first.terminate()
        first.communicate(timeout=30)


def test_a_worker_without_any_source_that_works_ends_and_says_why(tmp_path: Path) -> None:
    result = run(tmp_path / "home", "worker", "--source", f"file://{tmp_path}/none.json")
    assert (result.returncode, len(text_of(result))) == (2, 1)
    assert "no such file; add ?follow=true" in text_of(result)[0]
