"""A label for a pair of texts, such as whether one follows from the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules.batches import LabelledBatch, needed
from elmo_xlstm.modules.classifier import LabelHead, Perceptron
from elmo_xlstm.modules.features import FeatureInputs
from elmo_xlstm.modules.head import TextEncoder
from elmo_xlstm.modules.pooling import Pooling
from elmo_xlstm.modules.shared_words import OVERLAP

OVERLAP_SCALE = 10.0  # of numbers between 0 and 1, for a few hundred small steps to give them weight


class PairClassifier(LabelHead):
    """One encoder for both texts → pooling to u and v → perceptron on [u; v; |u − v|; u * v].

    That is the comparison of Mou et al. 2016 and InferSent (Conneau et al. 2017, figure 1). With cross attention each
    word is first compared with what it is aligned to in the other text, as in ESIM (Chen et al. 2017, section 3.2):
    small differences between nearly equal texts then do not drown in the pooled vectors. Which words the texts share is
    hard to read off such vectors, and a wide part beside the deep one is given it (Cheng et al. 2016, "Wide & Deep
    Learning", section 3).

    Args:
        config: see :class:`Config`.
        num_labels: K.
        inputs: sizes and vocabularies of the word features; see :class:`Head` for errors.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`PairClassifier`."""

        cross_attention: int | None = Field(default=None, gt=0)
        """Width of a word's comparison with the other text; null to do without."""
        pooling: Pooling.Config = Field(default_factory=lambda: Pooling.Config(methods=("max", "mean")))
        """Pooling of word vectors to one."""
        hidden_size: int | None = Field(default=100, gt=0)
        """Width of a hidden layer between the compared vectors and the labels; null for none."""
        output_dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
        """Dropout of the compared vectors and of the hidden layer."""
        overlaps: bool = False
        """Whether how far the texts share words and numbers adds to the logits, linearly, past the perceptron."""

        def build(self, labels: Sequence[str], inputs: FeatureInputs) -> PairClassifier:
            """Make the head with fresh weights for labels in the order of their ids."""
            return PairClassifier(self, len(labels), inputs)

    def __init__(self, config: Config, num_labels: int, inputs: FeatureInputs) -> None:
        super().__init__(config, inputs)
        dim = self.text.output_dim
        self.comparison: nn.Module | None = None
        if config.cross_attention is not None:
            self.comparison = nn.Sequential(nn.Linear(4 * dim, config.cross_attention), nn.ReLU())
            dim = config.cross_attention
        self.pooling = Pooling(config.pooling, dim)
        self.output = Perceptron(4 * self.pooling.output_dim, config.hidden_size, num_labels, config.output_dropout)
        self.overlaps: nn.Linear | None = None
        if config.overlaps:
            self.overlaps = nn.Linear(len(OVERLAP), num_labels)
            nn.init.zeros_(self.overlaps.weight)  # random ones would be larger than what training adds

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Logits, (B, 1, K).

        Raises:
            ValueError: the examples are not pairs; see also :class:`TextEncoder`.
        """
        one, other = batch.texts
        first, second = self.text(one), self.text(other)  # (B, L, D), (B, M, D)
        if self.comparison is not None:
            scores = first @ second.transpose(1, 2) * first.shape[-1] ** -0.5  # (B, L, M)
            second_for_first = _attend(scores, second, other.mask)
            first_for_second = _attend(scores.transpose(1, 2), first, one.mask)
            first = self.comparison(_compare(first, second_for_first))
            second = self.comparison(_compare(second, first_for_second))
        logits: Tensor = self.output(_compare(self.pooling(first, one.mask), self.pooling(second, other.mask)))
        if self.overlaps is not None:
            overlaps = OVERLAP_SCALE * (needed(batch.overlaps, "overlaps") - 0.5)  # (B, 7)
            logits = logits + self.overlaps(overlaps).unsqueeze(1)
        return logits


def _compare(one: Tensor, other: Tensor) -> Tensor:
    """(..., D) and (..., D) → (..., 4 D)."""
    return torch.cat([one, other, (one - other).abs(), one * other], dim=-1)


def _attend(scores: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Soft alignment: (B, L, M) scores of (B, M, D) values with a (B, M) mask → (B, L, D)."""
    return scores.masked_fill(~mask.unsqueeze(1), -torch.inf).softmax(dim=-1) @ values
