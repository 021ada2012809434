"""Checksums kept beside and inside files, so that a changed or cut one is never used unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import check_file, read_json, reading

CHECKSUMS_FILE = "checksums.json"
SEAL = "sha256"
_CHUNK = 2**20


def write_checksums(directory: Path, names: Collection[str] | None = None) -> None:
    """List size and SHA-256 of files of a directory in its ``checksums.json``.

    Args:
        directory: whose files are complete.
        names: of files directly in it; by default all below it. A directory inside with a list of its own is stood
            for by that list.
    """
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
    """What is wrong with the files of a directory, a line for each; empty if nothing is.

    A directory without a list, written before lists were, has its JSON and safetensors files opened instead, which
    finds those that were cut.

    Raises:
        UnreadableError: a file cannot be read just now, so that nobody knows.
    """
    listed = directory / CHECKSUMS_FILE
    if not listed.is_file():
        with reading(directory):
            paths = _files(directory)
        return [line for path in paths if (line := _unreadable(path))]
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


def _unreadable(path: Path) -> str:
    try:
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".safetensors":
            check_file(path)
            with reading(path), safetensors.safe_open(path, framework="pt"):
                pass
    except (OSError, ValueError, SafetensorError) as error:
        return f"{path}: cannot be read ({error})"
    return ""


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with reading(path), open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def seal(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file that carries the SHA-256 of its content in its own metadata."""
    metadata = dict(metadata or {})
    return safetensors.torch.save(dict(tensors), metadata={**metadata, SEAL: _digest(tensors, metadata)})


def open_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file that :func:`seal` made; one without a checksum is older and believed.

    Raises:
        OSError: the file cannot be read.
        SafetensorError: it is cut or no safetensors file.
        ValueError: its content is not what was written.
    """
    check_file(path)
    with reading(path), safetensors.safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    expected = metadata.pop(SEAL, None)
    if expected is not None and _digest(tensors, metadata) != expected:
        raise ValueError("its content is not what was written, SHA-256 differs")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def require_finite(tensors: Mapping[str, Tensor | np.ndarray], origin: object) -> None:
    """Refuse weights of which some are infinite or not a number.

    Args:
        tensors: by name.
        origin: what they were read from.

    Raises:
        UserError: names the first of those tensors.
    """
    wrong = [name for name, tensor in tensors.items() if not bool(torch.isfinite(torch.as_tensor(tensor)).all())]
    if wrong:
        raise UserError(
            f"{origin}: weights are not finite (NaN or infinity): {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if wrong[5:] else "")
            + "; restore the file from a copy, or train anew with a smaller learning rate if training diverged"
        )
