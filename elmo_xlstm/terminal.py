"""What the commands share in writing to a terminal or a log."""

from __future__ import annotations

import logging
import os

from rich.console import Console
from rich.logging import RichHandler

from elmo_xlstm.crash_report import printable
from elmo_xlstm.progress import Progress, make_progress

console = Console()
"""For what was asked for: standard output."""
messages = Console(stderr=True)
"""For what is said meanwhile: standard error."""
LOG_WIDTH = 200
"""Of tables in files, where no screen cuts them; COLUMNS goes before it."""
LOGGERS = ("elmo_xlstm", "tasks")


if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = LOG_WIDTH


class PrintableFormatter(logging.Formatter):
    """Spells out control characters, which come from data."""

    def format(self, record: logging.LogRecord) -> str:
        """See :func:`~elmo_xlstm.crash_report.printable`."""
        return printable(super().format(record))


def set_up_logging() -> None:
    """Log to standard error: beside the bars on a terminal, with the time elsewhere."""
    if messages.is_terminal:
        handler: logging.Handler = RichHandler(console=messages, show_path=False, show_level=False)
        handler.setFormatter(PrintableFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(PrintableFormatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)


def be_quiet() -> None:
    """One of several processes that do the same: only what is wrong here is worth a line."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def terminal_progress() -> Progress:
    """Bars or log lines on standard error."""
    return make_progress(messages)
