"""A stack of mLSTM blocks (xLSTM, Beck et al. 2024) as a backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from elmo_xlstm.lm.backbones.interface import Backbone, BackboneSettings, Kernel, backbones
from elmo_xlstm.lm.backbones.mlstm.cell import LayerState
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem, native_problem, use_kernel
from elmo_xlstm.lm.backbones.mlstm.layer import BlockDiagonalLinear, LayerNorm, MLSTMBlock, MLSTMLayer
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Sizes, inner_dim


class MLSTMStack(Backbone):
    """Blocks and a norm after the last: one causal direction.

    Its parameters are those of the ``xlstm`` package's ``xLSTMBlockStack``, name by name and shape by shape.
    """

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(MLSTMBlock(config) for _ in range(config.num_blocks))
        self.post_blocks_norm = LayerNorm(config.embedding_dim)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of all blocks, each (batch, length, embedding dim); the last one behind the norm."""
        hidden_states, _ = self._run(inputs, [None] * len(self.blocks), return_state=False)
        return hidden_states

    def step(self, inputs: Tensor, state: list[LayerState] | None = None) -> tuple[list[Tensor], list[LayerState]]:
        """See :meth:`~elmo_xlstm.lm.backbones.Backbone.step`; a state has the same size however much was read."""
        hidden_states, after = self._run(inputs, state or [None] * len(self.blocks), return_state=True)
        return hidden_states, [layer for layer in after if layer is not None]

    def _run(
        self, inputs: Tensor, states: Sequence[LayerState | None], return_state: bool
    ) -> tuple[list[Tensor], list[LayerState | None]]:
        hidden, hidden_states, after = inputs, [], []
        for block, state in zip(self.blocks, states, strict=True):
            hidden, state = block(hidden, state, return_state)
            hidden_states.append(hidden)
            after.append(state)
        hidden_states[-1] = self.post_blocks_norm(hidden)
        return hidden_states, after

    @torch.no_grad()
    def initialize(self, module: nn.Module) -> None:
        """Draw weights as the ``xlstm`` package does.

        Transformers never visits a module without parameters of its own (a cell, a block), so a layer sets its cell's
        gates too.
        """
        dim = self.config.embedding_dim
        small = math.sqrt(2 / (5 * dim))  # Nguyen and Salazar 2019
        if isinstance(module, MLSTMLayer):
            nn.init.normal_(module.proj_up.weight, std=small)
            nn.init.normal_(module.proj_down.weight, std=2 / self.config.num_blocks / math.sqrt(dim))
            nn.init.ones_(module.learnable_skip)
            cell = module.mlstm_cell
            nn.init.zeros_(cell.fgate.weight)
            cell.fgate.bias.copy_(torch.linspace(3.0, 6.0, self.config.num_heads))
            nn.init.zeros_(cell.igate.weight)
            nn.init.normal_(cell.igate.bias, std=0.1)
        elif isinstance(module, BlockDiagonalLinear):
            nn.init.normal_(module.weight, std=small)
        elif isinstance(module, LayerNorm | nn.Conv1d):
            module.reset_parameters()

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """Matrices and convolutions, but not gates."""
        return parameter.ndim > 1 and "igate" not in name and "fgate" not in name

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """See :func:`~elmo_xlstm.lm.backbones.mlstm.kernels.use_kernel`."""
        use_kernel(self, kernel, device)


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

    def build(self, config: PretrainedConfig) -> MLSTMStack:
        """One direction."""
        assert isinstance(config, BiXLSTMConfig)
        return MLSTMStack(config)

    def training_flops(self, config: PretrainedConfig) -> float:
        """The matrix products, the convolution, and the cell's products over all pairs of a window's positions."""
        inner = config.inner_dim
        block = 3 * config.embedding_dim * inner  # up- and down-projection
        block += 3 * inner * config.qkv_proj_blocksize + 6 * inner * config.num_heads  # queries, keys, values; gates
        block += inner * config.conv1d_kernel_size
        pairs = 2 * config.context_length * inner  # queries with keys, and their weights with values
        return float(6.0 * config.num_blocks * (block + pairs))

    def fingerprint(self, config: PretrainedConfig) -> str:
        """Sizes that the weights' shapes do not show."""
        return f"{config.num_heads} {config.qkv_proj_blocksize}"

    def kernel_problem(self, kernel: Kernel, config: PretrainedConfig, device: torch.device) -> str | None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.kernel_problem`; compiles native kernels if need be."""
        assert isinstance(config, BiXLSTMConfig)
        if kernel == "native":
            return native_problem(config, device)
        return kernel_problem(device) if kernel == "triton" else None
