"""Directories that readers see whole, the old one or the new one, whenever the process is killed."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, written_files
from elmo_xlstm.runs.files import writing

PARTIAL = ".partial"
OLD = ".old"
LEFT_OVER = re.compile(rf"\.(?P<name>.+?)(?:\.(?:[A-Za-z0-9]+-)?[0-9a-f]+\.tmp|\{PARTIAL}|\{OLD})")
"""Names that a killed process can leave beside a file or directory of that name."""


@contextmanager
def publish_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory beside ``target`` that replaces it when the block ends without an error.

    Files are flushed to disk before the rename, so that a name never stands for half its content. What a killed
    process left of an earlier call for ``target`` is removed. What others put into ``target``, by its list of
    checksums, goes along into the new directory.

    Raises:
        DiskError: the disk is full or refuses; ``target`` is then as it was.
    """
    temporary = target.parent / f".{target.name}{PARTIAL}"
    with writing(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        restore_directory(target)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            _take_along(target, temporary)
            for path in temporary.rglob("*"):
                if path.is_file():
                    _flush(path)
            replace_directory(temporary, target)
            _flush(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _take_along(old: Path, new: Path) -> None:
    """Copy the files that are not ours into the directory that replaces theirs."""
    if not (old / CHECKSUMS_FILE).is_file():
        return
    ours = set(written_files(old))
    for path in old.rglob("*"):
        target = new / path.relative_to(old)
        if path not in ours and not path.is_dir() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
