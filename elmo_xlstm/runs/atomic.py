"""Writing so that readers see the old content or the new one, never a part, whenever the process is killed."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, TextIO

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import writing

HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"
PARTIAL = ".partial"
OLD = ".old"
LEFT_OVER = re.compile(rf"\.(?P<name>.+?)(?:\.(?:[A-Za-z0-9]+-)?[0-9a-f]+\.tmp|\{PARTIAL}|\{OLD})")
"""What a killed process can leave beside a file or directory of that name."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` under a temporary name beside ``path``, flush it to disk and rename it.

    Directories that are missing are made. What a process left that was killed here before is removed.

    Raises:
        DiskError: the disk is full or refuses; ``path`` is then as it was.
        OSError: anything else; likewise.
    """
    with writing(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        with _temporary(path) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)


def write_text_atomically(path: Path, text: str) -> None:
    """As :func:`write_atomically`, for text, in UTF-8."""
    write_atomically(path, text.encode())


@contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    """A new file beside ``path``, locked while it is written: by that others see that its writer lives."""
    while True:
        temporary = path.with_name(f".{path.name}.{HOST}-{secrets.token_hex(8)}.tmp")
        with open(temporary, "xb") as file:
            try:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX)
                except OSError:
                    pass  # a file system without locks, where nobody removes what others left
                if os.fstat(file.fileno()).st_nlink:  # nobody took it for abandoned before it was locked
                    yield file
                    return
            finally:
                temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files for ``path`` whose writers, on this machine, are no more: these hold no lock."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.{HOST}-[0-9a-f]+\.tmp")
    for name in os.listdir(path.parent):
        if ours.fullmatch(name):
            temporary = path.with_name(name)
            try:
                with open(temporary, "rb", opener=_without_waiting) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    temporary.unlink()
            except OSError:
                pass  # its writer lives or has just ended, or there are no locks to tell


def _without_waiting(name: str, flags: int) -> int:
    """Open a file; one that is a pipe would wait for a writer."""
    return os.open(name, flags | os.O_NONBLOCK)


def replace_directory(new: Path, target: Path) -> None:
    """Give a directory its name, in place of what has it; what was there is removed.

    Where the system can exchange two names in one step (Linux, but not every file system), ``target`` is there at
    every moment. Elsewhere a kill can leave it under the name that :func:`restore_directory` knows.
    """
    if not target.exists():
        new.rename(target)
        return
    if exchange(new, target):
        shutil.rmtree(new)
        return
    old = _old(target)
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        restore_directory(target)
        raise
    shutil.rmtree(old)


def restore_directory(target: Path) -> None:
    """Undo the first half of a replacement whose second half was never done."""
    if not target.exists() and _old(target).is_dir():
        _old(target).rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Let two names of one file system change places in one step; False where that cannot be done."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False  # not Linux
    here, exchange_names = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    done: int = rename(here, os.fsencode(one), here, os.fsencode(other), exchange_names)
    return done == 0


def clear_left_overs(directory: Path, pattern: str) -> None:
    """Remove what killed processes left beside files and directories that they were writing.

    Nobody else may be writing there. A directory that was being replaced gets its name back.

    Args:
        directory: that holds them; nothing else in it is touched.
        pattern: names of what was being written, as ``glob`` takes them.
    """
    for path in directory.glob(f".{pattern}.*"):
        found = LEFT_OVER.fullmatch(path.name)
        if not found or not fnmatchcase(found["name"], pattern):
            continue
        if path.name.endswith(OLD):
            restore_directory(directory / found["name"])
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}{OLD}")


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
