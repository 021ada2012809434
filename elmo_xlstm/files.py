"""Reading files of ours, which may be a stranger's: regular ones, in their place, of bounded size.

A file that cannot be read just now (too many open files, no rights, a failing disk) is told apart from one that is
missing or is not what was written: the former says nothing of its content, so that nothing may be deleted or made anew.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elmo_xlstm.config.plain_values import find_problem
from elmo_xlstm.errors import UserError

LARGEST = 2**26
"""Bytes of a file that is read whole."""
LARGEST_LIST = 2**30
"""Likewise of one that lists words or sentences, of which there may be millions."""
# What the system says of a name; whatever else it says is about the moment.
OF_THE_NAME = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})


class UnreadableError(UserError):
    """A file cannot be read just now; whether it is whole is not known."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell errors that pass from those that are about the file itself.

    Raises:
        UnreadableError: the system does not give the content just now.
        OSError: there is no such file.
    """
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
    """See that a model directory holds files of its own: libraries open some, and a run keeps a copy of all.

    Raises:
        UserError: one is none, see :func:`check_file`.
    """
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
    """The values of a JSON file, which may not be nested deeply nor hold giant numbers.

    See :func:`check_file` for arguments and errors; besides:

    Raises:
        ValueError: it is no JSON in UTF-8, or holds what none of our files does.
    """
    try:
        values = json.loads(read_file(path, largest, within).decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if problem := find_problem(values, texts=False):  # labels and words may hold anything
        raise ValueError(problem)
    return values
