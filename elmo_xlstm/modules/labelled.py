"""Texts with labels, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.collate import Sentence, WordCollator
from elmo_xlstm.modules.vocabulary import Vocabulary


class LabelledExample(NamedTuple):
    """What one decision is about.

    Attributes:
        texts: one, or two for a pair.
        labels: one for each question that is asked of the texts (each aspect, or just one), or None where not known.
    """

    texts: tuple[Sentence, ...]
    labels: Sequence[str] | None = None


@dataclass
class LabelledBatch:
    """A batch of examples.

    Attributes:
        texts: the first texts of all examples, then the second ones if they are pairs.
        labels: (B, A) int64 for A questions, or None.
    """

    texts: tuple[WordBatch, ...]
    labels: Tensor | None = None

    def __len__(self) -> int:
        """Examples in the batch."""
        return len(self.texts[0])

    def to(self, device: torch.device | str) -> LabelledBatch:
        """The same batch on another device."""
        labels = None if self.labels is None else self.labels.to(device)
        return LabelledBatch(tuple(batch.to(device) for batch in self.texts), labels)


class LabelCollator:
    """Makes a :class:`LabelledBatch` of examples.

    Args:
        labels: all labels, in order of their ids.
        words: word vocabulary, or None if the head has no word vectors.
        characters: character vocabulary, or None if the head has no character features.
    """

    def __init__(
        self, labels: Sequence[str], words: Vocabulary | None = None, characters: Vocabulary | None = None
    ) -> None:
        self._ids = {label: index for index, label in enumerate(labels)}
        self._collate = WordCollator(None, words, characters)

    def __call__(self, examples: Sequence[LabelledExample]) -> LabelledBatch:
        """Encode and pad examples.

        Raises:
            ValueError: a text is empty, a label unknown, examples differ in the number of texts or labels, or some
                have labels and some have none.
        """
        texts = zip(*(example.texts for example in examples), strict=True)
        known = [example.labels for example in examples if example.labels is not None]
        if len(known) not in (0, len(examples)):
            raise ValueError("some examples of the batch have labels and some have none")
        unknown = {label for labels in known for label in labels} - self._ids.keys()
        if unknown:
            raise ValueError(f"label '{min(unknown)}' is not among {', '.join(self._ids)}")
        return LabelledBatch(
            tuple(self._collate(column) for column in texts),
            torch.tensor([[self._ids[label] for label in labels] for labels in known]) if known else None,
        )
