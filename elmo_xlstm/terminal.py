"""Output of the commands: consoles, log lines, progress, and reports of errors that nobody foresaw."""

from __future__ import annotations

import logging
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from elmo_xlstm.errors import printable
from elmo_xlstm.progress import Progress, make_progress

console = Console()
"""For what was asked for: standard output."""
messages = Console(stderr=True)
"""For what is said meanwhile: standard error."""
LOG_WIDTH = 200  # of tables in files, where no screen cuts them; COLUMNS goes before it


if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = LOG_WIDTH


class PrintableFormatter(logging.Formatter):
    """Spells out control characters, which come from data."""

    def format(self, record: logging.LogRecord) -> str:
        """The line without control characters."""
        return printable(super().format(record))


def this_command(*arguments: str) -> list[str]:
    """The command line for other arguments, started as this process was: installed, or from a checkout."""
    installed = Path(sys.argv[0]).stem == "elmo-xlstm"
    return [*(["elmo-xlstm"] if installed else ["python", "cli.py"]), *arguments]


def set_up_logging() -> None:
    """Log to standard error: beside the bars on a terminal, with the time elsewhere."""
    if messages.is_terminal:
        handler: logging.Handler = RichHandler(console=messages, show_path=False, show_level=False)
        handler.setFormatter(PrintableFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(PrintableFormatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("elmo_xlstm").setLevel(logging.INFO)


def be_quiet() -> None:
    """One of several processes that do the same: only what is wrong here is worth a line."""
    logging.getLogger("elmo_xlstm").setLevel(logging.WARNING)


def terminal_progress() -> Progress:
    """Bars or log lines on standard error."""
    return make_progress(messages)


EXIT_STATUS = 70  # of ``sysexits.h``: an internal error of the program
LONGEST = 300
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def report_crash(error: BaseException, arguments: Sequence[str], show: bool = False) -> str:
    """Say in one message what went wrong, what to do, and which file holds the traceback; ``show`` puts it in front."""
    reason = (str(error).strip().splitlines() or ["no reason given"])[0][:LONGEST]
    what = f"{type(error).__name__}: {reason}"
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if show:
        return f"{report}{what}\n{_advice(error)}"
    try:
        place = f"The traceback is in {_save(report, arguments)}"
    except OSError as failure:
        debug = shlex.join(this_command("--debug"))
        place = f"The traceback cannot be saved ({failure.strerror}); the command after '{debug}' shows it"
    return f"{what}\n{_advice(error)}\n{place}"


def _advice(error: BaseException) -> str:
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY):
        return "There is too little memory; choose smaller sizes, such as a smaller batch_size or context_length."
    if isinstance(error, OSError):
        return "The system refused; check that the path is there, its permissions, and the space on its disk."
    return "This was not foreseen; please report it to the project, with the traceback."


def _save(report: str, arguments: Sequence[str]) -> str:
    """Write the report where only the user may read it: arguments can hold what is private."""
    versions = f"python {platform.python_version()} on {platform.system()}"
    for name in ("torch", "transformers"):
        if name in sys.modules:
            versions += f", {name} {getattr(sys.modules[name], '__version__', 'unknown')}"
    text = f"{shlex.join(this_command(*arguments))}\n{versions}\n\n{report}"
    descriptor, path = tempfile.mkstemp(prefix="elmo-xlstm-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path
