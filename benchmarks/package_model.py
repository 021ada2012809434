"""A language model of the ``xlstm`` package's stacks, used as its README does."""

from __future__ import annotations

from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTMConfig


def package_stack(config: BiXLSTMConfig) -> nn.Module:
    """An ``xLSTMBlockStack`` of the given architecture, with the package's own initial weights.

    Raises:
        UserError: the package is not installed.
    """
    # Where a GPU is visible but CUDA_HOME is not set, importing the package raises OSError over sLSTM kernels.
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        try:
            from xlstm import mLSTMBlockConfig, mLSTMLayerConfig, xLSTMBlockStack, xLSTMBlockStackConfig
        except ImportError as error:
            raise UserError(f"the xlstm package cannot be imported ({error}); pip install '.[benchmarks]'") from None
    layer = mLSTMLayerConfig(
        conv1d_kernel_size=config.conv1d_kernel_size,
        qkv_proj_blocksize=config.qkv_proj_blocksize,
        num_heads=config.num_heads,
        proj_factor=config.proj_factor,
    )
    stack: nn.Module = xLSTMBlockStack(
        xLSTMBlockStackConfig(
            mlstm_block=mLSTMBlockConfig(mlstm=layer),
            context_length=config.context_length,
            num_blocks=config.num_blocks,
            embedding_dim=config.embedding_dim,
            dropout=config.dropout,
        )
    )
    return stack


class PackageLanguageModel(nn.Module):
    """Two stacks over one embedding, a linear head each, cross-entropy on all logits at once."""

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.forward_stack = package_stack(config)
        self.backward_stack = package_stack(config)
        self.forward_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)
        self.backward_head = nn.Linear(config.embedding_dim, config.vocab_size, bias=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Mean of both directions' losses over (batch, length) piece ids."""
        forward, backward = self.logits(input_ids)
        forward_loss = F.cross_entropy(forward.flatten(0, 1), input_ids[:, 1:].flatten())
        backward_loss = F.cross_entropy(backward.flatten(0, 1), input_ids[:, :-1].flatten())
        return (forward_loss + backward_loss) / 2

    def logits(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, length - 1, vocabulary) of each direction."""
        embeddings = self.token_embedding(input_ids)
        forward = self.forward_stack(embeddings)[:, :-1]
        backward = self.backward_stack(embeddings.flip(1)).flip(1)[:, 1:]
        return self.forward_head(forward), self.backward_head(backward)
