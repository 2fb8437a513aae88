"""Why an alert stands where it stands: the scheduler's own numbers, asked for each second it is open."""

import asyncio
from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType

from backend.api import OrderView, Row
from console.port import EnginePort
from console.screens.dialogs import Popup
from console.screens.lines import LinesBlock
from console.view_models.queue import title_of
from console.view_models.turn import WIDE
from console.view_models.why import why_lines

EVERY_S = 1.0
FRAME = 6
"""Lines of the popup that are not the explanation: its frame, title, hint, and the gaps between them."""
ROOMY = 90
"""Columns from which the popup has its full width."""
SHARE = 0.96
"""Of the screen's height that a popup takes at most."""

Standing = tuple[Row, tuple[int, int], str]
"""An alert's row as it is now, its place in the view and of how many, and how the view is ordered."""


class WhyPopup(Popup):
    """Shows what is known at once, and the scheduler's answer when it is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "leave", "Close", show=False, id="why.leave")
    ]

    def __init__(
        self,
        engine: EnginePort,
        row: Row,
        standing: Callable[[Row], Standing],
        times: tuple[Callable[[], int], Mapping[str, float]],
    ) -> None:
        """`standing` is asked anew each time; `times`: the wall clock, and the lanes' SLAs in seconds."""
        super().__init__(title_of(row), (), "w")
        self._engine = engine
        self._row = row
        self._standing = standing
        self._now_ms, self._sla_s = times
        self._asking = False

    def on_mount(self) -> None:
        """Ask now, and each second from now on."""
        super().on_mount()
        self._show(None)
        self._ask()
        self.set_interval(EVERY_S, self._ask)

    def _ask(self) -> None:
        if not self._asking:  # an engine that is slow to answer is not asked twice
            self._asking = True
            self.run_worker(self._load(), group="why", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        try:
            view: OrderView = await asyncio.wrap_future(self._engine.why(self._row.id))
            self._show(view)
        except Exception as error:  # noqa: BLE001 - told where the analyst looks
            self._show(OrderView(self._row.id, note=f"it could not be asked: {error}"))
        finally:
            self._asking = False

    def _show(self, view: OrderView | None) -> None:
        self._row, place, order = self._standing(self._row)
        fits = int(self.app.size.height * SHARE) - FRAME
        lines = why_lines(
            self._row,
            place,
            view,
            now_ms=self._now_ms(),
            sla_s=self._sla_s,
            order=order,
            fits=fits,
            wide=WIDE if self.app.size.width < ROOMY else WIDE + 8,
        )
        self.query_one("#popup-lines", LinesBlock).show(lines)
