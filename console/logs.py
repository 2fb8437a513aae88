"""Logs: JSON lines to a file or to standard error, never onto the screen's terminal."""

import logging
import logging.handlers
import sys
from pathlib import Path

import structlog

from backend.engine import mask_secrets

MAX_BYTES = 5_000_000
KEPT = 3


class _Masking(logging.Formatter):
    """Every line of every logger with the secrets in it masked: whoever wrote it, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, as it goes into the file."""
        return mask_secrets(super().format(record))


def log_to_file(folder: Path) -> None:
    """Write logs to `watchfloor.log` in `folder` (the console's way); without a usable folder, nowhere."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "watchfloor.log", maxBytes=MAX_BYTES, backupCount=KEPT, delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    _configure(handler, logging.INFO)


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Write logs to standard error (the headless way)."""
    _configure(logging.StreamHandler(sys.stderr), level)


def _configure(handler: logging.Handler, level: int) -> None:
    handler.setFormatter(_Masking("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
