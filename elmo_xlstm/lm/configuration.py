"""The architecture of a bidirectional language model: its sizes, each declared once, here."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from elmo_xlstm.config import Settings
from elmo_xlstm.lm.backbones.interface import DEFAULT, Kernel, backbones
from elmo_xlstm.lm.losses.adaptive import check_cutoffs

# Bounds for a file of strangers, which no model of ours comes near.
Size = Annotated[int, Field(gt=0, le=2**24)]
Few = Annotated[int, Field(gt=0, le=1000)]

# Sizes of the mLSTM backbone, which stand beside those of every model: it was the only one once.
OF_MLSTM = ("num_heads", "proj_factor", "conv1d_kernel_size", "qkv_proj_blocksize")


class Sizes(Settings):
    """Sizes of a language model, by the names that the ``xlstm`` package uses."""

    embedding_dim: Size = 768
    """Width of the residual stream and of the token embedding."""
    num_blocks: Few = 8
    """Blocks of the backbone in each direction."""
    num_heads: Size = 4
    """Heads of each mLSTM cell, which works at proj_factor * embedding_dim, rounded up to a multiple of 64."""
    proj_factor: Annotated[float, Field(gt=0, le=1000)] = 2.0
    """Width of the mLSTM cell as a multiple of embedding_dim."""
    conv1d_kernel_size: Few = 4
    """Taps of the causal convolution before the mLSTM's queries and keys."""
    qkv_proj_blocksize: Size = 4
    """Block size of the mLSTM's block-diagonal query, key and value projections."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """On the output of every block, in training."""
    context_length: Annotated[int, Field(ge=2, le=2**24)] = 256
    """Tokens of a training window. Encoding takes any length."""
    directions: Literal[1, 2] = 2
    """2: a forward and a backward language model. 1: the forward one alone, which has read nothing after a token."""
    backbone: Annotated[Any, backbones] = Field(default_factory=lambda: backbones[DEFAULT]())
    """The stacks that read the text, by its type and its own settings; by default the mLSTM, whose sizes (num_heads,
    proj_factor, conv1d_kernel_size, qkv_proj_blocksize) are the model's."""

    @model_validator(mode="after")
    def _suits_the_backbone(self) -> Sizes:
        given = [name for name in OF_MLSTM if name in self.model_fields_set]
        if self.backbone.type != DEFAULT and given:
            raise ValueError(
                f"{', '.join(given)}: of the mLSTM, and not of the backbone '{self.backbone.type}'; leave it out"
            )
        self.backbone.check(self)
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files of an mLSTM in two directions are those from before there were others."""
        values: dict[str, Any] = handler(self)
        if self.directions == 2:
            values.pop("directions", None)
        for name in ("backbone",) if self.backbone.type == DEFAULT else OF_MLSTM:
            values.pop(name, None)
        return values


class BiXLSTMConfig(Sizes):
    """All that decides about names and shapes of a model's weights, and about its numbers for given weights.

    Raises:
        ValueError: no model can have such sizes.
    """

    model_type: ClassVar = "bixlstm"

    vocab_size: Size = 32_000
    """Number of word pieces."""
    softmax: Literal["separate", "shared", "tied", "none"] = "separate"
    """Separate output weights per direction, one shared matrix, or the token embedding; none for a model that was
    exported for embedding, which encodes and predicts nothing."""
    softmax_clusters: list[Size] | None = None
    """Frequency ranks at which the clusters of an adaptive soft-max begin, ascending (see
    :class:`~elmo_xlstm.lm.losses.AdaptiveSoftmax`); None for one soft-max over the whole vocabulary."""
    pad_token_id: Annotated[int, Field(ge=0)] = 0
    """The piece that padding uses."""

    @model_validator(mode="after")
    def _clusters_are_of_the_vocabulary(self) -> BiXLSTMConfig:
        if self.softmax_clusters is not None:
            if self.softmax == "none":
                raise ValueError("softmax_clusters are given, but softmax is 'none'")
            check_cutoffs(self.softmax_clusters, self.vocab_size)
        return self

    def kernel_problem(self, kernel: Kernel, device: torch.device) -> str | None:
        """Why a kernel cannot compute such a model on a device, or ``None`` if it can."""
        problem: str | None = self.backbone.kernel_problem(kernel, self, device)
        return problem

    @property
    def inner_dim(self) -> int:
        """Width of the mLSTM cell."""
        return inner_dim(self)

    @property
    def hidden_size(self) -> int:
        """Width of a contextual vector, all directions concatenated."""
        return self.directions * self.embedding_dim


def inner_dim(sizes: Sizes) -> int:
    """Width of the mLSTM cell: ``proj_factor * embedding_dim``, rounded up to a multiple of 64 as in ``xlstm``."""
    multiple = 64
    return math.ceil(sizes.proj_factor * sizes.embedding_dim / multiple) * multiple


def training_flops_per_token(config: BiXLSTMConfig, softmax_classes: float | None = None) -> float:
    """Floating-point operations per trained token, after the terms in docs/scaling.md.

    Counted are the products of the backbones and of the soft-max; not elementwise work, nor what activation
    checkpointing computes again.

    Args:
        config: the architecture.
        softmax_classes: rows of the soft-max that a token is multiplied with on average, in one direction; the whole
            vocabulary by default. See :meth:`~elmo_xlstm.lm.losses.SoftmaxLossSettings.classes`.
    """
    classes = config.vocab_size if softmax_classes is None else softmax_classes
    of_backbone: float = config.backbone.training_flops(config)
    return config.directions * (of_backbone + 6.0 * classes * config.embedding_dim)
