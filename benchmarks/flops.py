"""Floating-point operations that a model needs, counted from its sizes.

A product of an (m, k) with a (k, n) matrix is 2 m k n operations. Counted are matrix products and convolutions,
nothing elementwise; training is three times the forward pass (Chowdhery et al. 2022, appendix B). The mLSTM's weights
are counted as a full square of length x length, as the parallel form of the ``xlstm`` package computes it, and
block-diagonal projections with the blocks that they have: what an implementation computes beyond or below that is its
own affair.
"""

from __future__ import annotations

from elmo_xlstm.lm import BiXLSTMConfig

TRAINING = 3  # forward, and backward for inputs and for weights


def mlstm_block(config: BiXLSTMConfig, length: int) -> float:
    """Forward operations per token of one block in one direction."""
    dim, inner = config.embedding_dim, config.inner_dim
    up_and_down = 2 * dim * 2 * inner + 2 * inner * dim
    queries_keys_values = 3 * 2 * inner * config.qkv_proj_blocksize
    convolution = 2 * inner * config.conv1d_kernel_size
    gates = 2 * 2 * 3 * inner * config.num_heads
    cell = 2 * 2 * length * inner
    return up_and_down + queries_keys_values + convolution + gates + cell


def encoding(config: BiXLSTMConfig, length: int) -> float:
    """Forward operations per token of both directions, without soft-max."""
    return 2 * config.num_blocks * mlstm_block(config, length)


def lstm_layer(inputs: int, cells: int, projection: int | None = None) -> float:
    """Forward operations per token of one LSTM layer in one direction, with or without projection."""
    recurrent = projection or cells
    return 2 * 4 * cells * (inputs + recurrent) + (2 * cells * projection if projection else 0)


def softmax(dim: int, classes: int, length: int) -> float:
    """Forward operations per token of both directions' logits; a window of ``length`` has one prediction less."""
    return 2 * 2 * dim * classes * (length - 1) / length
