import asyncio
import gzip
import os
import threading
from pathlib import Path

import pytest

from backend.clock import SystemClock
from backend.sources.base import SourceError
from backend.sources.file import FileSource
from backend.sources.gunzip import Gunzip, GunzipError
from backend.sources.stdin import StdinSource
from backend.sources.uri import parse_address
from tests.support.intake import FakeIntake, until


def lines(start: int, count: int) -> list[bytes]:
    return [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 40) for n in range(start, start + count)]


def source(path: Path) -> FileSource:
    return FileSource(parse_address(str(path)), clock=SystemClock())


async def test_reads_everything_in_bounded_batches_and_finishes(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    wanted = lines(0, 25_000)
    path.write_bytes(b"\n".join(wanted))  # the last line has no end
    reader = source(path)
    await reader.run(intake)
    assert intake.data() == wanted
    assert max(intake.batches) <= 1_000
    status = reader.status()
    assert (status.state, status.records, status.lag, status.caught_up) == ("finished", 25_000, 0, True)


async def test_goes_on_where_the_journal_stands(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(b"\n".join(lines(0, 500)) + b"\n")
    await source(path).run(intake)
    with path.open("ab") as file:
        file.write(b"\n".join(lines(500, 300)) + b"\n")
    await source(path).run(intake)
    assert intake.data() == lines(0, 800)
    assert intake.duplicates == 0


async def test_a_file_first_seen_short_is_known_again_when_it_has_grown(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(b"\n".join(lines(0, 2)) + b"\n")  # far below what is fingerprinted
    await source(path).run(intake)
    with path.open("ab") as file:
        file.write(b"\n".join(lines(2, 500)) + b"\n")
    await source(path).run(intake)
    assert intake.data() == lines(0, 502)
    assert intake.duplicates == 0


async def test_another_file_at_the_same_path_is_another_partition(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(b"\n".join(lines(0, 100)) + b"\n")
    await source(path).run(intake)
    path.unlink()
    path.write_bytes(b"\n".join(lines(1_000, 200)) + b"\n")
    await source(path).run(intake)
    assert intake.data() == lines(0, 100) + lines(1_000, 200)
    assert len(intake.next_offsets()) == 2


async def test_gzip_is_seen_by_content_and_resumed(tmp_path: Path) -> None:
    path, intake = tmp_path / "alerts.json", FakeIntake()  # no .gz in the name
    whole = b"\n".join(lines(0, 20_000)) + b"\n"
    half = len(whole) // 2
    path.write_bytes(gzip.compress(whole[:half]) + gzip.compress(whole[half:]))  # two members
    await source(path).run(intake)
    assert intake.data() == lines(0, 20_000)
    await source(path).run(intake)
    assert intake.duplicates == 0


async def test_a_cut_gzip_gives_what_it_holds_and_says_so(tmp_path: Path) -> None:
    path, intake = tmp_path / "alerts.json.gz", FakeIntake()
    path.write_bytes(gzip.compress(b"\n".join(lines(0, 5_000)))[:-2_000])
    reader = source(path)
    with pytest.raises(SourceError, match="gzip ends early"):
        await reader.run(intake)
    assert 0 < len(intake.records) < 5_000
    assert intake.data()[:-1] == lines(0, len(intake.records) - 1)
    assert reader.status().state == "failed"


def test_a_gzip_bomb_is_inflated_in_pieces() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)
    assert max(map(len, Gunzip().feed(bomb))) <= 1 << 20
    with pytest.raises(GunzipError):
        list(Gunzip().feed(b"\x1f\x8b\x08\x00rubbish after a good start"))


async def test_patterns_read_every_file_and_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    intake = FakeIntake()
    for name in "abc":
        (tmp_path / f"{name}.json").write_bytes(name.encode() + b"\n")
    (tmp_path / "b.json").chmod(0)
    if os.access(tmp_path / "b.json", os.R_OK):  # root reads everything: damage it instead
        (tmp_path / "b.json").write_bytes(gzip.compress(b"b\n" * 1000)[:-4])
    reader = source(tmp_path / "*.json")
    with pytest.raises(SourceError, match=r"b\.json"):
        await reader.run(intake)
    assert {b"a", b"c"} <= set(intake.data())


async def test_what_is_missing_or_no_file(tmp_path: Path) -> None:
    gone = FileSource(parse_address(f"file://{tmp_path}/none.json"), clock=SystemClock())
    with pytest.raises(SourceError, match="no such file"):
        await gone.run(FakeIntake())
    with pytest.raises(SourceError, match="folder"):
        await source(tmp_path).run(FakeIntake())


async def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path, intake = tmp_path / "pipe", FakeIntake()
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"\n".join(lines(0, 3_000))))
    writer.start()
    await source(path).run(intake)
    await asyncio.to_thread(writer.join)
    assert intake.data() == lines(0, 3_000)


@pytest.mark.parametrize("packed", [False, True])
async def test_standard_input(packed: bool) -> None:
    intake = FakeIntake()
    out, into = os.pipe()
    whole = b"\n".join(lines(0, 4_000))

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(gzip.compress(whole) if packed else whole)

    writer = threading.Thread(target=write)
    writer.start()
    reader = StdinSource(parse_address("-"), clock=SystemClock(), fd=out)
    await reader.run(intake)
    await asyncio.to_thread(writer.join)
    os.close(out)
    assert intake.data() == lines(0, 4_000)
    assert reader.status().state == "finished"


async def test_two_runs_of_standard_input_are_not_mistaken_for_each_other() -> None:
    intake = FakeIntake()
    for _ in range(2):
        out, into = os.pipe()
        os.write(into, b"same\n")
        os.close(into)
        await StdinSource(parse_address("-"), clock=SystemClock(), fd=out).run(intake)
        os.close(out)
    assert intake.data() == [b"same", b"same"]


async def test_waiting_for_standard_input_can_be_cancelled() -> None:
    out, into = os.pipe()
    intake = FakeIntake()
    task = asyncio.create_task(StdinSource(parse_address("-"), clock=SystemClock(), fd=out).run(intake))
    os.write(into, b"one\n")
    await until(lambda: len(intake.records) == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await asyncio.sleep(0.3)  # the reading thread ends by itself
    os.close(into)
    os.close(out)
