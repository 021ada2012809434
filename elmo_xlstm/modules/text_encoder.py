"""Contextual vectors of a text's words, for heads."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.bilstm import BiLSTM
from elmo_xlstm.modules.features import WordFeatures


class TextEncoder(nn.Module):
    """Word features → dropout → projection → BiLSTM, the last two as wanted (McCann et al. 2017, section 5).

    Args:
        config: see :class:`Config`.
        features: what words are read by.

    Attributes:
        output_dim: width of a word's vector.
    """

    class Config(WordFeatures.Config):
        """Settings of :class:`TextEncoder`; the settings of most heads begin with these."""

        dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
        """Dropout of the concatenated features."""
        projection: int | None = Field(default=None, gt=0)
        """Width of a ReLU layer between features and BiLSTM, which makes the BiLSTM smaller and faster; null to do
        without."""
        encoder: BiLSTM.Config | None = Field(default_factory=BiLSTM.Config)
        """The BiLSTM; null to do without: the features of a language model know their neighbours already."""

        def build_encoder(self, features: WordFeatures) -> TextEncoder:
            """Make the module with fresh weights."""
            return TextEncoder(self, features)

    def __init__(self, config: Config, features: WordFeatures) -> None:
        super().__init__()
        self.features = features
        self.dropout = nn.Dropout(config.dropout)
        dim = features.output_dim
        self.projection: nn.Module | None = None
        if config.projection is not None:
            self.projection = nn.Sequential(nn.Linear(dim, config.projection), nn.ReLU())
            dim = config.projection
        self.encoder = config.encoder.build(dim) if config.encoder is not None else None
        self.output_dim = self.encoder.output_dim if self.encoder is not None else dim

    def forward(self, batch: WordBatch) -> Tensor:
        """Vectors of words.

        Returns:
            (B, L, output_dim); what stands at padding has no meaning.

        Raises:
            ValueError: the batch lacks a feature, its mask is not right-padded, or a text is empty.
        """
        hidden: Tensor = self.dropout(self.features(batch))
        if self.projection is not None:
            hidden = self.projection(hidden)
        return hidden if self.encoder is None else self.encoder(hidden, batch.mask)
