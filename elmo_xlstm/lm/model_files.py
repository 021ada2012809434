"""A model and its tokenizer as one directory; a model without its soft-max."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import write_model
from elmo_xlstm.pretrained import PROVENANCE_FILE
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE
from elmo_xlstm.text import Tokenizer

ENCODER_PARTS = ("token_embedding.", "forward_stack.", "backward_stack.")


def save_model(
    model: BiXLSTM, tokenizer: Tokenizer, directory: str | Path, stored: dict[str, Tensor] | None = None
) -> None:
    """Write a model and its tokenizer into ``directory``; what another model there said of itself goes.

    Args:
        model: configuration and weights.
        tokenizer: of its vocabulary.
        directory: is there already.
        stored: the weights as they are to be stored, in place of the model's own.
    """
    directory = Path(directory)
    for name in (CHECKSUMS_FILE, PROVENANCE_FILE):
        (directory / name).unlink(missing_ok=True)
    write_model(model.config, model.state_dict() if stored is None else stored, directory)
    tokenizer.save(directory)


def encoder_weights(model: BiXLSTM) -> dict[str, Tensor]:
    """Those of a model's weights that take part in encoding, by name."""
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(ENCODER_PARTS)}


def make_encoder(model: BiXLSTM, weights: Mapping[str, Tensor], **settings: Any) -> BiXLSTM:
    """A model without soft-max.

    Args:
        model: whose architecture is taken.
        weights: become the new model's own, in the precision that they have; see :func:`encoder_weights`.
        settings: of the configuration that are to be others.
    """
    config = model.config.model_copy(update={"softmax": "none", "softmax_clusters": None, **settings})
    encoder = BiXLSTM.empty(config)
    encoder.load_state_dict(dict(weights), assign=True)
    return encoder
