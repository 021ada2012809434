"""Checksums kept beside files, so that a changed or cut one is never used unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import check_file, read_json, reading

CHECKSUMS_FILE = "checksums.json"
_CHUNK = 2**20


def write_checksums(directory: Path, names: Collection[str] | None = None) -> None:
    """List size and SHA-256 of files of a directory in its ``checksums.json``."""
    paths = _files(directory) if names is None else [directory / name for name in sorted(names)]
    files = {
        path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "sha256": _hash(path)} for path in paths
    }
    write_text_atomically(directory / CHECKSUMS_FILE, json.dumps({"format": 1, "files": files}, indent=2) + "\n")


def _files(directory: Path) -> list[Path]:
    found = []
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            if path.is_symlink():
                continue  # it may lead here again
            listed = path / CHECKSUMS_FILE
            found += [listed] if listed.is_file() else _files(path)
        elif path.name != CHECKSUMS_FILE:
            found.append(path)
    return found


def written_files(directory: Path) -> list[Path]:
    """Those files below a directory that we wrote there: its list names them, and others may have put more beside them.

    Where there is no list that can be read, as in directories written before lists were, JSON and safetensors files.
    """
    found = [Path(place, name) for place, _, names in os.walk(directory) for name in names]
    try:
        listed = {*json.loads((directory / CHECKSUMS_FILE).read_text(encoding="utf-8"))["files"], CHECKSUMS_FILE}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [path for path in found if path.suffix in (".json", ".safetensors")]
    return [path for path in found if path.relative_to(directory).as_posix() in listed]


def find_damage(directory: Path) -> list[str]:
    """Damage to the files of a directory, a line for each; none where there is no list, as of earlier versions.

    Raises:
        UnreadableError: a file cannot be read just now, so that nobody knows.
    """
    listed = directory / CHECKSUMS_FILE
    if not listed.is_file():
        return []
    try:
        files: dict[str, dict[str, Any]] = read_json(listed)["files"]
        differences = {directory / name: _difference(directory, name, entry) for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{listed}: damaged ({type(error).__name__}: {error})"]
    lines = [line for line in differences.values() if line]
    for path, line in differences.items():
        if path.name == CHECKSUMS_FILE and not line:  # no list can hold its own checksum: this ends
            lines += find_damage(path.parent)
    return lines


def _difference(directory: Path, name: str, entry: Mapping[str, Any]) -> str:
    path = directory / name
    if path.parent.resolve() != directory.resolve() / Path(name).parent:
        return f"{path}: is not in the directory itself"
    try:
        check_file(path, within=directory)
    except OSError:
        return f"{path}: is missing"
    except ValueError as error:
        return f"{path}: {error}"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"{path}: has {size} bytes instead of {entry['bytes']}"
    return "" if _hash(path) == entry["sha256"] else f"{path}: its content is not what was written (SHA-256 differs)"


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with reading(path), open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
