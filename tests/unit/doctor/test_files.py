"""File sources: every way one can be wrong has its own words."""

import gzip
import json
import os
from pathlib import Path

import pytest

from backend.doctor.file import HEAD_BYTES, last_record
from backend.settings import SourceConfig
from tests.support import eve
from tests.support.doctoring import check_source, checks, settings_for, steps

DOOR = {"title": "Door", "severity": "high", "time": "2026-01-02T03:04:05Z"}


async def test_a_good_file_is_read_to_its_last_alert_and_left_alone(tmp_path: Path) -> None:
    path = eve.write(tmp_path / "eve.json", 50, severity=1)
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    found = await check_source(tmp_path, f"file://{path}")
    assert steps(found) == [("address", "ok"), ("settings", "ok"), ("file", "ok"), ("sample", "ok")]
    assert "suricata_eve, High, lane high: TEST Suspicious inbound 9" in found[-1].found
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


async def test_a_missing_file_is_named_with_its_nearest(tmp_path: Path) -> None:
    eve.write(tmp_path / "eve.json", 1)
    found = await check_source(tmp_path, f"file://{tmp_path}/eve.jsn")
    assert steps(found)[-1] == ("file", "failed")
    assert found[-1].found == f"no file {tmp_path}/eve.jsn"
    assert f"did you mean {tmp_path}/eve.json?" in found[-1].mend
    assert "?follow=true" in found[-1].mend


async def test_a_missing_file_that_is_followed_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    found = await check_source(tmp_path, f"file://{tmp_path}/logs/x/eve.json?follow=true")
    assert steps(found)[-1] == ("file", "warn")
    assert found[-1].mend.endswith(f"in {tmp_path}/logs there is no x")


async def test_a_folder_an_empty_file_and_a_pipe(tmp_path: Path) -> None:
    folder = await check_source(tmp_path, f"file://{tmp_path}")
    assert (folder[-1].state, folder[-1].found) == ("failed", f"{tmp_path} is a folder")
    assert "*.json" in folder[-1].mend
    (tmp_path / "empty").touch()
    empty = await check_source(tmp_path, f"file://{tmp_path}/empty?follow=true")
    assert (empty[-1].check, empty[-1].state) == ("sample", "warn")
    assert "no whole record yet" in empty[-1].found
    os.mkfifo(tmp_path / "pipe")
    pipe = await check_source(tmp_path, f"file://{tmp_path}/pipe")
    assert (pipe[-1].state, "can't be read again" in pipe[-1].found) == ("ok", True)


async def test_a_record_that_cant_be_read_says_why_and_a_wrong_format_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_bytes(b'{"event_type":"alert","alert":{"sig\n')
    cut = await check_source(tmp_path, f"file://{tmp_path}/cut.json")
    assert (cut[-1].check, cut[-1].state) == ("sample", "failed")
    assert "ends before it is complete" in cut[-1].found
    assert "dead letters" in cut[-1].mend
    fixed = await check_source(tmp_path, f"file://{tmp_path}/cut.json?format=suricata_eve")
    assert fixed[-1].state == "failed"
    assert "fixed to suricata_eve" in fixed[-1].mend


@pytest.mark.parametrize(
    ("document", "state", "found", "mend"),
    [
        (eve.flow(1), "ok", "telemetry, not an alert", ""),
        (DOOR | {"severity": "violet"}, "warn", "'violet'", "severity_map"),
        ({"title": "Door", "severity": "high"}, "warn", "no time of its own", "mapping"),
        (DOOR | {"title": "\x1b]0;x\x07Door"}, "ok", "Door", ""),
    ],
)  # fmt: skip
async def test_what_the_sample_lacks_is_said(
    tmp_path: Path, document: dict[str, object], state: str, found: str, mend: str
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document) + "\n")
    last = (await check_source(tmp_path, f"file://{tmp_path}/a.json"))[-1]
    assert (last.check, last.state) == ("sample", state), last
    assert found in last.found
    assert mend in last.mend
    assert last.found.isprintable()


async def test_a_mapping_of_the_config_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"what":"Door","grade":"violet","at":"2026-01-02T03:04:05Z"}\n')
    config = SourceConfig(
        uri=f"file://{tmp_path}/a.json",
        mapping={"title": "what", "severity": "grade", "time": "at"},
        severity_map={"violet": "Critical"},
    )
    last = (await check_source(tmp_path, config))[-1]
    assert last.state == "ok"
    assert "generic_json, Critical, lane critical: Door" in last.found


async def test_settings_that_cant_be_used_stop_before_anything_is_reached(tmp_path: Path) -> None:
    eve.write(tmp_path / "a.json", 1)
    uri = f"file://{tmp_path}/a.json"
    secret = await check_source(tmp_path, SourceConfig(uri=uri, password_env="NO_SUCH_VARIABLE_HERE"))
    assert steps(secret) == [("address", "ok"), ("settings", "failed")]
    assert secret[-1].found == "environment variable NO_SUCH_VARIABLE_HERE is not set"
    assert secret[-1].mend.startswith("export it")
    mapping = await check_source(
        tmp_path, SourceConfig(uri=uri, mapping={"titel": "x"}, severity_map={"a": "Hihg"})
    )
    assert steps(mapping)[-1] == ("settings", "failed")
    twice = await checks(settings_for(tmp_path, uri, uri))
    assert [(c.check, c.state) for c in twice if c.state == "failed"] == [("address", "failed")]
    assert "twice" in twice[-1].found
    wrong = await check_source(tmp_path, "kafak://h/t")
    assert steps(wrong) == [("address", "failed")]
    assert "did you mean kafka://" in wrong[-1].mend


def test_the_last_record_of_every_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "f"

    def last(data: bytes) -> bytes:
        path.write_bytes(data)
        frame = last_record(path)
        assert frame is not None
        return frame.data

    assert last(b'{"n":1}\n{"n":2}\n{"n":') == b'{"n":2}'  # the last is still being written
    assert last(b'{"n":1}') == b'{"n":1}'
    assert last(b'{\n "n": 1\n}\n{\n "n": 2\n}\n') == b'{\n "n": 2\n}'
    assert last(gzip.compress(b'{"n":1}\n{"n":2}\n')) == b'{"n":2}'
    many = b"".join(b'{"n":%d}\n' % n for n in range(700_000))
    assert len(many) > 2 * HEAD_BYTES
    assert last(many) == b'{"n":699999}'
    rows = b"time,severity,signature\n" + b"".join(b"2026-01-02,high,S%d\n" % n for n in range(400_000))
    assert len(rows) > HEAD_BYTES
    assert last(rows).splitlines() == [b"time,severity,signature", b"2026-01-02,high,S399999"]
    path.write_bytes(b"")
    assert last_record(path) is None
    path.write_bytes(b"[" + b'{"n":1},' * (HEAD_BYTES // 4))
    assert last_record(path) is None
