"""``xLSTM[a:b]``: a stack of mLSTM and sLSTM blocks (Beck et al. 2024) as a backbone."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from elmo_xlstm.lm.backbones.block_stack import BlockStack
from elmo_xlstm.lm.backbones.interface import BackboneSettings, Kernel, backbones
from elmo_xlstm.lm.backbones.mlstm.kernels import native_problem, use_kernel
from elmo_xlstm.lm.backbones.mlstm.layer import LayerNorm, MLSTMBlock
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTM, initialize_mlstm
from elmo_xlstm.lm.backbones.projection import Projection
from elmo_xlstm.lm.backbones.xlstm.layer import (
    GatedFeedForward,
    Initialization,
    SLSTMBlock,
    SLSTMCell,
    SLSTMLayer,
    feedforward_width,
)
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Few, Size, Sizes
from elmo_xlstm.lm.native import library_problem


class XLSTMStack(BlockStack):
    """Blocks of both kinds and a norm after the last: one causal direction.

    Its parameters are those of the ``xlstm`` package's ``xLSTMBlockStack``, name by name and shape by shape.
    """

    def __init__(self, settings: XLSTM, mlstm: BiXLSTMConfig) -> None:
        slstm_at = settings.positions(mlstm.num_blocks)
        super().__init__(
            (
                slstm_block(settings, mlstm, index) if index in slstm_at else MLSTMBlock(mlstm)
                for index in range(mlstm.num_blocks)
            ),
            LayerNorm(mlstm.embedding_dim),
        )
        self.mlstm = mlstm

    def initialize(self, module: nn.Module) -> None:
        """Draw weights as the ``xlstm`` package does."""
        if isinstance(module, SLSTMCell | Projection):
            module.reset_parameters()
        else:
            initialize_mlstm(module, self.mlstm)

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """Matrices and convolutions, but not the mLSTM's gates."""
        return parameter.ndim > 1 and not ("mlstm_cell" in name and "gate" in name)

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """Have blocks of both kinds computed by the kernel."""
        use_kernel(self, kernel, device)
        for module in self.modules():
            if isinstance(module, SLSTMCell):
                module.fused = kernel == "native"


def slstm_block(settings: XLSTM, mlstm: BiXLSTMConfig, index: int) -> SLSTMBlock:
    """The sLSTM block at a position of the stack."""
    dim, num_blocks = mlstm.embedding_dim, mlstm.num_blocks
    taps, depth = settings.slstm_conv1d_kernel_size, index / max(1, num_blocks - 1)
    layer = SLSTMLayer(dim, settings.num_heads, taps, depth, settings.slstm_initialization)
    return SLSTMBlock(layer, GatedFeedForward(dim, num_blocks), mlstm.dropout)


@backbones.register("xlstm")
class XLSTM(BackboneSettings):
    """mLSTM blocks, and sLSTM blocks at the positions given: xLSTM[a:b] with a mLSTM blocks for b sLSTM blocks."""

    type: Literal["xlstm"] = "xlstm"
    slstm_at: list[Annotated[int, Field(ge=0)]] | Literal["all"]
    """Which blocks are sLSTM blocks, counted from 0; or all."""
    num_heads: Size = 4
    """Heads of each cell of either kind."""
    proj_factor: Annotated[float, Field(gt=0, le=1000)] = 2.0
    """Width of the mLSTM's cell as a multiple of embedding_dim; the sLSTM's is embedding_dim."""
    conv1d_kernel_size: Few = 4
    """Taps of the mLSTM's convolution."""
    qkv_proj_blocksize: Size = 4
    """Block size of the mLSTM's block-diagonal projections."""
    slstm_conv1d_kernel_size: Annotated[int, Field(ge=0, le=1000)] = 4
    """Taps of the convolution before the sLSTM's input and forget gate; 0: no convolution."""
    slstm_initialization: Initialization = "powerlaw"
    """powerlaw: forget biases spread by a power law that depends on the block, recurrent matrices zero, as for language
    models. uniform: all of the cell's own weights as torch draws an LSTM's."""
    kernels = frozenset({"torch", "native"})
    precisions = frozenset({"fp32", "bf16"})

    def positions(self, num_blocks: int) -> list[int]:
        """Of the sLSTM blocks."""
        return list(range(num_blocks)) if self.slstm_at == "all" else self.slstm_at

    def check(self, sizes: Sizes) -> None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.check`."""
        if sizes.embedding_dim % self.num_heads:
            raise ValueError(
                f"backbone.num_heads={self.num_heads} does not divide embedding_dim={sizes.embedding_dim}; choose one "
                "that does"
            )
        positions = self.positions(sizes.num_blocks)
        if beyond := [index for index in positions if index >= sizes.num_blocks]:
            raise ValueError(
                f"backbone.slstm_at: there is no block {beyond[0]}; blocks are 0 to {sizes.num_blocks - 1} "
                f"(num_blocks={sizes.num_blocks})"
            )
        if len(set(positions)) < len(positions):
            raise ValueError("backbone.slstm_at: names a block twice")
        self._mlstm(sizes)  # which says if its own sizes do not fit

    def _mlstm(self, sizes: Sizes) -> BiXLSTMConfig:
        """The model of the same size with mLSTM blocks only."""
        return BiXLSTMConfig(
            embedding_dim=sizes.embedding_dim,
            num_blocks=sizes.num_blocks,
            dropout=sizes.dropout,
            context_length=sizes.context_length,
            num_heads=self.num_heads,
            proj_factor=self.proj_factor,
            conv1d_kernel_size=self.conv1d_kernel_size,
            qkv_proj_blocksize=self.qkv_proj_blocksize,
        )

    def build(self, config: BiXLSTMConfig) -> XLSTMStack:
        """One direction."""
        return XLSTMStack(self, self._mlstm(config))

    def training_flops(self, config: BiXLSTMConfig) -> float:
        """Those of the mLSTM's blocks; of the sLSTM's, the products of gates and recurrence and the feed-forward."""
        dim, slstm_blocks = config.embedding_dim, len(self.positions(config.num_blocks))
        mlstm_block = MLSTM().training_flops(self._mlstm(config)) / config.num_blocks
        weights = 8 * dim * (dim // self.num_heads)  # four gates read the input and, recurrently, the output
        weights += dim * self.slstm_conv1d_kernel_size + 3 * dim * feedforward_width(dim)
        return (config.num_blocks - slstm_blocks) * mlstm_block + 6.0 * slstm_blocks * weights

    def kernel_problem(self, kernel: Kernel, config: BiXLSTMConfig, device: torch.device) -> str | None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.kernel_problem`; compiles native kernels if need be."""
        if kernel != "native":
            return super().kernel_problem(kernel, config, device)
        if len(self.positions(config.num_blocks)) < config.num_blocks:
            return native_problem(self._mlstm(config), device)
        return f"they need a CPU, and this runs on {device.type}" if device.type != "cpu" else library_problem()
