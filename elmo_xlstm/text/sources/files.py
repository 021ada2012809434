"""Finding local files and telling whether they changed."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError

HASHED_BYTES = 10**9


def find_files(patterns: Sequence[str]) -> list[Path]:
    """The files that paths and globs (``*``, ``?``, ``**``) name, each once; a glob's are sorted.

    Raises:
        UserError: a path does not exist or is a directory, or a glob matches no file.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_dir():
            raise UserError(f"{path}: is a directory; name its files, for example '{path}/*.txt'")
        matches = [path] if path.is_file() else sorted(map(Path, glob.glob(str(path), recursive=True)))
        files = [match for match in matches if match.is_file()]
        if not files:
            here = "" if path.is_absolute() else f" (looked for in {Path.cwd()})"
            problem = "no file matches" if glob.has_magic(pattern) else "no such file"
            raise UserError(f"{pattern}: {problem}{here}; give paths of text files, or globs such as 'texts/*.txt.xz'")
        found.update(dict.fromkeys(files))
    return list(found)


def fingerprint_files(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each file; of files over 1 GB the time of change instead of the hash."""
    prints = []
    for path in paths:
        status = path.stat()
        entry: dict[str, Any] = {"name": path.name, "bytes": status.st_size}
        if status.st_size > HASHED_BYTES:
            entry["modified_ns"] = status.st_mtime_ns
        else:
            entry["sha256"] = hash_file(path)
        prints.append(entry)
    return prints


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex.

    Raises:
        UserError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None
    return digest.hexdigest()
