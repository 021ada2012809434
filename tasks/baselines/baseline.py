"""Base of the classical baselines: how texts reach them, and the files of their run directories."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from typing_extensions import Self

from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import LARGEST_LIST, check_file, read_json
from elmo_xlstm.runs.weights import require_finite
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.predictor import (
    WEIGHTS_FILE,
    FitContext,
    LabelSpace,
    Prediction,
    Predictor,
    lower_cased,
    no_trained_head,
)
from elmo_xlstm.training import History

VOCABULARY_FILE = "vocabulary.json"

Tensors = dict[str, np.ndarray]
Vocabulary = dict[str, list[str]]
"""Meanings of the rows and columns of tensors, by name."""


class Baseline(Predictor):
    """A predictor that is trained at once.

    Args:
        config: of the head.
        space: of labels.
        lower_case: lower-case words before anything reads them.

    Attributes:
        tensors: learned numbers, kept as safetensors; empty before training.
        vocabulary: learned strings, kept as JSON.
    """

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        self.config = config
        self.space = space
        self.lower_case = lower_case
        self.tensors: Tensors = {}
        self.vocabulary: Vocabulary = {}

    @abstractmethod
    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
        """Set :attr:`tensors` and :attr:`vocabulary`; words have their final case. See :meth:`fit`."""

    @abstractmethod
    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """A prediction for each; words have their final case."""

    @abstractmethod
    def restore(self) -> None:
        """Make ready for prediction from :attr:`tensors` and :attr:`vocabulary`.

        Raises:
            KeyError, ValueError: they do not fit.
        """

    @classmethod
    def for_training(
        cls, config: Any, space: LabelSpace, texts: Sequence[Texts], embedder: ElmoEmbedder | None, lower_case: bool
    ) -> Self:
        """See :class:`~elmo_xlstm.tasks.predictor.Predictor`."""
        return cls(config, space, lower_case)

    def fit(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> History:
        """Learn.

        Returns:
            A history without epochs; its best value is that of the validation texts.

        Raises:
            UserError: there are no training examples.
        """
        if not train:
            raise UserError("there are no training examples; check the task's data")
        self.learn(self._cased(train), targets, self._cased(valid), context)
        self.restore()
        metrics = context.evaluate(self.predict_texts(valid))
        return History(context.monitor, best_value=metrics[context.monitor])

    def predict_texts(
        self,
        texts: Sequence[Texts],
        batch_size: int = 64,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """See :class:`~elmo_xlstm.tasks.predictor.Predictor`."""
        if texts and not self.tensors:
            raise RuntimeError("fit() or load() comes first")
        return self.predict(self._cased(texts)) if texts else []

    def save(self, directory: Path) -> None:
        """Write numbers, strings and labels."""
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in self.tensors.items()}, directory / WEIGHTS_FILE
        )
        self.space.save(directory)
        vocabulary = json.dumps(self.vocabulary, ensure_ascii=False)
        write_text_atomically(directory / VOCABULARY_FILE, vocabulary + "\n")

    @classmethod
    def load(cls, directory: Path, config: Any, embedder: ElmoEmbedder | None, lower_case: bool) -> Self:
        """See :class:`~elmo_xlstm.tasks.predictor.Predictor`."""
        try:
            baseline = cls(config, LabelSpace.load(directory), lower_case)
            baseline.vocabulary = read_json(directory / VOCABULARY_FILE, LARGEST_LIST)
            check_file(directory / WEIGHTS_FILE)
            baseline.tensors = load_file(directory / WEIGHTS_FILE)
            baseline.restore()
        except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError, UserError) as error:
            raise no_trained_head(directory, error) from None
        require_finite(baseline.tensors, directory / WEIGHTS_FILE)
        return baseline

    def _cased(self, texts: Sequence[Texts]) -> Sequence[Texts]:
        return lower_cased(texts) if self.lower_case else texts
