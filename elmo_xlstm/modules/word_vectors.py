"""Trained word embeddings, optionally begun from pretrained vectors."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.modules.vector_file import read_vectors
from elmo_xlstm.modules.vocabulary import Vocabulary


class WordVectors(nn.Module):
    """An embedding per word of a vocabulary.

    In training some words are replaced by the unknown word, so that its vector is trained although every word of the
    training data may be known (Lample et al. 2016, section 4.3).

    Args:
        config: see :class:`Config`.
        num_words: ids of the word vocabulary, padding (0) and unknown (1) included.
    """

    class Config(Settings):
        """Settings of :class:`WordVectors`."""

        dim: int = Field(default=100, gt=0)
        """Width of a word vector."""
        min_count: int = Field(default=1, gt=0)
        """Words seen less often in the training data are unknown."""
        lower_case: bool = False
        """Whether words that differ in case only share a vector."""
        word_dropout: float = Field(default=0.05, ge=0.0, lt=1.0)
        """Probability that a word is replaced by the unknown word in training."""
        trainable: bool = True
        """Whether the vectors are trained."""
        pretrained: Path | None = None
        """Text file of pretrained vectors (.vec, .txt, or either with .gz) that the vectors begin from."""
        pretrained_words: int = Field(default=0, ge=0)
        """How many words from the beginning of ``pretrained`` join the vocabulary though training data lacks them."""

        def vocabulary(self, sentences: Iterable[Sequence[str]]) -> Vocabulary:
            """Word vocabulary of training sentences.

            Raises:
                UserError: the file of pretrained vectors is missing or malformed.
            """
            more: Iterable[str] = ()
            if self.pretrained is not None and self.pretrained_words:
                read = read_vectors(self.pretrained, self.dim)
                more = [word for word, _ in itertools.islice(read, self.pretrained_words)]
            words = (word for sentence in sentences for word in sentence)
            return Vocabulary.count(words, self.min_count, self.lower_case, more)

        def build(self, vocabulary: Vocabulary, initialise: bool = True) -> WordVectors:
            """Make the module.

            Args:
                vocabulary: the words.
                initialise: whether to read ``pretrained``; not wanted when trained weights are loaded next.

            Raises:
                UserError: the file of pretrained vectors is missing or malformed.
            """
            module = WordVectors(self, len(vocabulary))
            if initialise and self.pretrained is not None:
                module.load_pretrained(self.pretrained, vocabulary)
            return module

    def __init__(self, config: Config, num_words: int) -> None:
        super().__init__()
        self.output_dim = config.dim
        self.word_dropout = config.word_dropout
        self.embedding = nn.Embedding(num_words, config.dim, padding_idx=Vocabulary.PAD)
        bound = (3 / config.dim) ** 0.5  # Ma & Hovy 2016, section 3.1
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        with torch.no_grad():
            self.embedding.weight[Vocabulary.PAD].zero_()
        self.embedding.weight.requires_grad_(config.trainable)

    def load_pretrained(self, path: Path, vocabulary: Vocabulary) -> int:
        """Copy vectors from a text file; words that it lacks keep theirs.

        A word is looked for as it is, then in lower case, then in any casing; the first line that has it counts.

        Returns:
            The number of words found.

        Raises:
            UserError: the file is missing or malformed.
        """
        lower = {token.lower() for token in vocabulary.tokens}
        found: dict[str, np.ndarray] = {}
        any_case: dict[str, np.ndarray] = {}
        for word, vector in read_vectors(path, self.output_dim):
            if word.lower() in lower:
                found.setdefault(word, vector)
                any_case.setdefault(word.lower(), vector)
        count = 0
        with torch.no_grad():
            for index, token in enumerate(vocabulary.tokens, start=2):
                pretrained = found.get(token, found.get(token.lower(), any_case.get(token.lower())))
                if pretrained is not None:
                    self.embedding.weight[index] = torch.from_numpy(pretrained)
                    count += 1
        return count

    def forward(self, words: Tensor) -> Tensor:
        """Vectors of words.

        Args:
            words: (B, L) int64 word ids, 0 at padding.

        Returns:
            (B, L, dim), zero at padding.
        """
        if self.training and self.word_dropout > 0:
            dropped = (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words != Vocabulary.PAD)
            words = words.masked_fill(dropped, Vocabulary.UNKNOWN)
        vectors: Tensor = self.embedding(words)
        return vectors
