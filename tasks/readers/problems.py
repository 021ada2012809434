"""Reading text files line by line, and reporting all that is wrong in them at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.compression import SUFFIXES, open_binary, read_at_most

logger = logging.getLogger(__name__)

SHOWN = 20
LONGEST = 1000
"""Characters of one problem that are shown: a row can be one word of a megabyte."""


class DataError(UserError):
    """Problems of a data file.

    Attributes:
        problems: one line each, ``file:line: reason``.
        listing: the first of them under their count, without advice.
    """

    def __init__(self, path: Path | str, problems: Sequence[str], advice: str) -> None:
        """Put the first problems and the count of the others into one message."""
        self.problems = list(problems)
        self.listing = _message(path, self.problems, "")
        super().__init__(_message(path, self.problems, advice))


def _message(path: Path | str, problems: Sequence[str], advice: str) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{path}: {count}", *(f"  {cut(problem)}" for problem in problems[:SHOWN])]
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN} more")
    return "\n".join([*lines, advice] if advice else lines)


def cut(text: str) -> str:
    """A text of at most 1,000 characters."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... (cut)"


def refuse_or_warn(path: Path | str, problems: Sequence[str], skipped: int, strict: bool) -> None:
    """Refuse a file (or what is named in its place) that has problems, or log them when reading is lenient.

    Raises:
        DataError: ``strict`` and there are problems; the first twenty are listed, the rest counted.
    """
    if not problems:
        return
    if strict:
        raise DataError(path, problems, "Mend the file.")
    logger.warning("%s", _message(path, problems, f"{skipped} skipped"))


def read_lines(path: Path) -> list[str]:
    r"""All lines of a UTF-8 file without their ends; ``\n`` and ``\r\n`` end lines, nothing else does.

    Files that end in .gz, .bz2, .xz or .zst are decompressed. A byte order mark is dropped. (``str.splitlines``
    would also split at form feeds and Unicode separators, which do occur inside tokens.)

    Raises:
        UserError: the file is missing, unreadable, damaged or not UTF-8.
    """
    try:
        content = path.read_bytes() if path.suffix not in SUFFIXES else b""
        if path.suffix in SUFFIXES:
            with open_binary(path) as file:
                content = read_at_most(file, path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name a file that can be read") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 (byte {error.start}); convert the file to UTF-8") from None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
