"""What the whole tree must keep: lint, format, types, import rules, small modules, no stray names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("backend", "widgets", "console", "themes")
MAX_LINES = 400


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_ruff_finds_nothing() -> None:
    run(tool("ruff"), "check", "--no-cache", ".")


def test_everything_is_formatted() -> None:
    run(tool("ruff"), "format", "--no-cache", "--check", ".")


@pytest.mark.timeout(400)
def test_types_hold() -> None:
    run(tool("mypy"))


def test_import_rules_hold() -> None:
    run(tool("lint-imports"), "--no-cache")


def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    return [path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob(pattern)]


def test_modules_are_small() -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in tracked("*.py")}
    assert sizes
    assert {str(path): lines for path, lines in sizes.items() if lines > MAX_LINES} == {}


def test_top_level_is_as_agreed() -> None:
    shown = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    wanted = {"pyproject.toml", "console", "widgets", "backend", "themes", "tests"}
    wanted |= {"README.md", "LICENSE", "SECURITY.md"}
    built = {"uv.lock", "docs", "dist", "snapshot_report.html"}
    assert wanted <= shown
    assert shown - wanted - built == set()


def test_no_lock_file_and_no_path_of_a_machine_is_tracked() -> None:
    names = {path.name for path in tracked("*")} - {"uv.lock"}
    assert not names & {"poetry.lock", "pdm.lock", "package-lock.json"}
    assert "uv.lock" in (ROOT / ".gitignore").read_text("utf-8").split()
    machine = re.compile(r"(?:^|[^\w.])/(?:work|farm)/[a-z.]")
    offenders = [
        str(path.relative_to(ROOT))
        for path in tracked("*.py")
        if path != Path(__file__) and machine.search(path.read_text("utf-8"))
    ]
    assert offenders == []


def test_tcss_uses_theme_variables_only() -> None:
    sheets = tracked("*.tcss")
    assert sheets
    for sheet in sheets:
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=\s*[;}])", text), f"{sheet.name}: a colour by its number"
        assert not re.search(r"^\s*\*\s*\{", text, re.MULTILINE), f"{sheet.name}: a bare *"
