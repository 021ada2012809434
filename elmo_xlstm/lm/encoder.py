"""A language model without its soft-max: what encodes, and predicts nothing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elmo_xlstm.lm.model import BiXLSTM

PARTS = ("token_embedding.", "forward_stack.", "backward_stack.")


def encoder_weights(model: BiXLSTM) -> dict[str, Tensor]:
    """Those of a model's weights that take part in encoding, by name."""
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(PARTS)}


def make_encoder(model: BiXLSTM, weights: Mapping[str, Tensor], **settings: Any) -> BiXLSTM:
    """A model without soft-max.

    Args:
        model: whose architecture is taken.
        weights: become the new model's own, in the precision that they have; see :func:`encoder_weights`.
        settings: of the configuration that are to be others.
    """
    config = copy.deepcopy(model.config)
    config.softmax, config.softmax_clusters = "none", None
    for name, value in settings.items():
        setattr(config, name, value)
    with torch.device("meta"):
        encoder = BiXLSTM(config)
    encoder.load_state_dict(dict(weights), assign=True)
    return encoder
