"""Writing files so that readers see the old content or the new one, never a part, whenever the process is killed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"


def lock_file(file: int | BinaryIO, wait: bool = False) -> None:
    """Lock an open file or directory for this process and children that inherit it; the system frees it at their end.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the system or the file system has no such locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOTSUP, "this system has no locks on open files")
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


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
                    lock_file(file, wait=True)
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
                    lock_file(file)
                    temporary.unlink()
            except OSError:
                pass  # its writer lives or has just ended, or there are no locks to tell


def _without_waiting(name: str, flags: int) -> int:
    """Open a file; one that is a pipe would wait for a writer."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


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
        target = _target(path, inputs)
        if target is None:
            with open(path, "a", encoding="utf-8") as file:
                yield file
            return
        temporary = target.with_name(f".{target.name}.{HOST}-{os.getpid()}.tmp")
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                yield file
            _publish(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


PARTIAL = ".partial"


@contextmanager
def open_partial(path: Path, inputs: Iterable[Path] = (), whole: int = 0) -> Iterator[TextIO]:
    """As :func:`open_output`, for work that can be resumed: if the block fails, ``PATH.partial`` keeps what it wrote.

    Args:
        path: in a directory that is there.
        inputs: files that are read to make it.
        whole: how many bytes of what an earlier block kept are to stay.

    Raises:
        UserError: it is one of the inputs, its directory is not there, or another process is writing it.
        DiskError: the disk is full or refuses; ``path`` is then as it was.
    """
    with writing(path):
        target = _target(path, inputs)
        if target is None:
            with open(path, "a", encoding="utf-8") as file:
                yield file
            return
        partial = target.with_name(target.name + PARTIAL)
        with open(partial, "a", encoding="utf-8", newline="") as file:
            try:
                lock_file(file.fileno())
            except BlockingIOError:
                raise UserError(f"{partial}: another process is writing it; wait for its end") from None
            except OSError:
                pass  # a file system without locks
            file.truncate(whole)
            yield file
        _publish(partial, target)


def _publish(temporary: Path, target: Path) -> None:
    """Give a whole file its name, and the rights of the one that it replaces."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    if target.exists():
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    temporary.replace(target)


def _target(path: Path, inputs: Iterable[Path]) -> Path | None:
    """The file that is to be replaced, behind all links; None for one that is written into as it is.

    Raises:
        UserError: it is one of the inputs, or its directory is not there.
    """
    status = path.stat() if path.exists() else None
    if status is not None and (not stat.S_ISREG(status.st_mode) or _is_standard_output(status)):
        return None
    target = Path(os.path.realpath(path))
    for read in inputs if status is not None else ():
        if read.exists() and read.samefile(target):
            raise UserError(f"{path}: is read to make what would be written there; choose another name")
    if not target.parent.is_dir():
        raise UserError(f"{path}: there is no directory {target.parent}; make it, or choose another name")
    return target


def _is_standard_output(status: os.stat_result) -> bool:
    try:
        return os.path.samestat(status, os.fstat(1))
    except OSError:  # it is closed
        return False
