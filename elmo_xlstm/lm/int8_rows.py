"""Weights stored as 8-bit integers with a scale a row: half of fp16's size, computed in float32."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".row_scale"
# Smaller matrices (gates, block-diagonal projections, convolutions) would save nothing worth their error.
SMALLEST = 2**14


def to_int8_rows(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A large matrix as integers and scales, anything else as it is; by the names that they are stored under.

    Each row of (rows, columns) is divided by its largest magnitude / 127 and rounded.
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
