import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.clock import SystemClock
from backend.sources.file import FileSource
from backend.sources.uri import parse_address
from tests.support.intake import FakeIntake, until


def lines(start: int, count: int) -> bytes:
    return b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 40) for n in range(start, start + count))


def expected(start: int, count: int) -> list[bytes]:
    return lines(start, count).splitlines()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@contextlib.asynccontextmanager
async def following(path: Path, intake: FakeIntake) -> AsyncIterator[FileSource]:
    source = FileSource(
        parse_address(f"file://{path}?follow=true"), clock=SystemClock(), poll_s=0.1, linger_s=0.3
    )
    task = asyncio.create_task(source.run(intake))
    try:
        yield source
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def holds(intake: FakeIntake, wanted: list[bytes]) -> None:
    await until(lambda: len(intake.records) >= len(wanted), 8.0, f"{len(wanted)} records")
    assert intake.data() == wanted
    assert intake.duplicates == 0


async def test_waits_for_the_file_and_for_the_rest_of_a_line(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    async with following(path, intake) as source:
        await until(lambda: "does not exist" in source.status().detail)
        assert source.status().state == "reconnecting"
        path.write_bytes(lines(0, 3) + b'{"half":')
        await holds(intake, expected(0, 3))
        await asyncio.sleep(0.4)
        assert len(intake.records) == 3
        append(path, b"true}\n" + lines(3, 1))
        await holds(intake, [*expected(0, 3), b'{"half":true}', *expected(3, 1)])
        await until(lambda: source.status().caught_up)
        assert source.status().state == "live"


async def test_a_renamed_file_is_finished_before_the_new_one(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 100))
    async with following(path, intake):
        await holds(intake, expected(0, 100))
        writer = path.open("ab")  # the product keeps its file open over the rotation
        path.rename(tmp_path / "eve.json.1")
        path.write_bytes(lines(500, 50))
        await asyncio.sleep(0.15)
        writer.write(lines(100, 20) + b'{"last":1}')  # written late, and without a line end
        writer.close()
        await holds(intake, [*expected(0, 120), b'{"last":1}', *expected(500, 50)])
        append(path, lines(550, 10))
        await holds(intake, [*expected(0, 120), b'{"last":1}', *expected(500, 60)])
    assert len(intake.next_offsets()) == 2


async def test_copied_and_truncated(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 100))
    async with following(path, intake):
        await holds(intake, expected(0, 100))
        for turn in range(1, 4):
            shutil.copy(path, tmp_path / f"eve.json.{turn}")
            path.open("wb").close()
            append(path, lines(turn * 1_000, 30))
            await holds(
                intake, [*expected(0, 100), *(x for t in range(1, turn + 1) for x in expected(t * 1_000, 30))]
            )


async def test_what_was_unread_at_a_truncation_is_read_from_the_copy(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 100))
    async with following(path, intake):
        await holds(intake, expected(0, 100))
        intake.stored.clear()  # the source can't go on reading while this batch is not stored
        append(path, lines(100, 1))
        await until(lambda: len(intake.batches) == 2)
        append(path, lines(101, 400) + b'{"end":1}')
        shutil.copy(path, tmp_path / "eve.json.1")
        path.write_bytes(lines(5_000, 600))  # longer than what was read of the old one
        intake.stored.set()
        await holds(intake, [*expected(0, 501), b'{"end":1}', *expected(5000, 600)])


async def test_truncated_and_written_again_with_the_very_same_lines(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 50))
    async with following(path, intake) as source:
        await holds(intake, expected(0, 50))
        path.open("wb").close()
        await until(lambda: source.status().caught_up)
        await asyncio.sleep(0.3)
        append(path, lines(0, 50))
        await holds(intake, expected(0, 50) * 2)


async def test_removed_and_created_again(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 10) + b'{"cut":1}')
    async with following(path, intake) as source:
        await holds(intake, expected(0, 10))
        path.unlink()
        await holds(intake, [*expected(0, 10), b'{"cut":1}'])
        await until(lambda: "removed" in source.status().detail)
        path.write_bytes(lines(0, 10))  # even the same bytes again are new events
        await holds(intake, [*expected(0, 10), b'{"cut":1}', *expected(0, 10)])


@pytest.mark.parametrize("rename", [True, False])
async def test_a_rotation_while_nobody_read_loses_nothing(tmp_path: Path, rename: bool) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 100))
    async with following(path, intake):
        await holds(intake, expected(0, 100))
    append(path, lines(100, 50))
    if rename:
        path.rename(tmp_path / "eve.json.1")
        path.write_bytes(lines(900, 10))
    else:
        shutil.copy(path, tmp_path / "eve.json.1")
        path.write_bytes(lines(900, 10))
    async with following(path, intake):
        await holds(intake, expected(0, 150) + expected(900, 10))
    async with following(path, intake):
        await asyncio.sleep(0.5)
        await holds(intake, expected(0, 150) + expected(900, 10))


async def test_killed_between_storing_and_going_on_reads_nothing_twice(tmp_path: Path) -> None:
    path, intake = tmp_path / "eve.json", FakeIntake()
    path.write_bytes(lines(0, 5_000))
    for _ in range(4):
        async with following(path, intake):
            await asyncio.sleep(0.1)
        append(path, lines(5_000 + 10 * _, 10))
    async with following(path, intake):
        await holds(intake, expected(0, 5_040))


async def test_a_pattern_takes_new_files_and_knows_a_renamed_one(tmp_path: Path) -> None:
    intake = FakeIntake()
    (tmp_path / "a.json").write_bytes(lines(0, 10))
    async with following(tmp_path / "*.json*", intake):
        await holds(intake, expected(0, 10))
        (tmp_path / "b.json").write_bytes(lines(100, 10))
        await holds(intake, expected(0, 10) + expected(100, 10))
        (tmp_path / "a.json").rename(tmp_path / "a.json.1")
        await asyncio.sleep(0.6)
        await holds(intake, expected(0, 10) + expected(100, 10))
        append(tmp_path / "a.json.1", lines(10, 5))
        await holds(intake, expected(0, 10) + expected(100, 10) + expected(10, 5))
