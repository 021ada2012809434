"""Architecture of a bidirectional mLSTM language model."""

from __future__ import annotations

import math
from typing import Any, Literal

from transformers import PretrainedConfig

from elmo_xlstm.lm.losses.adaptive import check_cutoffs


class BiXLSTMConfig(PretrainedConfig):
    """Sizes of a :class:`~elmo_xlstm.lm.model.BiXLSTM`, by the names that the ``xlstm`` package uses.

    Args:
        vocab_size: number of word pieces.
        embedding_dim: width of the residual stream and of the token embedding.
        num_blocks: mLSTM blocks in each direction.
        num_heads: heads of each mLSTM cell. The cell works at ``proj_factor * embedding_dim``, so that a head
            is ``proj_factor * embedding_dim / num_heads`` wide.
        proj_factor: width of the cell as a multiple of ``embedding_dim``.
        conv1d_kernel_size: taps of the causal convolution before queries and keys.
        qkv_proj_blocksize: block size of the block-diagonal query, key and value projections.
        dropout: on the output of every block, in training.
        context_length: tokens in a training window. Encoding takes any length.
        softmax: ``separate`` output weights per direction, one ``shared`` matrix, or ``tied`` to the embedding;
            ``none`` for a model that was exported for embedding, which encodes and predicts nothing.
        softmax_clusters: frequency ranks at which the clusters of an adaptive soft-max begin, ascending (see
            :class:`~elmo_xlstm.lm.losses.AdaptiveSoftmax`); ``None`` for one soft-max over the whole vocabulary.
        pad_token_id: the piece that padding uses.

    Raises:
        ValueError: ``softmax_clusters`` are no ascending ranks within the vocabulary, or there is no soft-max.
    """

    model_type = "bixlstm"

    def __init__(
        self,
        vocab_size: int = 32_000,
        embedding_dim: int = 768,
        num_blocks: int = 8,
        num_heads: int = 4,
        proj_factor: float = 2.0,
        conv1d_kernel_size: int = 4,
        qkv_proj_blocksize: int = 4,
        dropout: float = 0.1,
        context_length: int = 256,
        softmax: Literal["separate", "shared", "tied", "none"] = "separate",
        softmax_clusters: list[int] | None = None,
        pad_token_id: int = 0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("tie_word_embeddings", False)  # our own `softmax` says what is tied
        kwargs["pad_token_id"] = pad_token_id  # transformers 4.57 sets it to None where it is not among these
        self.vocab_size = vocab_size
        self.embedding_dim = embedding_dim
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.proj_factor = proj_factor
        self.conv1d_kernel_size = conv1d_kernel_size
        self.qkv_proj_blocksize = qkv_proj_blocksize
        self.dropout = dropout
        self.context_length = context_length
        self.softmax = softmax
        if softmax_clusters is not None:
            if softmax == "none":
                raise ValueError("softmax_clusters are given, but softmax is 'none'")
            check_cutoffs(softmax_clusters, vocab_size)
        self.softmax_clusters = softmax_clusters
        super().__init__(**kwargs)

    @property
    def inner_dim(self) -> int:
        """Width of the mLSTM cell: ``proj_factor * embedding_dim``, rounded up to a multiple of 64 as in ``xlstm``."""
        multiple = 64
        return math.ceil(self.proj_factor * self.embedding_dim / multiple) * multiple

    @property
    def hidden_size(self) -> int:
        """Width of a contextual vector, both directions concatenated."""
        return 2 * self.embedding_dim
