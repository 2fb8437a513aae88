"""The file sink: verdict records appended to an NDJSON file, synced before they are confirmed."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from backend.actions.base import Parcel, SinkError


class FileSink:
    """Appends to one file. After a crash the last batch may stand there twice, with the same keys."""

    def __init__(self, path: Path) -> None:
        """Append to `path`; it is created with its folder when first needed."""
        self.name = f"file://{path}"
        self._path = path

    async def deliver(self, parcels: Sequence[Parcel]) -> None:
        """Append the records and sync the file."""
        data = b"".join(parcel.payload + b"\n" for parcel in parcels)
        try:
            await asyncio.to_thread(self._append, data)
        except OSError as error:
            raise SinkError(f"sink {self.name}: {error.strerror}; mend it and deliveries go on") from error

    async def close(self) -> None:
        """Nothing is held open between deliveries."""

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
