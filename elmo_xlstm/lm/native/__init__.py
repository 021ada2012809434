"""Fused kernels for an mLSTM layer on a CPU, in C++, compiled where a compiler is at hand and never needed."""

from elmo_xlstm.lm.native.block import dropped_residual, normed_projection
from elmo_xlstm.lm.native.layer import (
    LayerWeights,
    activation_type,
    between_projections,
    fused_layer,
    layer_problem,
)
from elmo_xlstm.lm.native.library import library_problem

__all__ = [
    "LayerWeights",
    "activation_type",
    "between_projections",
    "dropped_residual",
    "fused_layer",
    "layer_problem",
    "library_problem",
    "normed_projection",
]
