"""A file with a header, read on from its middle: every row keeps the header's column names."""

from pathlib import Path

import pytest

from backend.sources.oneshot import WholeFile
from backend.sources.tail import Tail

HEADER = (
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tnotice\n"
    b"#fields\tts\tnote\tmsg\tsrc\n#types\ttime\tenum\tstring\taddr\n"
)
ROWS = [f"152191172{n}.0\tScan::Port_Scan\trow {n}\t10.0.0.{n}\n".encode() for n in range(4)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "notice.log"
    path.write_bytes(HEADER + b"".join(ROWS))
    return path


def test_one_shot_reading_goes_on_with_the_header(log: Path) -> None:
    whole = WholeFile(log)
    frames = [frame for some in whole.frames(len(HEADER) + len(ROWS[0])) for frame in some]
    whole.close()
    assert [b"row 1" in f.data for f in frames] == [True, False, False]
    assert all(b"#fields\tts\tnote" in frame.data for frame in frames)


def test_following_goes_on_with_the_header(log: Path) -> None:
    tail = Tail(log)
    assert tail.open() is not None
    tail.start(len(HEADER) + len(ROWS[0]) + len(ROWS[1]))
    frames = tail.read().frames
    tail.close()
    assert [b"row 2" in f.data for f in frames] == [True, False]
    assert all(b"#fields\tts\tnote" in frame.data for frame in frames)
