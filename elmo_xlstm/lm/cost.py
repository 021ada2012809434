"""What a token of pretraining costs in arithmetic."""

from __future__ import annotations

from elmo_xlstm.lm.configuration import BiXLSTMConfig


def training_flops_per_token(config: BiXLSTMConfig, softmax_classes: float | None = None) -> float:
    """Floating-point operations per trained token, after the terms in docs/scaling.md.

    A product of matrices costs two operations per weight and token forwards and four backwards. Counted are the
    matrix products, the convolution and the cell's products over all pairs of a window's positions; not elementwise
    work, nor what activation checkpointing computes again.

    Args:
        config: the architecture.
        softmax_classes: rows of the soft-max that a token is multiplied with on average, in one direction; the whole
            vocabulary by default. See :meth:`~elmo_xlstm.lm.losses.SoftmaxLossSettings.classes`.
    """
    classes = config.vocab_size if softmax_classes is None else softmax_classes
    d, inner = config.embedding_dim, config.inner_dim
    block = 3 * d * inner  # up- and down-projection
    block += 3 * inner * config.qkv_proj_blocksize + 6 * inner * config.num_heads  # queries, keys, values; gates
    block += inner * config.conv1d_kernel_size
    pairs = 2 * config.context_length * inner  # queries with keys, and their weights with values
    return 2 * 6.0 * (config.num_blocks * (block + pairs) + classes * d)
