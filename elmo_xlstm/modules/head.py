"""Base of the task heads: word features, an encoder of them, and what training asks of a head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules.batches import WordBatch
from elmo_xlstm.modules.encoders import BiLSTM, Encoder, encoders
from elmo_xlstm.modules.features import FeatureInputs, WordFeatures


class TextEncoder(nn.Module):
    """Word features → dropout → projection → encoder, the last two optional (McCann et al. 2017, section 5).

    Args:
        config: see :class:`Config`.
        inputs: sizes and vocabularies of the word features.

    Attributes:
        output_dim: width of a word's vector.

    Raises:
        ValueError: an input that a feature needs is missing.
        UserError: a file of vectors is missing or malformed.
    """

    class Config(WordFeatures.Config):
        """Settings of :class:`TextEncoder`; the settings of every neural head begin with these."""

        dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
        """Dropout of the concatenated features."""
        projection: int | None = Field(default=None, gt=0)
        """Width of a ReLU layer between features and encoder, which makes the encoder smaller and faster; null to do
        without."""
        encoder: Annotated[Any, encoders] | None = Field(default_factory=BiLSTM.Config)
        """The encoder, a BiLSTM by default; null to do without: the features of a language model know their neighbours
        already."""

    def __init__(self, config: Config, inputs: FeatureInputs) -> None:
        super().__init__()
        self.features = WordFeatures(config, inputs)
        self.dropout = nn.Dropout(config.dropout)
        dim = self.features.output_dim
        self.projection: nn.Module | None = None
        if config.projection is not None:
            self.projection = nn.Sequential(nn.Linear(dim, config.projection), nn.ReLU())
            dim = config.projection
        self.encoder: Encoder | None = config.encoder.build(dim) if config.encoder is not None else None
        self.output_dim = self.encoder.output_dim if self.encoder is not None else dim

    def forward(self, batch: WordBatch) -> Tensor:
        """Vectors of words.

        Returns:
            (B, L, output_dim); values at padding have no meaning.

        Raises:
            ValueError: the batch lacks a feature, its mask is not right-padded, or a text is empty.
        """
        hidden: Tensor = self.dropout(self.features(batch))
        if self.projection is not None:
            hidden = self.projection(hidden)
        return hidden if self.encoder is None else self.encoder(hidden, batch.mask)


class Head(ABC, nn.Module):
    """Base of the heads: a text encoder, and an output of its own in each.

    The settings of a head derive from :class:`TextEncoder.Config` and have ``build(labels, inputs)``, which makes it.

    Args:
        config: of the text encoder.
        inputs: sizes and vocabularies of the word features.

    Raises:
        ValueError: an input that a feature needs is missing.
        UserError: a file of vectors is missing or malformed.
    """

    def __init__(self, config: TextEncoder.Config, inputs: FeatureInputs) -> None:
        super().__init__()
        self.text = TextEncoder(config, inputs)

    @property
    def features(self) -> WordFeatures:
        """The word features."""
        return self.text.features

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """Mean over the examples of a batch, a scalar in nats, the scalar mix's penalty included.

        Raises:
            ValueError: the batch lacks a feature or its labels, a mask is not right-padded, or a text is empty.
        """

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each part, trained or not; each of the word features counts as a part."""
        counts: Counter[str] = Counter()
        for module in (self.features, self.text, self):
            for name, part in module.named_children():
                if part is not self.features and part is not self.text:
                    counts[name] += sum(parameter.numel() for parameter in part.parameters())
        return {name: count for name, count in counts.items() if count}
