"""`watchfloor` without a command: the engine, the app over it, and a clean end whatever happens."""

import asyncio
import os
import sys
from collections.abc import Mapping

from backend.engine import Engine, EngineError, Settings
from console.signals import EndSignals, terminal_gone

WRONG_USAGE = 2
GONE_CHECK_S = 1.0
STOP_WITHIN_S = 3.0
"""For the engine: with the app's own end it stays inside the five seconds a signal allows."""


def no_screen(environ: Mapping[str, str] = os.environ) -> str:
    """Why the console can't be shown here, with what to do instead; empty where it can."""
    if not (os.isatty(0) and os.isatty(2)):
        return "this is no terminal; use `watchfloor triage` or `watchfloor worker`, which need none"
    if environ.get("TERM", "") in ("", "dumb"):
        return "TERM is unset or dumb; set TERM=xterm-256color, or use `watchfloor triage`, which needs none"
    return ""


def run_console(settings: Settings) -> int:
    """Show the console until the analyst quits or a signal ends it; the exit status.

    Raises:
        SettingsError: the engine can't be built from these settings.
        EngineError: it could not start, or died; the console had said so, and the analyst has left it.
    """
    why_not = no_screen()
    if why_not:
        sys.stderr.write(f"watchfloor: {why_not}\n")
        return WRONG_USAGE
    engine = Engine(settings)
    with EndSignals(last_resort=lambda: engine.stop(1.0)) as signals:
        engine.start()
        try:
            status = _run_app(engine, settings, signals)
        finally:
            engine.stop(STOP_WITHIN_S)
    if engine.failed and not signals.asked:
        raise EngineError(engine.failed)
    return 0 if signals.asked else status


def _run_app(engine: Engine, settings: Settings, signals: EndSignals) -> int:
    # Textual reads the environment when it is first imported, so it is imported after this.
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from console.app import WatchfloorApp
    from widgets.governor import GovernedDriver

    class Attached(WatchfloorApp):
        """The app, tied to the signals and to its terminal while it runs."""

        def on_mount(self) -> None:
            """Signals may end it from now on; a terminal that is gone does too."""
            signals.attach(asyncio.get_running_loop(), lambda: self.exit(0))
            self.set_interval(GONE_CHECK_S, self._look_at_terminal)

        def _look_at_terminal(self) -> None:
            if terminal_gone():
                signals.end()

    app = Attached(engine, settings, driver_class=GovernedDriver)
    try:
        result = app.run(mouse=settings.ui.mouse)
    except OSError:
        # The terminal went away while it was being restored: there is nothing left to restore.
        return 0
    return int(app.return_code or 0) if result is None else int(result)
