"""Alert text is hostile: the one place that makes it safe to show."""

from typing import NewType

SafeText = NewType("SafeText", str)
"""Text that holds no control, C1, bidi or format character and no lone surrogate; made only by `safe`."""
