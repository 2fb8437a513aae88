"""How many different values came: exact up to a few dozen, then an estimate, in memory that does not grow."""

import hashlib
import heapq

import msgspec

KEPT = 64
"""Smallest hashes kept. Up to so many values the count is exact; beyond it, off by about 1 in 8 (1/√62)."""
EXAMPLES = 3
_SPAN = 1 << 63


class Distinct(msgspec.Struct, gc=False, array_like=True):
    """Keeps the `KEPT` smallest hashes of all values (a k-minimum-values sketch) and the first few values."""

    examples: list[str] = []
    smallest: list[int] = []
    """Negated, as a heap: the greatest of the kept hashes is on top."""
    last: str = ""

    def add(self, value: str) -> None:
        """Count a value; an empty one is none."""
        if not value or value == self.last:
            return
        self.last = value
        hashed = (
            int.from_bytes(hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=8).digest()) >> 1
        )
        if -hashed in self.smallest:
            return
        if len(self.smallest) < KEPT:
            heapq.heappush(self.smallest, -hashed)
            if len(self.examples) < EXAMPLES:
                self.examples.append(value)
        elif hashed < -self.smallest[0]:
            heapq.heapreplace(self.smallest, -hashed)

    @property
    def count(self) -> int:
        """Different values so far, estimated where there are more than `KEPT`."""
        if len(self.smallest) < KEPT:
            return len(self.smallest)
        return max(KEPT, round((KEPT - 1) * _SPAN / -self.smallest[0]))
