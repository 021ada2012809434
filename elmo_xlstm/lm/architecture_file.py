"""The architecture of a model directory, which may be a stranger's, read before anything is built by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import nn

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.runs.files import check_file, read_json

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
# Loading tells which weights are missing, or another model's; a few lines of JSON are not to ask for all memory first.
ROOM = 2

Size = Annotated[int, Field(ge=1, le=2**24)]


class _Architecture(Settings):
    """The sizes of a :class:`~elmo_xlstm.lm.configuration.BiXLSTMConfig`, as its file may give them."""

    model_type: Literal["bixlstm"]
    vocab_size: Size
    embedding_dim: Size
    num_blocks: Annotated[int, Field(ge=1, le=1000)]
    num_heads: Size
    proj_factor: Annotated[float, Field(gt=0, le=1000)] = 2.0
    conv1d_kernel_size: Annotated[int, Field(ge=1, le=1000)] = 4
    qkv_proj_blocksize: Size = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    context_length: Size = 256
    softmax: Literal["separate", "shared", "tied", "none"] = "separate"
    softmax_clusters: list[Size] | None = None
    pad_token_id: Annotated[int, Field(ge=0)] = 0


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
    known = {name: value for name, value in values.items() if name in _Architecture.model_fields}
    sizes = validate(_Architecture, known, origin=str(path)).model_dump(exclude={"model_type"})
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
