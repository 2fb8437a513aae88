"""How the console looks: theme definitions and the widgets' stylesheet. Data, no behaviour."""

from pathlib import Path
from typing import Final

WIDGETS_TCSS: Final[Path] = Path(__file__).with_name("widgets.tcss")
"""The stylesheet of `widgets`, in theme variables only."""
