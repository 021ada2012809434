"""From questions and passages to batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from elmo_xlstm.modules import Sentence, WordBatch, WordCollator


class Question(NamedTuple):
    """A question and its passage, as the head reads them.

    Attributes:
        question: without tags.
        passage: with tags for training.
    """

    question: Sentence
    passage: Sentence


@dataclass
class QuestionBatch:
    """Questions and passages, each padded on the right; row i of one belongs to row i of the other.

    Attributes:
        question: (B, Q) words.
        passage: (B, L) words.
        matches: (B, L) bool, true at passage words that the question holds too, in any casing; false at padding.
    """

    question: WordBatch
    passage: WordBatch
    matches: Tensor

    def __len__(self) -> int:
        """Questions in the batch."""
        return len(self.passage)

    def to(self, device: torch.device | str) -> QuestionBatch:
        """The same batch on another device."""
        return QuestionBatch(self.question.to(device), self.passage.to(device), self.matches.to(device))


class QuestionCollator:
    """Makes a :class:`QuestionBatch` of questions.

    Args:
        words: encodes the words of both, and the passages' tags.
    """

    def __init__(self, words: WordCollator) -> None:
        self.words = words

    def __call__(self, questions: Sequence[Question]) -> QuestionBatch:
        """Encode and pad; see :class:`~elmo_xlstm.modules.WordCollator` for errors."""
        passage = self.words([question.passage for question in questions])
        matches = torch.zeros_like(passage.mask)
        for row, question in zip(matches, questions, strict=True):
            asked = {word.lower() for word in question.question.words}
            found = [word.lower() in asked for word in question.passage.words]
            row[: len(found)] = torch.tensor(found)
        return QuestionBatch(self.words([question.question for question in questions]), passage, matches)
