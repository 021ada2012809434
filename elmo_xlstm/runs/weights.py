"""Weights that are what was written and finite: safetensors files with their own checksum inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import check_file, reading

SEAL = "sha256"


@contextmanager
def without_numbers() -> Iterator[None]:
    """Make modules whose weights have names and shapes, but no numbers, and take no memory."""
    with torch.device("meta"), _NeverInitialized():
        yield


class _NeverInitialized(TorchFunctionMode):
    """On the meta device ``torch.nn.init`` fills nothing, but imports torch's compiler, a second or two."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(function, "__module__", None) == nn.init.__name__:
            return named["tensor"] if "tensor" in named else args[0]
        return function(*args, **named)


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


def _is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are: NaN and infinities show in the extremes, in a sixth of the time of ``isfinite``."""
    return tensor.numel() == 0 or bool(torch.isfinite(torch.stack(tensor.aminmax())).all())


def require_finite(tensors: Mapping[str, Tensor | np.ndarray], origin: object) -> None:
    """Refuse weights that are not finite: a UserError names the first of those tensors and their ``origin``."""
    wrong = [name for name, tensor in tensors.items() if not _is_finite(torch.as_tensor(tensor))]
    if wrong:
        raise UserError(
            f"{origin}: weights are not finite (NaN or infinity): {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if wrong[5:] else "")
            + "; restore the file from a copy, or train anew with a smaller learning rate if training diverged"
        )
