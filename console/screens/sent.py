"""What was sent to models on one alert, byte for byte, and what would be sent next."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from console.port import EnginePort
from console.screens.lines import LinesBlock
from console.view_models.sent import sent_text
from widgets.heading import PaneTitle
from widgets.raw import RawPanel
from widgets.safe import Shown, shown

WAITING = "reading the journal"


class SentScreen(ModalScreen[None]):
    """Scrolls through the requests; nothing in it is sent by looking."""

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = "#sent-text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,S", "leave", "Close", show=False, id="sent.leave"),
    ]

    def __init__(self, engine: EnginePort, alert_id: int, title: str) -> None:
        """`title` is the alert's."""
        super().__init__()
        self._engine = engine
        self._alert_id = alert_id
        self._title = shown(title)
        self.text = RawPanel(id="sent-text")

    def compose(self) -> ComposeResult:
        """Title, text, and how to leave."""
        with Vertical(classes="dialog -sent"):
            yield PaneTitle(classes="dialog-title")
            yield self.text
            yield LinesBlock([[(Shown("j k scroll · esc closes"), "muted")]], id="dialog-hint")

    def on_mount(self) -> None:
        """Ask the engine; what it says comes when it comes."""
        self.query_one(PaneTitle).show(((Shown("Sent · "), "muted"), (self._title, "strong bold")))
        self.text.show(Shown(WAITING))
        self.run_worker(self._load(), group="sent", exclusive=True, exit_on_error=False)

    async def _load(self) -> None:
        try:
            view = await asyncio.wrap_future(self._engine.sent(self._alert_id))
        except Exception as error:  # noqa: BLE001 - told where the analyst looks
            self.text.show(shown(f"it could not be read: {error}"))
            return
        self.text.show(sent_text(view))

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
