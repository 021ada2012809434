"""Trained word embeddings, optionally initialised from a file of pretrained vectors."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.vocabulary import Vocabulary

LONGEST_LINE = 2**20
"""Characters; lines of the widest vectors have 50,000."""


class WordVectors(nn.Module):
    """An embedding per word of a vocabulary.

    In training some words are replaced by the unknown word, so that its vector is trained although every word of the
    training data may be known (Lample et al. 2016, section 4.3).

    Args:
        config: see :class:`Config`.
        vocabulary: the words.
        read_pretrained: whether to read ``pretrained``; False when trained weights are loaded next.

    Raises:
        UserError: the file of pretrained vectors is missing or malformed.
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
        """Text file of pretrained vectors (.vec, .txt, or either with .gz) that the vectors are initialised from."""
        pretrained_words: int = Field(default=0, ge=0)
        """Words from the beginning of ``pretrained`` that join the vocabulary though training data lacks them."""

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

    def __init__(self, config: Config, vocabulary: Vocabulary, read_pretrained: bool = True) -> None:
        super().__init__()
        self.output_dim = config.dim
        self.word_dropout = config.word_dropout
        self.embedding = nn.Embedding(len(vocabulary), config.dim, padding_idx=Vocabulary.PAD)
        bound = (3 / config.dim) ** 0.5  # Ma & Hovy 2016, section 3.1
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        with torch.no_grad():
            self.embedding.weight[Vocabulary.PAD].zero_()
        self.embedding.weight.requires_grad_(config.trainable)
        if read_pretrained and config.pretrained is not None:
            self.load_pretrained(config.pretrained, vocabulary)

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


def read_vectors(path: Path, dim: int) -> Iterator[tuple[str, np.ndarray]]:
    """Words and their vectors in order of the file, which is usually by frequency.

    Each line is a word and ``dim`` numbers parted by spaces; a first line with two whole numbers (how many, how wide)
    is a header. Files that end in ``.gz`` are unpacked while they are read.

    Args:
        path: a ``.vec`` or ``.txt`` file, plain or ``.gz``.
        dim: the width that is expected.

    Yields:
        A word and its vector, (dim,) float32.

    Raises:
        UserError: the file is missing, cannot be unpacked, or a line does not have ``dim`` finite numbers.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of word vectors; give a text file of vectors, plain or .gz")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise UserError(
                        f"{path}:{number}: a line of more than {LONGEST_LINE:,} characters; expected a word and {dim} "
                        "numbers a line"
                    )
                fields = line.rstrip().split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
                    if fields[1].lstrip("0") != str(dim):
                        width = fields[1][:20]
                        raise UserError(f"{path}:1: vectors are {width} wide, but dim is {dim}; set dim to match")
                    continue
                word, vector = " ".join(fields[:-dim]), _parse(fields[-dim:])
                if not word or vector is None:
                    raise UserError(
                        f"{path}:{number}: expected a word and {dim} numbers, found {len(fields) - 1} fields after "
                        "the first; set dim to the file's width or restore the line"
                    )
                if not np.isfinite(vector).all():
                    raise UserError(
                        f"{path}:{number}: the vector of {word[:50]!r} holds a number that is not finite; restore the "
                        "line or leave it out"
                    )
                yield word, vector
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be unpacked after line {number} ({error}); fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None


def _parse(fields: list[str]) -> np.ndarray | None:
    """The numbers of a line; infinite where single precision cannot hold one."""
    try:
        with np.errstate(over="ignore"):
            return np.array([float(field) for field in fields], dtype=np.float64).astype(np.float32)
    except ValueError:
        return None
