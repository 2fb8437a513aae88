"""The README's words that others rely on."""

import re
from pathlib import Path

from backend.engine import load_settings
from console.bench import BENCHES
from console.bindings import by_id
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


def test_every_benchmark_is_listed() -> None:
    for name in BENCHES:
        assert f"\n| `{name}` |" in README, f"bench {name} is not in the README"


def test_the_configuration_can_be_used_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "watchfloor.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0], "utf-8")
    settings = load_settings(path)
    assert settings.models
    assert settings.ui.keys
    assert set(settings.ui.keys) <= set(by_id())


def test_every_key_of_the_console_stands_there() -> None:
    shown = {"left_square_bracket": "[", "right_square_bracket": "]", "asterisk": "*", "slash": "/"}
    shown |= {"dollar_sign": "$", "question_mark": "?", "colon": ":", "escape": "esc"}
    table = README.partition("## Keys")[2].partition("![")[0]
    quoted = set(re.findall(r"`([^`\s]+)`", table))
    for key in by_id().values():
        names = {shown.get(name, name) for name in key.keys.split(",")}
        severities = names & set("12345")  # written as a range
        assert names & quoted or severities or key.id in ("pane.previous", "app.suspend"), key.id


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
