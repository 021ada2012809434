"""Reading text files line by line, and reporting all that is wrong in them at once."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import ExampleT, Reading
from elmo_xlstm.text.sources.files import RATIO, SUFFIXES, UNPACKED_BYTES, open_binary

logger = logging.getLogger(__name__)

RowT = TypeVar("RowT")
SHOWN = 20
LONGEST = 1000
"""Characters of one problem that are shown: a row can be one word of a megabyte."""
LONGEST_LINE = 2**24
"""Characters of a line, which is held in memory whole."""


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


def parse_rows(
    path: Path | str,
    rows: Iterable[tuple[str, RowT]],
    parse: Callable[[RowT, str], ExampleT],
    what: str,
    strict: bool,
    problems: list[str] | None = None,
) -> Iterator[ExampleT]:
    """Yield an example of each row, one at a time; bad rows are reported together at the end.

    Args:
        path: of the file, or the name of what is read in its place.
        rows: of it, each with its origin, ``file:line``.
        parse: makes an example of a row and its origin; its ValueError says what is wrong with the row.
        what: the file should hold, for messages: ``sentence``.
        strict: refuse a file with bad rows; false leaves them out and logs them.
        problems: takes one line for each bad row, ``file:line: reason``.

    Raises:
        DataError: strict, and rows are bad: all are counted, the first twenty listed. Or there is no good row.
    """
    problems = [] if problems is None else problems
    found = False
    for origin, row in rows:
        try:
            example = parse(row, origin)
        except ValueError as error:
            problems.append(cut(f"{origin}: {error}"))
            continue
        found = True
        yield example
    end_of_file(path, found, problems, len(problems), what, strict)


def read_rows(
    path: Path | str,
    rows: Iterable[tuple[str, RowT]],
    parse: Callable[[RowT, str], ExampleT],
    what: str,
    strict: bool,
) -> Reading[ExampleT]:
    """Read all rows at once; arguments and errors are those of :func:`parse_rows`."""
    problems: list[str] = []
    examples = tuple(parse_rows(path, rows, parse, what, strict, problems))
    return Reading(examples, tuple(problems), len(problems))


def end_of_file(path: Path | str, found: bool, problems: list[str], skipped: int, what: str, strict: bool) -> None:
    """Refuse or report a file that has been read to its end.

    Args:
        path: of the file.
        found: whether there was an example.
        problems: of the file.
        skipped: rows that had any.
        what: the file should hold.
        strict: refuse a file with problems.

    Raises:
        DataError: strict, and there are problems; or there is no example.
    """
    refuse_or_warn(path, problems, skipped, strict)
    if not found:
        raise DataError(path, [*problems, f"{path}: holds no {what}"], "Mend the file.")


def filled_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of :func:`read_lines` that are not blank, each with its origin."""
    return ((f"{path}:{number}", line) for number, line in enumerate(read_lines(path), start=1) if line.strip())


def read_lines(path: Path) -> Iterator[str]:
    r"""The lines of a UTF-8 file, one at a time, without their ends: ``\n``, ``\r\n`` or ``\r``.

    Nothing else ends a line. (``str.splitlines`` would also split at form feeds and Unicode separators, which do occur
    inside tokens.) ``\r\r\n``, which programs write that translate line ends twice, ends one line. Files that end in
    .gz, .bz2, .xz or .zst are decompressed. A byte order mark is dropped.

    Raises:
        UserError: the file is missing, unreadable, damaged or not UTF-8, a line is longer than 16 Mi characters, or a
            compressed file unpacks to far more than text does, as files made to fill a memory do.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; name a file that can be read") from None
    most = max(UNPACKED_BYTES, RATIO * size) if path.suffix in SUFFIXES else math.inf
    with open_binary(path) as file:
        # Bytes that are no UTF-8 become lone surrogates, which nothing else does: so their line is known.
        text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        number, read, before = 0, 0, ""
        while line := text.readline(LONGEST_LINE + 1):
            read += len(line)
            if line == "\r\n" and before.endswith("\r"):
                before = line
                continue
            number, before = number + 1, line
            if len(line) > LONGEST_LINE:
                raise UserError(
                    f"{path}:{number}: a line of more than {LONGEST_LINE >> 20} million characters; break it into lines"
                )
            if read > most:
                raise UserError(
                    f"{path}: unpacks to more than {read >> 20} MiB, over {RATIO} times its size; see what it is"
                )
            if not line.isascii():
                _refuse_other_encodings(line, f"{path}:{number}")
            yield line.rstrip("\r\n")


def _refuse_other_encodings(line: str, origin: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        byte, place = ord(line[error.start]) & 0xFF, len(line[: error.start].encode()) + 1
        raise UserError(
            f"{origin}: not UTF-8 (byte 0x{byte:02x} at position {place} of the line); convert the file to UTF-8"
        ) from None
