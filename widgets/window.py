"""The rows behind a table: keys in order, and a callback that makes the row at an index."""

from collections.abc import Callable, Sequence

from widgets.data import RowData

RowSource = Callable[[int], RowData]


def _nothing(index: int) -> RowData:
    return RowData(index, ())


class RowWindow:
    """Makes rows only when they are asked for, and keeps those of a few screens."""

    def __init__(self, keys: Sequence[int] = (), source: RowSource = _nothing) -> None:
        self.keys = keys
        self._source = source
        self._made: dict[int, RowData] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, index: int) -> RowData:
        """The row at an index."""
        row = self._made.get(index)
        if row is None:
            if len(self._made) >= 512:
                self._made.clear()
            row = self._made[index] = self._source(index)
        return row

    def forget(self) -> None:
        """Make rows anew when they are next asked for."""
        self._made.clear()

    def index_of(self, key: int | None, near: int = 0) -> int | None:
        """Where a key stands; it is looked for first where it was. None where it is not."""
        if key is None:
            return None
        if 0 <= near < len(self.keys) and self.keys[near] == key:
            return near
        try:
            return self.keys.index(key)
        except ValueError:
            return None
