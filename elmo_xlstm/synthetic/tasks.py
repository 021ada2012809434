"""Synthetic tasks as batches of token ids: a registry, so that an experiment can name one."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field, field_validator, model_validator

from elmo_xlstm.config import Registry, Settings, suggestion
from elmo_xlstm.synthetic.languages import LANGUAGES
from elmo_xlstm.synthetic.recall import IGNORED, Ids, recall_batch

synthetic_tasks = Registry("synthetic task")

PADDING, ASK, SYMBOLS = 0, 1, 2
"""Ids of a language's batches: padding, the place of an answer's symbol, and where symbols begin."""

Length = Annotated[int, Field(ge=2, le=2**16)]


class SyntheticTask(Protocol):
    """What training needs of a task."""

    @property
    def name(self) -> str:
        """Of rows and columns."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""

    @property
    def buckets(self) -> tuple[tuple[int, int], ...]:
        """Ranges of lengths that are scored apart, the first one that of training."""

    def batch(self, rng: np.random.Generator, size: int, lengths: tuple[int, int]) -> tuple[Ids, Ids]:
        """Inputs and targets, (size, length); targets are ``IGNORED`` where nothing is asked."""


@synthetic_tasks.register("language")
class LanguageTask(Settings):
    """A formal language: trained on short questions, measured on longer ones.

    After a question come as many ``ASK`` tokens as the answer has symbols, which are the targets there: no symbol of an
    answer is ever read (Delétang et al. 2023, section 4).
    """

    type: Literal["language"] = "language"
    language: str
    """One of the fifteen: bucket_sort, cycle_navigation, even_pairs, majority, majority_count, missing_duplicate,
    modular_arithmetic, modular_arithmetic_brackets, odds_first, parity, repetition, reverse_string, set,
    solve_equation, stack_manipulation."""
    train_lengths: tuple[Length, Length] = (3, 40)
    """Shortest and longest question in training."""
    test_lengths: tuple[Length, Length] = (40, 256)
    """Shortest and longest question when measured."""

    @field_validator("language")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"unknown language '{value}'; {suggestion(value, list(LANGUAGES))}")
        return value

    @property
    def name(self) -> str:
        """Of rows and columns."""
        return self.language

    @property
    def vocab_size(self) -> int:
        """Symbols, padding and ``ASK``."""
        return SYMBOLS + LANGUAGES[self.language].symbols

    @property
    def chance(self) -> float:
        """Of guessing among the symbols that an answer can have."""
        return 1 / LANGUAGES[self.language].answers

    @property
    def buckets(self) -> tuple[tuple[int, int], ...]:
        """Training's lengths, and the longer ones."""
        return self.train_lengths, self.test_lengths

    def batch(self, rng: np.random.Generator, size: int, lengths: tuple[int, int]) -> tuple[Ids, Ids]:
        """Questions of one length, drawn from ``lengths`` (both included)."""
        length = int(rng.integers(lengths[0], lengths[1] + 1))
        sampled = [LANGUAGES[self.language].sample(rng, length) for _ in range(size)]
        width = max(len(question) + len(answer) for question, answer in sampled)
        inputs = np.full((size, width), PADDING, dtype=np.int64)
        targets = np.full((size, width), IGNORED, dtype=np.int64)
        for row, (question, answer) in enumerate(sampled):
            begin, end = len(question), len(question) + len(answer)
            inputs[row, :begin] = np.array(question) + SYMBOLS
            inputs[row, begin:end] = ASK
            targets[row, begin:end] = np.array(answer) + SYMBOLS
        return inputs, targets


@synthetic_tasks.register("recall")
class RecallTask(Settings):
    """Multi-query associative recall."""

    type: Literal["recall"] = "recall"
    context: Length = 64
    """Tokens of a sequence."""
    pairs: Annotated[int, Field(ge=1)] = 4
    """Keys with a value."""
    vocabulary: Annotated[int, Field(ge=8)] = 512
    """Half of it are keys, half values; the paper has 8,192."""
    power: Annotated[float, Field(gt=0)] = 0.01
    """Of the distribution of gaps; 1 is uniform."""

    @model_validator(mode="after")
    def _fits(self) -> RecallTask:
        if 4 * self.pairs > self.context:
            raise ValueError(f"pairs: {self.pairs} pairs and their questions need a context of {4 * self.pairs}")
        if self.pairs >= self.vocabulary // 2:
            raise ValueError(f"pairs: {self.pairs} different keys need a vocabulary of {2 * self.pairs + 2}")
        return self

    @property
    def name(self) -> str:
        """Of rows and columns."""
        return f"recall {self.context}/{self.pairs}"

    @property
    def vocab_size(self) -> int:
        """Keys, values and zero."""
        return self.vocabulary

    @property
    def chance(self) -> float:
        """Of guessing among the values that the sequence has."""
        return 1 / self.pairs

    @property
    def buckets(self) -> tuple[tuple[int, int], ...]:
        """One length only."""
        return ((self.context, self.context),)

    def batch(self, rng: np.random.Generator, size: int, lengths: tuple[int, int]) -> tuple[Ids, Ids]:
        """See :func:`~elmo_xlstm.synthetic.recall.recall_batch`."""
        return recall_batch(rng, size, self.context, self.pairs, self.vocabulary, self.power)
