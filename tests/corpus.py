"""Where the shared corpus is, if it is there: tests that use it are skipped without it."""

from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[1] / "../shared/corpus"

CORPUS: Path | None = _BESIDE.resolve() if _BESIDE.is_dir() else None
