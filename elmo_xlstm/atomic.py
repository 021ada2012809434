"""Writing so that readers see the old content or the new one, never a part, whenever the process is killed."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
from pathlib import Path

from elmo_xlstm.disk import writing

HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:24] or "host"
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?:(?P<host>[A-Za-z0-9]+)-)?(?P<process>\d+)\.tmp")
PARTIAL = ".partial"
OLD = ".old"


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` under a temporary name beside ``path``, flush it to disk and rename it.

    Directories that are missing are made. What a process left that was killed here before is removed.

    Raises:
        DiskError: the disk is full or refuses; ``path`` is then as it was.
        OSError: anything else; likewise.
    """
    temporary = path.with_name(f".{path.name}.{HOST}-{os.getpid()}.tmp")
    with writing(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """As :func:`write_atomically`, for text, in UTF-8."""
    write_atomically(path, text.encode())


def remove_abandoned(path: Path) -> None:
    """Remove temporary files for ``path`` whose writers, on this machine, are no more."""
    with os.scandir(path.parent) as entries:
        found = [match for entry in entries if (match := TEMPORARY.fullmatch(entry.name))]
    for match in found:
        if match["name"] == path.name and match["host"] == HOST and not _runs(int(match["process"])):
            path.with_name(match[0]).unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True


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


def clear_left_overs(directory: Path) -> None:
    """Remove temporary files and directories that killed processes left anywhere below ``directory``.

    Nobody else may be writing there. A directory that was being replaced gets its name back.
    """
    for place, directories, files in os.walk(directory):
        here = Path(place)
        for name in list(directories):
            if name.startswith(".") and name.endswith(OLD):
                restore_directory(here / name[1 : -len(OLD)])
            if name.startswith(".") and name.endswith((PARTIAL, OLD)):
                shutil.rmtree(here / name, ignore_errors=True)
                directories.remove(name)
        for name in files:
            if TEMPORARY.fullmatch(name):
                (here / name).unlink(missing_ok=True)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}{OLD}")
