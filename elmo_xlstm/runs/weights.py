"""Weights that are what was written and finite: safetensors files with their own checksum inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import check_file, reading

SEAL = "sha256"


def seal(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file that carries the SHA-256 of its content in its own metadata."""
    metadata = dict(metadata or {})
    return safetensors.torch.save(dict(tensors), metadata={**metadata, SEAL: _digest(tensors, metadata)})


def open_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file of :func:`seal`, or of an older one without a checksum; ValueError if changed."""
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
    """Refuse weights that are not finite: a UserError names the first of those tensors and their ``origin``."""
    wrong = [name for name, tensor in tensors.items() if not bool(torch.isfinite(torch.as_tensor(tensor)).all())]
    if wrong:
        raise UserError(
            f"{origin}: weights are not finite (NaN or infinity): {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if wrong[5:] else "")
            + "; restore the file from a copy, or train anew with a smaller learning rate if training diverged"
        )
