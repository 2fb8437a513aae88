"""What can be said of a folder without writing into it."""

import os
import shutil
from pathlib import Path

LITTLE_BYTES = 1_000_000_000
FULL_BYTES = 50_000_000


def nearest_folder(path: Path) -> Path:
    """`path` if it exists, else the nearest of its parents that does. Blocks."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def trouble_with(folder: Path) -> str:
    """Why nothing can be made in a folder that is there; empty where it can. Blocks."""
    if not folder.is_dir():
        return f"{folder} is no folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} can't be written to"
    return ""


def free_bytes(folder: Path) -> int:
    """Space left for this user. Blocks. Raises `OSError`."""
    return shutil.disk_usage(folder).free


def amount(size: float) -> str:
    """Bytes as people say them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
