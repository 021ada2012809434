"""A stack of mLSTM blocks (xLSTM, Beck et al. 2024) as a backbone."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from elmo_xlstm.lm.backbones.block_stack import BlockStack
from elmo_xlstm.lm.backbones.interface import BackboneSettings, Kernel, backbones
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem, native_problem, use_kernel
from elmo_xlstm.lm.backbones.mlstm.layer import BlockDiagonalLinear, LayerNorm, MLSTMBlock, MLSTMLayer
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Sizes, inner_dim


class MLSTMStack(BlockStack):
    """Blocks and a norm after the last: one causal direction. A state has the same size however much was read.

    Its parameters are those of the ``xlstm`` package's ``xLSTMBlockStack``, name by name and shape by shape.
    """

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__((MLSTMBlock(config) for _ in range(config.num_blocks)), LayerNorm(config.embedding_dim))
        self.config = config

    def initialize(self, module: nn.Module) -> None:
        """See :func:`initialize_mlstm`."""
        initialize_mlstm(module, self.config)

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """Matrices and convolutions, but not gates."""
        return parameter.ndim > 1 and "igate" not in name and "fgate" not in name

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """See :func:`~elmo_xlstm.lm.backbones.mlstm.kernels.use_kernel`."""
        use_kernel(self, kernel, device)


@torch.no_grad()
def initialize_mlstm(module: nn.Module, config: BiXLSTMConfig) -> None:
    """Draw weights as the ``xlstm`` package does; a layer sets its cell's gates too."""
    dim = config.embedding_dim
    small = math.sqrt(2 / (5 * dim))  # Nguyen and Salazar 2019
    if isinstance(module, MLSTMLayer):
        nn.init.normal_(module.proj_up.weight, std=small)
        nn.init.normal_(module.proj_down.weight, std=2 / config.num_blocks / math.sqrt(dim))
        nn.init.ones_(module.learnable_skip)
        cell = module.mlstm_cell
        nn.init.zeros_(cell.fgate.weight)
        cell.fgate.bias.copy_(torch.linspace(3.0, 6.0, config.num_heads))
        nn.init.zeros_(cell.igate.weight)
        nn.init.normal_(cell.igate.bias, std=0.1)
    elif isinstance(module, BlockDiagonalLinear):
        nn.init.normal_(module.weight, std=small)
    elif isinstance(module, LayerNorm | nn.Conv1d):
        module.reset_parameters()


@backbones.register("mlstm")
class MLSTM(BackboneSettings):
    """The mLSTM, a linear recurrence with a matrix memory. Its sizes are the model's."""

    type: Literal["mlstm"] = "mlstm"
    kernels = frozenset({"torch", "native", "triton"})
    precisions = frozenset({"fp32", "bf16", "int8"})

    def check(self, sizes: Sizes) -> None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.check`."""
        inner = inner_dim(sizes)
        for name in ("num_heads", "qkv_proj_blocksize"):
            if inner % (value := getattr(sizes, name)):
                raise ValueError(f"{name}={value} does not divide the cell's width {inner}; choose one that does")

    def build(self, config: BiXLSTMConfig) -> MLSTMStack:
        """One direction."""
        return MLSTMStack(config)

    def training_flops(self, config: BiXLSTMConfig) -> float:
        """The matrix products, the convolution, and the cell's products over all pairs of a window's positions."""
        inner = config.inner_dim
        block = 3 * config.embedding_dim * inner  # up- and down-projection
        block += 3 * inner * config.qkv_proj_blocksize + 6 * inner * config.num_heads  # queries, keys, values; gates
        block += inner * config.conv1d_kernel_size
        pairs = 2 * config.context_length * inner  # queries with keys, and their weights with values
        return float(6.0 * config.num_blocks * (block + pairs))

    def fingerprint(self, config: BiXLSTMConfig) -> str:
        """Sizes that the weights' shapes do not show."""
        return f"{config.num_heads} {config.qkv_proj_blocksize}"

    def kernel_problem(self, kernel: Kernel, config: BiXLSTMConfig, device: torch.device) -> str | None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.kernel_problem`; compiles native kernels if need be."""
        if kernel == "native":
            return native_problem(config, device)
        return kernel_problem(device) if kernel == "triton" else None
