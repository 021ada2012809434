"""Word vectors from characters by convolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.modules.vocabulary import Vocabulary


class CharCNN(nn.Module):
    """Character embeddings, one convolution, maximum over the characters of a word (Ma & Hovy 2016, section 2.1).

    A word's vector depends on its own characters alone, not on how far they are padded; a word without characters
    has a zero vector.

    Args:
        config: see :class:`Config`.
        num_characters: ids of the character vocabulary, padding (0) and unknown (1) included.
    """

    class Config(Settings):
        """Settings of :class:`CharCNN`; the defaults are those of Ma & Hovy 2016, table 1."""

        dim: int = Field(default=30, gt=0)
        """Width of a character embedding."""
        filters: int = Field(default=30, gt=0)
        """Number of filters: the width of the word vector."""
        kernel_size: int = Field(default=3, gt=0)
        """Characters that one filter sees; odd, so that it is centred."""
        min_count: int = Field(default=1, gt=0)
        """Characters seen less often in the training data are unknown."""

        def vocabulary(self, sentences: Iterable[Sequence[str]]) -> Vocabulary:
            """Character vocabulary of training sentences."""
            characters = (character for words in sentences for word in words for character in word)
            return Vocabulary.count(characters, self.min_count)

    def __init__(self, config: Config, num_characters: int) -> None:
        super().__init__()
        self.output_dim = config.filters
        self.embedding = nn.Embedding(num_characters, config.dim, padding_idx=Vocabulary.PAD)
        bound = (3 / config.dim) ** 0.5
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        with torch.no_grad():
            self.embedding.weight[Vocabulary.PAD].zero_()
        # Zeros at a word's edges, just as the padding character is zero: both kinds of edge look the same to a filter.
        self.convolution = nn.Conv1d(config.dim, config.filters, config.kernel_size, padding="same")

    def forward(self, characters: Tensor) -> Tensor:
        """Vectors of words.

        Args:
            characters: (B, L, C) int64 character ids, 0 at padding.

        Returns:
            (B, L, filters).
        """
        present = characters != Vocabulary.PAD  # (B, L, C)
        words = present.any(dim=-1)  # (B, L)
        if torch.compiler.is_exporting():  # where it is not known which words are there
            features = self._features(characters.flatten(0, 1), present.flatten(0, 1)).unflatten(0, words.shape)
            marked: Tensor = features.masked_fill(~words.unsqueeze(-1), 0.0)
            return marked
        vectors = self.embedding.weight.new_zeros(*words.shape, self.output_dim)
        if not bool(words.any()):
            return vectors
        features = self._features(characters[words], present[words])
        return vectors.index_put((words,), features.to(vectors.dtype))

    def _features(self, characters: Tensor, present: Tensor) -> Tensor:
        """(N, C) characters of words to (N, filters)."""
        features: Tensor = self.convolution(self.embedding(characters).transpose(1, 2))  # (N, filters, C)
        return features.masked_fill(~present.unsqueeze(1), -torch.inf).max(dim=-1).values
