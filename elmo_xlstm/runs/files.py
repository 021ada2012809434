"""Reading and writing files: bounded and regular ones only, and one clear message for a disk that refuses.

A file that cannot be read just now (too many open files, no rights, a failing disk) is told apart from one that is
missing or is not what was written: the former says nothing of its content, so that nothing may be deleted or made anew.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from elmo_xlstm.config.plain_values import find_problem
from elmo_xlstm.errors import UserError

LARGEST = 2**26  # bytes of a file that is read whole
LARGEST_LIST = 2**30  # likewise of one that lists words or sentences, of which there may be millions
# What the system says of a name; whatever else it says is about the moment.
OF_THE_NAME = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})


class UnreadableError(UserError):
    """A file cannot be read just now; whether it is whole is not known."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell errors that pass (UnreadableError) from those about the file itself, such as a missing one (OSError)."""
    try:
        yield
    except OSError as error:
        if error.errno in OF_THE_NAME:
            raise
        reason = str(error) if error.errno is None else os.strerror(error.errno).lower()  # safetensors gives no number
        raise UnreadableError(
            f"{path}: cannot be read just now: {reason}. That says nothing of its content, "
            "so nothing was changed; mend that, then start the same command again"
        ) from error


def check_file(path: Path, largest: int | None = None, within: Path | None = None) -> None:
    """See that a file can be read, and is a regular one where it should be.

    Args:
        path: of the file.
        largest: bytes that it may have.
        within: directory whose tree a link must not lead out of, by default that of the file; a snapshot in the Hugging
            Face hub's cache, where all files are links, stands for its repository there.

    Raises:
        UnreadableError: it cannot be opened just now.
        OSError: there is no such file.
        ValueError: it is a directory, device, FIFO or socket, too large, or a link that leads out.
    """
    with reading(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("is no regular file")
        if largest is not None and found.st_size > largest:
            raise ValueError(f"has {found.st_size:,} bytes, more than the {largest:,} that are read")
        within = (path.parent if within is None else within).absolute()
        within = within.parents[1] if within.parent.name == "snapshots" else within
        if not path.resolve().is_relative_to(within.resolve()):
            raise ValueError(f"is a link that leads out of {within}; put the file itself there")
        open(path, "rb").close()


def check_directory(directory: Path) -> None:
    """See that a model directory holds files of its own: libraries open some, and a run keeps a copy of all."""
    for path in directory.iterdir():
        try:
            if path.exists() and not path.is_dir():
                check_file(path)
        except ValueError as error:
            raise UserError(f"{path}: {error}; the directory of a model holds plain files") from None


def read_file(path: Path, largest: int = LARGEST, within: Path | None = None) -> bytes:
    """The content of a file; see :func:`check_file` for arguments and errors."""
    check_file(path, largest, within)
    with reading(path):
        return path.read_bytes()


def read_json(path: Path, largest: int = LARGEST, within: Path | None = None) -> Any:
    """The values of a JSON file, see :func:`check_file`; ValueError if it is none, too deep, or holds giant numbers."""
    try:
        values = json.loads(read_file(path, largest, within).decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if problem := find_problem(values, texts=False):  # labels and words may hold anything
        raise ValueError(problem)
    return values


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})
# A file stands where a directory is needed, or the other way round, or there can be nothing of that name.
IMPOSSIBLE = frozenset(
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP}
)


class DiskError(UserError):
    """A file could not be written; what was there before is as it was."""


@contextmanager
def writing(path: Path, size: int | None = None) -> Iterator[None]:
    """Tell why the disk does not take what the block writes (DiskError): it is full, read-only, or no such place."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = _number(error)
        if number not in FULL | REFUSED and not (number in IMPOSSIBLE and _is_about(error, path)):
            raise
        remedy = "free some space there" if number in FULL else "mend that"
        raise DiskError(
            f"{path}: cannot be written: {os.strerror(number).lower()} ({_amounts(path, size)}). What was there before "
            f"is unchanged; {remedy} or choose another place, then go on with the same command, "
            "with --resume for a run that had begun"
        ) from error


def _number(error: Exception) -> int:
    if isinstance(error, OSError):
        return error.errno or 0
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else 0


def _is_about(error: Exception, path: Path) -> bool:
    """Whether an error is about what is written, not about something else that the block does."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str | bytes | os.PathLike):
        return False
    place = Path(os.fsdecode(name))
    return place == path or place in path.parents or path.parent in place.parents


def _amounts(path: Path, size: int | None) -> str:
    try:
        place = next((parent for parent in path.absolute().parents if parent.exists()), Path("/"))
    except OSError:  # a name that is too long, or links in a ring
        place = Path("/")
    try:
        free = f"{_shown(shutil.disk_usage(place).free)} are free in {place}"
    except OSError:
        free = f"free space of {place} unknown"
    return free if size is None else f"{_shown(size)} were to be written, {free}"


def _shown(size: int) -> str:
    return f"{size} bytes" if size < 10_000 else f"{size / 1e6:,.1f} MB"


def to_json(values: Any, indent: int | None = None) -> str:
    """The JSON of nested plain values; of a number that is not finite, for which JSON has no word, ``null``."""
    return json.dumps(_finite(values), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
