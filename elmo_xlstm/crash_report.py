"""What a user sees of an error that nobody foresaw: one message, and a file with the traceback."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence

EXIT_STATUS = 70
"""Of ``sysexits.h``: an internal error of the program."""
LONGEST = 300
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def printable(text: str) -> str:
    r"""A text whose control characters are spelt out: what comes from data can then not command a terminal.

    Tabs and line ends stay; ``\x1b`` and others become visible escapes.
    """
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def report_crash(error: BaseException, arguments: Sequence[str], show: bool = False) -> str:
    """Say what happened in one message.

    Args:
        error: that nothing has caught.
        arguments: of the command, for the report.
        show: put the traceback in front of the message, rather than into a file.

    Returns:
        The message: what went wrong, what to do, and which file holds the traceback.
    """
    reason = (str(error).strip().splitlines() or ["no reason given"])[0][:LONGEST]
    what = f"{type(error).__name__}: {reason}"
    report = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if show:
        return f"{report}{what}\n{_advice(error)}"
    try:
        place = f"The traceback is in {_save(report, arguments)}"
    except OSError as failure:
        place = f"The traceback cannot be saved ({failure.strerror}); the command after 'cli.py --debug' shows it"
    return f"{what}\n{_advice(error)}\n{place}"


def _advice(error: BaseException) -> str:
    """What the user can do."""
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
    text = f"{shlex.join(['python', 'cli.py', *arguments])}\n{versions}\n\n{report}"
    descriptor, path = tempfile.mkstemp(prefix="elmo-xlstm-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path
