"""What an import really brings in, deferred imports included."""

import subprocess
import sys


def loaded_after(code: str) -> set[str]:
    script = (
        f"{code}\nimport sys\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_engine_needs_no_screen_and_no_sdk_before_it_runs() -> None:
    loaded = loaded_after("import backend.engine")
    assert "backend" in loaded
    assert not loaded & {
        "textual",
        "widgets",
        "console",
        "anthropic",
        "openai",
        "ollama",
        "aiokafka",
        "redis",
    }


def test_the_command_line_starts_without_the_screen() -> None:
    loaded = loaded_after("import console.cli")
    assert not loaded & {"textual", "widgets", "anthropic", "openai", "ollama", "aiokafka", "redis"}


def test_widgets_stand_alone() -> None:
    loaded = loaded_after(
        "import importlib, pkgutil, widgets\n"
        "for module in pkgutil.iter_modules(widgets.__path__):\n"
        "    importlib.import_module('widgets.' + module.name)"
    )
    assert "textual" in loaded
    assert not loaded & {"backend", "console"}
