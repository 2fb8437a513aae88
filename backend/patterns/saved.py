"""What the miner knows, kept over restarts in one file beside the journal."""

import os
from pathlib import Path

import msgspec

from backend.patterns.findings import State

VERSION = 1
MAX_BYTES = 256 << 20


class _Saved(msgspec.Struct):
    version: int
    state: State


_decode = msgspec.msgpack.Decoder(_Saved).decode


def save(path: Path, state: State) -> None:
    """Write it whole or not at all. Raises `OSError`."""
    data = msgspec.msgpack.encode(_Saved(VERSION, state))
    partial = path.with_suffix(".partial")
    with partial.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)


def restore(path: Path) -> tuple[State | None, str]:
    """What was saved; None where nothing is, or nothing that can be used, then with the reason in words."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None, f"patterns file {path} is larger than any of ours; patterns are learnt anew"
        saved = _decode(path.read_bytes())
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"patterns file {path} can't be read ({error.strerror}); patterns are learnt anew"
    except msgspec.MsgspecError:
        return None, f"patterns file {path} is damaged; patterns are learnt anew"
    if saved.version != VERSION:
        return None, f"patterns file {path} is of another version; patterns are learnt anew"
    return saved.state, ""
