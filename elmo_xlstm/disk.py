"""Writing that tells of a full disk, or of one that refuses, in one message."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from elmo_xlstm.errors import UserError

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
    """Tell what went wrong if the disk does not take what the block writes.

    Args:
        path: of what is written.
        size: bytes that are to be written, if known.

    Raises:
        DiskError: the disk is full, over a quota, read-only or broken, its rights forbid it, or there can be no such
            file.
        OSError: anything else, as it was raised.
    """
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
    """The system's number of an error; the safetensors library tells it in its message alone."""
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
