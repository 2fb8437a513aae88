"""The console with three more streams on screen: `python -m console.bench_panes CONFIG`.

For `watchfloor bench stream`. Queue, header, investigation and engine are the product's own; what is added is
a row of stream panes that show three further investigations as they are written.
"""

import os
import sys
from pathlib import Path

from textual.containers import Horizontal

from backend.engine import Engine, Settings, load_settings
from console.app import WatchfloorApp
from console.port import EnginePort
from console.view_models.transcript import TranscriptWriter
from widgets.governor import GovernedDriver
from widgets.stream import StreamPane

MORE = 3
LANE = "critical"


class _Beside:
    """One further investigation."""

    def __init__(self, engine: EnginePort, stream: StreamPane) -> None:
        self.stream = stream
        self._engine = engine
        self._writer = TranscriptWriter(stream)
        self._alert_id: int | None = None

    def open(self, alert_id: int) -> None:
        """Show it."""
        self._alert_id = alert_id
        self._engine.watch(alert_id)

    def pump(self) -> None:
        """A frame on: what was written, as the investigation pane takes it."""
        if self._alert_id is None:
            return
        piece = self._engine.transcript(self._alert_id, self._writer.cursor)
        if piece.events:
            self._writer.write(piece)
            self.stream.flush()
        self.stream.set_live(piece.live)


class FourStreams(WatchfloorApp):
    """The product's app with a row of streams at its foot."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        super().__init__(engine, settings, driver_class=GovernedDriver)
        self._beside = [_Beside(engine, StreamPane()) for _ in range(MORE)]
        self._chosen = False

    def on_mount(self) -> None:
        """Put the streams beneath the rest, once that is there."""
        self.call_after_refresh(self._add_row)

    def _add_row(self) -> None:
        row = Horizontal(*(one.stream for one in self._beside))
        row.styles.height = 16
        self.main.query_one("#whole").mount(row)

    def _frame(self) -> None:
        super()._frame()
        if not self._chosen:
            self._choose()
        for one in self._beside:
            one.pump()

    def _choose(self) -> None:
        """The open alert's fellows, once it is one of them."""
        alerts = [row.id for row in self.main.snapshot.rows if row.lane == LANE]
        opened = self.main.pane.alert_id
        if opened in alerts and len(alerts) > MORE:
            self._chosen = True
            others = [alert_id for alert_id in alerts if alert_id != opened]
            for one, alert_id in zip(self._beside, others, strict=False):
                one.open(alert_id)


def main(config: str) -> None:
    """Run until the terminal or the process ends."""
    settings = load_settings(Path(config))
    engine = Engine(settings)
    engine.start()
    try:
        FourStreams(engine, settings).run()
    finally:
        engine.stop(1.0)


if __name__ == "__main__":
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    main(sys.argv[1])
