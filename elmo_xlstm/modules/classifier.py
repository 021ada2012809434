"""Labels of a text: one, or one for each of several aspects."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules.batches import LabelledBatch, needed
from elmo_xlstm.modules.features import FeatureInputs
from elmo_xlstm.modules.head import Head, TextEncoder
from elmo_xlstm.modules.pooling import Pooling


class LabelHead(Head):
    """A head that gives (B, A, K) logits: K labels for each of A aspects."""

    def loss(self, batch: LabelledBatch) -> Tensor:
        """Cross-entropy, mean over examples and aspects; see :class:`Head`."""
        logits, labels = self(batch), needed(batch.labels, "labels")
        if labels.shape != logits.shape[:2]:
            raise ValueError(f"the batch has {labels.shape[1]} labels per text, this head gives {logits.shape[1]}")
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten())
        return loss + self.features.penalty()

    @torch.no_grad()
    def probabilities(self, batch: LabelledBatch) -> Tensor:
        """Probability of each label, (B, A, K); errors are those of ``forward``."""
        probabilities: Tensor = self(batch).float().softmax(dim=-1)
        return probabilities


class Classifier(LabelHead):
    """Word features → encoder → pooling → multi-layer perceptron.

    With several aspects the encoder is shared; each aspect has its own attention query and its own perceptron.

    Args:
        config: see :class:`Config`.
        num_labels: K.
        num_aspects: A; 1 where a text has just one label.
        inputs: sizes and vocabularies of the word features; see :class:`Head` for errors.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`Classifier`."""

        pooling: Pooling.Config = Field(default_factory=Pooling.Config)
        """Pooling of word vectors to one."""
        hidden_size: int | None = Field(default=None, gt=0)
        """Width of a hidden layer between that vector and the labels; null for none."""
        output_dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
        """Dropout of the pooled vector and of the hidden layer."""

        def build(self, labels: Sequence[str], inputs: FeatureInputs, num_aspects: int = 1) -> Classifier:
            """Make the head with fresh weights for labels in the order of their ids."""
            return Classifier(self, len(labels), num_aspects, inputs)

    def __init__(self, config: Config, num_labels: int, num_aspects: int, inputs: FeatureInputs) -> None:
        super().__init__(config, inputs)
        self.pooling = Pooling(config.pooling, self.text.output_dim, num_aspects)
        self.output = Perceptron(
            self.pooling.output_dim, config.hidden_size, num_labels, config.output_dropout, num_aspects
        )

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Logits, (B, A, K).

        Raises:
            ValueError: the examples are not single texts; see also :class:`TextEncoder`.
        """
        (text,) = batch.texts
        logits: Tensor = self.output(self.pooling(self.text(text), text.mask))
        return logits


class Perceptron(nn.Module):
    """Dropout → linear, or dropout → linear → ReLU → dropout → linear; one for each of A vectors, with own weights.

    Args:
        input_dim: width D of the vectors.
        hidden_size: of the hidden layer, or None for no such layer.
        output_dim: K.
        dropout: of the vectors and of the hidden layer.
        count: A.
    """

    def __init__(
        self, input_dim: int, hidden_size: int | None, output_dim: int, dropout: float, count: int = 1
    ) -> None:
        super().__init__()
        dims = [input_dim, *([hidden_size] if hidden_size is not None else []), output_dim]
        self.dropout = nn.Dropout(dropout)
        self.weights = nn.ParameterList(nn.Parameter(torch.empty(count, i, o)) for i, o in itertools.pairwise(dims))
        self.biases = nn.ParameterList(nn.Parameter(torch.empty(count, o)) for o in dims[1:])
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = weight.shape[1] ** -0.5  # as torch.nn.Linear
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, A, D) → (B, A, K)."""
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            vectors = self.dropout(vectors if number == 0 else vectors.relu())
            vectors = torch.einsum("bai,aio->bao", vectors, weight) + bias
        return vectors
