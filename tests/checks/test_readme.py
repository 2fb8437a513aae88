"""The README's words that others rely on."""

import re
from pathlib import Path

from console.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_two_commands_stand_there() -> None:
    assert "uv run watchfloor" in README
    assert "uv run --group test pytest" in README


def test_every_command_is_documented() -> None:
    names = [name for name in app if not name.startswith("-")]
    assert names
    for name in names:
        assert f"watchfloor {name}" in README, f"{name} is not in the README"


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
