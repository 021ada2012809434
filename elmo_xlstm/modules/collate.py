"""From sentences to batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elmo_xlstm.embedding.pieces import PieceBatch
from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.tag_scheme import TagScheme
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.text import WordPieces

MAX_CHARACTERS = 64  # of a word; a web address of a thousand characters would widen the tensor of the whole batch


class Sentence(NamedTuple):
    """One sentence of a tagging task.

    Attributes:
        words: at least one.
        tags: one per word, or None where they are not known.
        layers: (words, num_layers, D) vectors of a frozen language model, or None.
        pieces: what a language model that learns reads of the sentence, or None.
    """

    words: Sequence[str]
    tags: Sequence[str] | None = None
    layers: np.ndarray | None = None
    pieces: WordPieces | None = None


class WordCollator:
    """Makes a :class:`WordBatch` of sentences; holds what features and tags are encoded with.

    Args:
        scheme: encodes tags; None where sentences have none.
        words: word vocabulary, or None if the head has no word vectors.
        characters: character vocabulary, or None if the head has no character features.
    """

    def __init__(
        self, scheme: TagScheme | None, words: Vocabulary | None = None, characters: Vocabulary | None = None
    ) -> None:
        self.scheme = scheme
        self.words = words
        self.characters = characters

    def __call__(self, sentences: Sequence[Sentence]) -> WordBatch:
        """Encode and pad sentences.

        Args:
            sentences: in which either all or none have tags, and likewise layers and pieces. Of a word longer than 64
                characters the first and the last 32 are kept.

        Raises:
            ValueError: a sentence is empty; tags, layers or pieces do not match the words or are there for some
                sentences only.
            UserError: a tag was not declared or breaks the scheme.
        """
        for number, sentence in enumerate(sentences):
            if not sentence.words:
                raise ValueError(f"sentence {number} of the batch has no words")
            pieces = sentence.pieces.first if sentence.pieces is not None else None  # one for each word
            for name, part in (("tags", sentence.tags), ("layers", sentence.layers), ("pieces", pieces)):
                if (part is None) != (getattr(sentences[0], name) is None):
                    raise ValueError(f"some sentences of the batch have {name} and some have none")
                if part is not None and len(part) != len(sentence.words):
                    raise ValueError(f"sentence {number} has {len(sentence.words)} words but {len(part)} {name}")
        lengths = torch.tensor([len(sentence.words) for sentence in sentences])
        length = int(lengths.max())
        pieces_of_all = [sentence.pieces for sentence in sentences if sentence.pieces is not None]
        return WordBatch(
            mask=torch.arange(length) < lengths.unsqueeze(1),
            layers=_pad_layers([s.layers for s in sentences if s.layers is not None], length),
            words=_pad([self.words.encode(s.words) for s in sentences], length) if self.words is not None else None,
            characters=self._encode_characters(sentences, length) if self.characters is not None else None,
            tags=self._encode_tags(sentences, length),
            pieces=PieceBatch.of(pieces_of_all) if pieces_of_all else None,
        )

    def _encode_tags(self, sentences: Sequence[Sentence], length: int) -> Tensor | None:
        """(B, L), or None without tags."""
        tagged = [sentence.tags for sentence in sentences if sentence.tags is not None]
        if tagged and self.scheme is None:
            raise ValueError("the sentences have tags, but there is no scheme to encode them with")
        return _pad([self.scheme.encode(tags) for tags in tagged], length) if self.scheme is not None else None

    def _encode_characters(self, sentences: Sequence[Sentence], length: int) -> Tensor:
        """(B, L, C)."""
        assert self.characters is not None
        half = MAX_CHARACTERS // 2
        rows: list[list[int]] = []
        for sentence in sentences:
            words = [word if len(word) <= MAX_CHARACTERS else word[:half] + word[-half:] for word in sentence.words]
            rows += [self.characters.encode(word) for word in words] + [[]] * (length - len(words))
        padded = _pad(rows, max(1, *map(len, rows)))
        assert padded is not None
        return padded.view(len(sentences), length, -1)


def _pad(rows: Sequence[Sequence[int]], length: int) -> Tensor | None:
    """(rows, length) int64, 0 at padding; None without rows."""
    if not rows:
        return None
    padded = np.zeros((len(rows), length), dtype=np.int64)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)


def _pad_layers(arrays: Sequence[np.ndarray], length: int) -> Tensor | None:
    """(B, L, num_layers, D) in the type of the arrays, 0 at padding; None without arrays."""
    if not arrays:
        return None
    padded = np.zeros((len(arrays), length, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
    for row, values in zip(padded, arrays, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)
