"""The ``xlstm`` package's stacks: used as its README does, and inside our embedder."""

from __future__ import annotations

from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig


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

    @torch.no_grad()
    def copy_weights(self, model: BiXLSTM) -> None:
        """Take over the weights of one of our models."""
        forward, backward = model.softmax_weights()
        self.token_embedding.weight.copy_(model.token_embedding.weight)
        self.forward_head.weight.copy_(forward)
        self.backward_head.weight.copy_(backward)
        self.forward_stack.load_state_dict(model.forward_stack.state_dict())
        self.backward_stack.load_state_dict(model.backward_stack.state_dict())


class _AllBlocks(nn.Module):
    """The package's stack with the outputs of all blocks, as our own stacks give them."""

    def __init__(self, stack: nn.Module) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of all blocks, the last one behind the norm."""
        blocks, norm = self.stack.blocks, self.stack.post_blocks_norm
        assert isinstance(blocks, nn.ModuleList) and isinstance(norm, nn.Module)
        hidden_states = [inputs]
        for block in blocks:
            hidden_states.append(block(hidden_states[-1]))
        return [*hidden_states[1:-1], norm(hidden_states[-1])]


def with_package_stacks(model: BiXLSTM, context_length: int) -> BiXLSTM:
    """A model of the same weights whose stacks are the package's; everything else is ours.

    Args:
        model: gives the weights.
        context_length: the longest input, which the package must know.
    """
    config = BiXLSTMConfig(**{**model.config.to_dict(), "context_length": context_length})
    twin = BiXLSTM(config)
    twin.load_state_dict(model.state_dict())
    for name in ("forward_stack", "backward_stack"):
        stack = package_stack(config)
        stack.load_state_dict(getattr(model, name).state_dict())
        setattr(twin, name, _AllBlocks(stack))
    nn.Module.to(twin, model.device)
    return twin.eval()
