"""One MaxMind-format file: opened, looked up in, and opened again when it has changed.

The file is read through a copy of its own. Updates that write over it in place would otherwise change, or cut
off, the very pages that look-ups read, which ends the process (SIGBUS), and the old data would be gone.
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import maxminddb

from backend.alerts.text import safe

SAMPLE = 1_000
"""Networks of a changed file that are read before it is used: damage shows only where one looks."""

Stamp = tuple[int, int, int]
"""What tells one state of a file from another: inode, size, time of change in nanoseconds."""


class Database(Protocol):
    """What is used of an opened file."""

    def get(self, ip_address: str) -> object:
        """The record of an address, None where there is none."""
        ...

    def __iter__(self) -> Iterator[tuple[object, object]]:
        """Every network and its record."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Unusable(Exception):
    """A file that can't be read, or is no database; the message says why, in words."""


class GeoipFile:
    """One database file and how it has fared. `check` may run in a thread, all else belongs to the loop."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind = kind
        """city, country or asn."""
        self.path = path
        self.failures = 0
        """Look-ups that failed in the file as it is open now."""
        self.last_error = ""
        self.refused = ""
        """Why the file as it now is on disk is not used; empty where it is."""
        self._reader: Database | None = None
        self._stamp: Stamp | None = None
        """The state of the file that was looked at last, good or bad."""

    def check(self, *, first: bool = False) -> tuple[Database | None, str] | None:
        """The file anew if it has changed since the last look, or why it can't be used; None if it has not.

        Blocks on the disk. The sample is left out the `first` time, when there is nothing else to use.
        """
        try:
            stat = self.path.stat()
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            return _open(self.path, 0 if first else SAMPLE), ""
        except OSError as error:
            self._stamp = None
            return None, error.strerror or str(error)
        except Unusable as error:
            return None, str(error)

    def use(self, reader: Database | None, refused: str) -> bool:
        """Go on with what `check` found, the new file or the old one; True where it is the new one."""
        self.refused = refused
        if reader is None:
            return False
        self.close()
        self._reader, self.failures, self.last_error = reader, 0, ""
        return True

    def get(self, ip: str) -> dict[str, Any]:
        """The record, empty where there is none or it can't be read."""
        if self._reader is None:
            return {}
        try:
            record = self._reader.get(ip)
        except Exception as error:  # noqa: BLE001 - damage shows as InvalidDatabaseError, Unicode, Value or Type errors
            self.failures += 1
            self.last_error = str(safe(error, 200))
            return {}
        return record if isinstance(record, dict) else {}

    @property
    def problem(self) -> str:
        """What is wrong with it, in one line; empty while nothing is."""
        if self.refused:
            return (
                f"geoip: the new {self.path.name} can't be used ({safe(self.refused, 200)}): "
                "the one from before stays in use; replace it"
            )
        if self.failures:
            return (
                f"geoip: {self.failures} look-ups failed in {self.path.name} ({self.last_error}): "
                "it is damaged, replace it; alerts go on without it"
            )
        return ""

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _open(path: Path, sample: int) -> Database:
    """A copy of the file, opened; the copy's name is gone before anybody sees it."""
    with tempfile.TemporaryDirectory(prefix="watchfloor-geoip-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        try:
            reader: Database = maxminddb.open_database(copy)
        except (ValueError, maxminddb.InvalidDatabaseError) as error:
            raise Unusable(str(error).replace(str(copy), path.name)) from None
    try:
        for _ in itertools.islice(reader, sample):
            pass
    except Exception as error:  # noqa: BLE001 - as above
        reader.close()
        raise Unusable(str(error).replace(str(copy), path.name)) from None
    return reader
