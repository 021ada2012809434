"""The files of a model directory, which may be a stranger's: architecture, stored weights, provenance, checksums."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.pretrained import BUNDLED, DEFAULT_MODEL, PROVENANCE_FILE, bundled_model
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage
from elmo_xlstm.runs.files import check_directory, check_file, read_json
from elmo_xlstm.runs.weights import require_finite

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
MODEL_DIRECTORY = "model"
"""In a pretraining run."""
WEIGHTS_FILE = "model.safetensors"
# Loading tells which weights are missing, or another model's; a few lines of JSON are not to ask for all memory first.
ROOM = 2
REQUIRED = ("vocab_size", "embedding_dim", "num_blocks")
# Keys that transformers writes beside the attributes of its configurations.
OF_TRANSFORMERS = {
    "architectures",
    "auto_map",
    "dtype",
    "model_type",
    "torch_dtype",
    "transformers_version",
    "_name_or_path",
    "tie_word_embeddings",
}
# Of these, what transformers looks for.
FOR_TRANSFORMERS = {"architectures": ["BiXLSTM"], "dtype": "float32", "tie_word_embeddings": False}

PROVENANCE_VERSION = 1

SCALE = ".row_scale"
# Smaller matrices (gates, block-diagonal projections, convolutions) would save nothing worth their error.
SMALLEST = 2**14


def find_model(name_or_path: str | Path, revision: str | None = None, **options: Any) -> Path:
    """The directory of a model: a bundled one, itself, ``model/`` of a pretraining run, or a snapshot from the hub.

    Args:
        name_or_path: a bundled model's name, a directory (``./small`` for one that has such a name), or a name on
            the Hugging Face hub.
        revision: commit, tag or branch on the hub.
        options: of ``huggingface_hub.snapshot_download``, such as ``token``.

    Raises:
        UserError: there is no such model here, and the hub does not give it; or it holds what no model is made of.
    """
    if str(name_or_path) in BUNDLED:
        return bundled_model(str(name_or_path))
    path = Path(name_or_path)
    for directory in (path, path / MODEL_DIRECTORY):
        if (directory / WEIGHTS_FILE).is_file():
            check_directory(directory)
            return directory
        verify_files(directory)
    if not is_on_the_hub(name_or_path):
        raise UserError(
            f"{name_or_path}: no pretrained model there (looked for model.safetensors in it and in its model/); "
            f"use the bundled one, '{DEFAULT_MODEL}', or pretrain one with: python cli.py pretrain "
            "experiments/pretrain_cpu.jsonnet"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        patterns = ["*.json", "*.safetensors"]
        return Path(snapshot_download(str(name_or_path), revision=revision, allow_patterns=patterns, **options))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name_or_path}: no such directory, and the Hugging Face hub does not give it ({type(error).__name__}); "
            "give a local model directory, or check the name and the network"
        ) from None


def is_on_the_hub(name_or_path: str | Path) -> bool:
    """Whether a model, if it is anywhere, is one of the Hugging Face hub: there is no such path, nor can there be."""
    name = str(name_or_path)
    return not (Path(name).exists() or name.startswith((".", "/", "runs")) or name.count("/") != 1)


def read_architecture(directory: Path, build: Callable[[BiXLSTMConfig], nn.Module]) -> BiXLSTMConfig:
    """The architecture that a model directory declares, if its weights can be of such a one.

    Args:
        directory: of the model.
        build: makes a model that takes no memory.

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
    if (kind := values.get("model_type")) != BiXLSTMConfig.model_type:
        raise ConfigError(str(path), [f"model_type: expected '{BiXLSTMConfig.model_type}' (got {kind!r:.80})"])
    known = {name: value for name, value in values.items() if name in BiXLSTMConfig.model_fields}
    if unknown := sorted(values.keys() - known.keys() - OF_TRANSFORMERS):
        more = f" and {len(unknown) - 5} more" if unknown[5:] else ""
        shown = ", ".join(f"{key[:50]!r}" for key in unknown[:5]) + more
        logger.warning("%s: unknown keys, which change nothing: %s", path, shown)
    config = validate(BiXLSTMConfig, known, origin=str(path))
    try:
        check_file(weights)
        with safe_open(weights, framework="pt") as file:
            there = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{weights}: the weights cannot be read ({error}); restore the file") from None
    try:
        needed = sum(parameter.numel() for parameter in build(config).parameters())
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path}: no model can be built so ({error}); restore it from its source") from None
    if needed > ROOM * there:
        raise UserError(
            f"{path}: a model of these sizes has {needed:,} numbers, {weights.name} beside it {there:,}; restore both "
            "from the same source"
        )
    return config


def write_model(config: BiXLSTMConfig, weights: Mapping[str, Tensor], directory: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``, as Hugging Face models have them."""
    values = {**FOR_TRANSFORMERS, "model_type": config.model_type, **config.model_dump()}
    write_text_atomically(directory / CONFIG_FILE, json.dumps(values, indent=2, sort_keys=True) + "\n")
    # Before version 0.8, safetensors writes into a file that is there: into weights that a model of this process may
    # have mapped into its memory, or that have other names (links).
    (directory / WEIGHTS_FILE).unlink(missing_ok=True)
    whole = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(whole, directory / WEIGHTS_FILE, metadata={"format": "pt"})
    (directory / WEIGHTS_FILE).chmod((directory / CONFIG_FILE).stat().st_mode)  # safetensors keeps it to its owner


def read_weights(directory: Path) -> dict[str, Tensor]:
    """Weights by name, in the precision that they are stored in; those stored as 8-bit integers in float32."""
    return from_int8_rows(load_file(directory / WEIGHTS_FILE))


def require_own_weights(model: nn.Module, weights: Mapping[str, Tensor], origin: object) -> None:
    """Refuse weights that are not just those of a model, all of them, or are not finite.

    Args:
        model: may be on the meta device.
        weights: by name.
        origin: what they were read from.

    Raises:
        UserError: names those that differ.
    """
    own = model.state_dict()
    problems = {
        "missing": own.keys() - weights.keys(),
        "unexpected": weights.keys() - own.keys(),
        "mismatched": {name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape},
    }
    for problem, keys in problems.items():
        if keys:
            shown = ", ".join(sorted(keys)[:5])
            raise UserError(
                f"{origin}: not the weights of a BiXLSTM as its config.json says: {problem} keys: {shown}"
                + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
                + "; restore both files from the same source"
            )
    require_finite(weights, origin)


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
            weights[name] = tensor * scale.float()  # an integer becomes the same float32 on the way, without a copy
    return weights


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
