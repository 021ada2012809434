"""Initial weights, as the ``xlstm`` package sets them."""

from __future__ import annotations

import math

import torch
from torch import nn

from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.layer import BlockDiagonalLinear, LayerNorm, MLSTMLayer


def small_(weight: torch.Tensor, dim: int) -> None:
    """Normal with variance 2 / (5 dim) (Nguyen and Salazar 2019)."""
    nn.init.normal_(weight, std=math.sqrt(2 / (5 * dim)))


@torch.no_grad()
def initialize(module: nn.Module, config: BiXLSTMConfig) -> None:
    """Set the weights of ``module``, one of those that own a parameter themselves.

    Transformers never visits a module without parameters of its own (a cell, a block), so a layer sets its cell's
    gates too.
    """
    dim = config.embedding_dim
    if isinstance(module, LayerNorm):
        module.reset_parameters()
    elif isinstance(module, MLSTMLayer):
        small_(module.proj_up.weight, dim)
        nn.init.normal_(module.proj_down.weight, std=2 / config.num_blocks / math.sqrt(dim))
        nn.init.ones_(module.learnable_skip)
        cell = module.mlstm_cell
        nn.init.zeros_(cell.fgate.weight)
        cell.fgate.bias.copy_(torch.linspace(3.0, 6.0, config.num_heads))
        nn.init.zeros_(cell.igate.weight)
        nn.init.normal_(cell.igate.bias, std=0.1)
    elif isinstance(module, BlockDiagonalLinear):
        small_(module.weight, dim)
    elif isinstance(module, nn.Conv1d):
        module.reset_parameters()
    elif isinstance(module, nn.Embedding):
        small_(module.weight, dim)
