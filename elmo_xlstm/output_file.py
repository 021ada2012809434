"""Writing a file that the user names: nothing is harmed there but the content of that very file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from elmo_xlstm.disk import writing
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import HOST


@contextmanager
def open_output(path: Path, inputs: Iterable[Path] = ()) -> Iterator[TextIO]:
    """A file to write text into, in UTF-8; the old content stays until the block has ended without an error.

    Symbolic links are followed, and rights are kept. What is no regular file, such as a device or a pipe, is written
    into as it is, and so is the file that standard output goes to.

    Args:
        path: in a directory that is there.
        inputs: files that are read to make it.

    Raises:
        UserError: it is one of the inputs, or its directory is not there.
        DiskError: the disk is full or refuses; ``path`` is then as it was.
    """
    with writing(path):
        status = path.stat() if path.exists() else None
        if status is not None and (not stat.S_ISREG(status.st_mode) or _is_standard_output(status)):
            with open(path, "a", encoding="utf-8") as file:
                yield file
            return
        target = Path(os.path.realpath(path))
        for read in inputs if status is not None else ():
            if read.exists() and read.samefile(target):
                raise UserError(f"{path}: is read to make what would be written there; choose another name")
        if not target.parent.is_dir():
            raise UserError(f"{path}: there is no directory {target.parent}; make it, or choose another name")
        temporary = target.with_name(f".{target.name}.{HOST}-{os.getpid()}.tmp")
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if status is not None:
                temporary.chmod(stat.S_IMODE(status.st_mode))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _is_standard_output(status: os.stat_result) -> bool:
    try:
        return os.path.samestat(status, os.fstat(1))
    except OSError:  # it is closed
        return False
