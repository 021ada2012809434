"""The files of a model directory, which may be a stranger's: architecture, stored weights, provenance, checksums."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import PretrainedConfig

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.configuration import Architecture, BiXLSTMConfig
from elmo_xlstm.pretrained import PROVENANCE_FILE
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage
from elmo_xlstm.runs.files import check_file, read_json

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
# Loading tells which weights are missing, or another model's; a few lines of JSON are not to ask for all memory first.
ROOM = 2
REQUIRED = ("vocab_size", "embedding_dim", "num_blocks")
# Keys that transformers writes beside the attributes of its configurations.
OF_TRANSFORMERS = {
    "architectures",
    "auto_map",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "_name_or_path",
    "tie_word_embeddings",
}

PROVENANCE_VERSION = 1

SCALE = ".row_scale"
# Smaller matrices (gates, block-diagonal projections, convolutions) would save nothing worth their error.
SMALLEST = 2**14


class _ArchitectureFile(Architecture):
    model_type: Literal["bixlstm"]


def read_architecture(directory: Path, build: Callable[[BiXLSTMConfig], nn.Module]) -> BiXLSTMConfig:
    """The architecture that a model directory declares, if its weights can be of such a one.

    Args:
        directory: of the model.
        build: makes a model.

    Raises:
        UserError: a file is missing or unreadable, or says what cannot be.
    """
    path, weights = directory / CONFIG_FILE, directory / WEIGHTS_FILE
    try:
        values = read_json(path)
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no configuration of a model ({error}); restore it from its source") from None
    if missing := [name for name in REQUIRED if name not in values]:
        raise ConfigError(str(path), [f"{name}: is required but missing" for name in missing])
    known = {name: value for name, value in values.items() if name in _ArchitectureFile.model_fields}
    if unknown := sorted(values.keys() - known.keys() - PretrainedConfig().to_dict().keys() - OF_TRANSFORMERS):
        more = f" and {len(unknown) - 5} more" if unknown[5:] else ""
        shown = ", ".join(f"{key[:50]!r}" for key in unknown[:5]) + more
        logger.warning("%s: unknown keys, which change nothing: %s", path, shown)
    sizes = validate(_ArchitectureFile, known, origin=str(path)).model_dump(exclude={"model_type"})
    try:
        check_file(weights)
        with safe_open(weights, framework="pt") as file:
            there = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{weights}: the weights cannot be read ({error}); restore the file") from None
    try:
        config = BiXLSTMConfig(**sizes)
        with torch.device("meta"):  # takes no memory
            needed = sum(parameter.numel() for parameter in build(config).parameters())
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path}: no model can be built so ({error}); restore it from its source") from None
    if needed > ROOM * there:
        raise UserError(
            f"{path}: a model of these sizes has {needed:,} numbers, {weights.name} beside it {there:,}; restore both "
            "from the same source"
        )
    return config


def to_int8_rows(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A large matrix as 8-bit integers and scales, anything else as it is; by the names that they are stored under.

    Half of fp16's size, computed in float32. Each row of (rows, columns) is divided by its largest magnitude / 127
    and rounded.
    """
    if weight.ndim != 2 or weight.numel() < SMALLEST:
        return {name: weight}
    scale = weight.float().abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / 127
    return {name: (weight.float() / scale).round().to(torch.int8), f"{name}{SCALE}": scale}


def from_int8_rows(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that :func:`to_int8_rows` stored, in float32; others as they are."""
    weights = {name: tensor for name, tensor in stored.items() if not name.endswith(SCALE)}
    for name, tensor in weights.items():
        if (scale := stored.get(f"{name}{SCALE}")) is not None:
            weights[name] = tensor.float() * scale
    return weights


def has_int8_rows(names: Iterable[str]) -> bool:
    """Whether some of the stored weights are integers with scales."""
    return any(name.endswith(SCALE) for name in names)


def write_provenance(directory: Path, facts: Mapping[str, Any]) -> None:
    """Write ``provenance.json``."""
    content = {"format_version": PROVENANCE_VERSION, **facts}
    write_text_atomically(directory / PROVENANCE_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_provenance(directory: Path) -> dict[str, Any] | None:
    """Read ``provenance.json`` as :func:`write_provenance` wrote it, or ``None`` for a model without it.

    Raises:
        UserError: the file cannot be read.
    """
    path = directory / PROVENANCE_FILE
    try:
        content: dict[str, Any] = read_json(path)
        version = content["format_version"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read as a model's provenance ({type(error).__name__}: {error}); restore it"
        ) from None
    if version != PROVENANCE_VERSION:
        raise UserError(f"{path}: is of format {version}, expected {PROVENANCE_VERSION}; export the model again")
    return content


def verify_files(directory: Path) -> None:
    """Compare a model's files with the checksums of an export or of a pretraining run; others have none.

    Raises:
        UserError: a file is missing or is not what was written.
    """
    if damage := find_damage(directory) if (directory / CHECKSUMS_FILE).is_file() else []:
        raise UserError(
            f"{directory}: the model is damaged: {'; '.join(damage)}; restore it: install the package again if it is "
            "the bundled one, have pretrain --resume write a run's anew from its best checkpoint, or repeat its "
            f"export. Delete {CHECKSUMS_FILE} if the change was meant"
        )
