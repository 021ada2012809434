"""A causal Transformer as a backbone: the decoder of Llama (Touvron et al. 2023), with which the xLSTM paper compares.

Each block is attention and a gated feed-forward network (SwiGLU: Shazeer 2020), each behind an RMS norm and beside a
residual connection; queries and keys are rotated by their positions (Su et al. 2021). Attention is torch's
``scaled_dot_product_attention``. What :meth:`step` carries is every earlier token's keys and values.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.lm.backbones.block_stack import BlockStack
from elmo_xlstm.lm.backbones.interface import BackboneSettings, backbones
from elmo_xlstm.lm.backbones.projection import Projection, residual_std, small_std
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Size, Sizes


class KeyValues(NamedTuple):
    """What a block's attention has read: (batch, heads, tokens, head width) each, keys as they were rotated."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Causal attention of many heads.

    Args:
        dim: width of inputs and outputs.
        num_heads: divides it.
        rope_theta: the longest wavelength of the rotations, in tokens, over 2 pi.
        num_blocks: of the stack, on which the initial weights depend.
    """

    def __init__(self, dim: int, num_heads: int, rope_theta: float, num_blocks: int) -> None:
        super().__init__()
        self.num_heads, self.rope_theta = num_heads, rope_theta
        self.proj_in = Projection(dim, 3 * dim, small_std(dim))  # queries, keys, values
        self.proj_out = Projection(dim, dim, residual_std(dim, num_blocks))

    def forward(self, inputs: Tensor, before: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """Map (batch, length, dim) to the same shape; also what is ``before`` for the tokens that follow."""
        start = 0 if before is None else before.keys.shape[2]
        length = inputs.shape[1]
        heads = self.proj_in(inputs).unflatten(-1, (3, self.num_heads, -1))  # (batch, length, 3, heads, head width)
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        cosine, sine = rotations(start, length, queries.shape[-1], self.rope_theta, inputs.device)
        queries, keys = (rotate(tensor, cosine, sine) for tensor in (queries, keys))
        if before is not None:
            keys, values = torch.cat([before.keys, keys], dim=2), torch.cat([before.values, values], dim=2)
        # torch's own causal mask has the first query see the first key alone: right only where nothing was before.
        mask = None
        if start and length > 1:
            mask = torch.ones(length, start + length, dtype=torch.bool, device=inputs.device).tril(start)
        hidden = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=not start)
        return self.proj_out(hidden.transpose(1, 2).flatten(2)), KeyValues(keys, values)


class FeedForward(nn.Module):
    """``W2 (silu(W1 x) * W3 x)``, with ``W1`` and ``W3`` in one matrix."""

    def __init__(self, dim: int, width: int, num_blocks: int) -> None:
        super().__init__()
        self.proj_in = Projection(dim, 2 * width, small_std(dim))
        self.proj_out = Projection(width, dim, residual_std(dim, num_blocks))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., dim) to the same shape."""
        gate, hidden = self.proj_in(inputs).chunk(2, dim=-1)
        outputs: Tensor = self.proj_out(F.silu(gate) * hidden)
        return outputs


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network; dropout is on the output of each."""

    def __init__(self, settings: Transformer, config: BiXLSTMConfig) -> None:
        super().__init__()
        dim = config.embedding_dim
        self.attention_norm = nn.RMSNorm(dim, eps=1e-5)
        self.attention = Attention(dim, settings.num_heads, settings.rope_theta, config.num_blocks)
        self.feedforward_norm = nn.RMSNorm(dim, eps=1e-5)
        self.feedforward = FeedForward(dim, settings.feedforward_width(dim), config.num_blocks)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, inputs: Tensor, state: KeyValues | None = None, return_state: bool = False
    ) -> tuple[Tensor, KeyValues | None]:
        """Map (batch, length, dim) to the same shape, and the state after the last token if asked for."""
        attended, state = self.attention(self.attention_norm(inputs), state)
        hidden = inputs + self.dropout(attended)
        hidden = hidden + self.dropout(self.feedforward(self.feedforward_norm(hidden)))
        return hidden, state if return_state else None


class TransformerStack(BlockStack):
    """Blocks and a norm after the last: one causal direction."""

    def __init__(self, settings: Transformer, config: BiXLSTMConfig) -> None:
        blocks = (TransformerBlock(settings, config) for _ in range(config.num_blocks))
        super().__init__(blocks, nn.RMSNorm(config.embedding_dim, eps=1e-5))


def rotations(start: int, length: int, width: int, theta: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles at positions from ``start`` on, (length, width / 2) each, float32."""
    with torch.autocast(device.type, enabled=False):
        rates = theta ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
        angles = torch.outer(torch.arange(start, start + length, device=device, dtype=torch.float32), rates)
        return angles.cos(), angles.sin()


def rotate(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate each pair of channels, one of the first half and one of the second, of (..., length, head width)."""
    first, second = heads.float().chunk(2, dim=-1)
    rotated = torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
    return rotated.to(heads.dtype)


@backbones.register("transformer")
class Transformer(BackboneSettings):
    """A causal Transformer with rotary positions. Its attention reads all earlier tokens, at a cost that grows so."""

    type: Literal["transformer"] = "transformer"
    num_heads: Size = 4
    """Heads of the attention."""
    feedforward_dim: Size | None = None
    """Width of the feed-forward network; null: 8/3 of embedding_dim, rounded up to a multiple of 64."""
    rope_theta: Annotated[float, Field(gt=0, le=1e12)] = 10_000.0
    """Base of the rotations' wavelengths; more for longer contexts."""
    precisions = frozenset({"fp32", "bf16"})

    def feedforward_width(self, dim: int) -> int:
        """Width of the feed-forward network in a model of width ``dim``."""
        return self.feedforward_dim or math.ceil(8 * dim / 3 / 64) * 64

    def check(self, sizes: Sizes) -> None:
        """See :meth:`~elmo_xlstm.lm.backbones.BackboneSettings.check`."""
        if sizes.embedding_dim % (2 * self.num_heads):
            raise ValueError(
                f"backbone.num_heads={self.num_heads} does not cut embedding_dim={sizes.embedding_dim} into heads of "
                "an even width; choose one that does"
            )

    def build(self, config: BiXLSTMConfig) -> TransformerStack:
        """One direction."""
        return TransformerStack(self, config)

    def training_flops(self, config: BiXLSTMConfig) -> float:
        """The matrix products, and those of attention over all pairs of a window's positions.

        Causal attention needs half of these pairs; the mLSTM's are counted in the same way.
        """
        dim = config.embedding_dim
        block = 4 * dim * dim + 3 * dim * self.feedforward_width(dim)
        pairs = 2 * config.context_length * dim  # queries with keys, and their weights with values
        return float(6.0 * config.num_blocks * (block + pairs))
