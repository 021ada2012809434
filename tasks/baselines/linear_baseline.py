"""What linear baselines have in common: the penalty is chosen by the validation data."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.progress import NullProgress
from tasks.baselines.baseline import Baseline, Tensors, Vocabulary
from tasks.baselines.linear import ClassifierName, LinearClassifier
from tasks.predictor import LabelSpace, Prediction, Texts, Training

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)


class LinearBaseline(Baseline):
    """Features of decisions (rows), and a linear classifier for each question that is asked of all of them.

    Args:
        config: see :class:`Config`.
        space: what can be predicted.
        lower_case: lower-case words before anything reads them.

    Attributes:
        chosen: the penalty that was best on the validation data; None before training.
    """

    class Config(Settings):
        """Settings that linear baselines begin with."""

        needs_embedder: ClassVar[bool] = False
        classifier: ClassifierName = "logistic_regression"
        """Logistic regression or linear support vector machines, fitted to the end (linear_svm) or by a few epochs
        of averaged stochastic gradient descent (sgd_svm), which is faster where there are many words to tag."""
        c: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (0.1, 1.0, 10.0)
        """Inverse strengths of the L2 penalty. The one with the best validation score is taken, the first of equals; it
        is the same for all aspects."""

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        super().__init__(config, space, lower_case)
        self.chosen: float | None = None
        self._classifiers: list[LinearClassifier] = []

    @abstractmethod
    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Find out what features there are."""

    @abstractmethod
    def features(self, texts: Sequence[Texts]) -> csr_matrix:
        """(N, F), a row for each of N decisions."""

    @abstractmethod
    def columns(self, targets: Sequence[Sequence[str]]) -> list[list[str]]:
        """For each of A questions the labels of N decisions."""

    @abstractmethod
    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """Predictions from (N, K) scores for each of A questions."""

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], training: Training
    ) -> None:
        """Fit with each penalty and keep what is best on the validation texts."""
        self.learn_features(train)
        ids = {label: index for index, label in enumerate(self.space.labels)}
        labels = [np.array([ids[label] for label in column]) for column in self.columns(targets)]
        features, known = self.features(train), self.features(valid)
        best, shown = -np.inf, NullProgress() if training.progress is None else training.progress
        with shown.task("fit", len(self.config.c)) as work:
            for c in self.config.c:
                fitted = [LinearClassifier.fit(features, column, self.config.classifier, c) for column in labels]
                score = training.evaluate(self._decide(valid, known, fitted))[training.monitor]
                logger.info("C = %g: %s %.4f", c, training.monitor, score)
                if score > best:
                    best, self.chosen, self._classifiers = score, c, fitted
                work.advance(score=f"{score:.4f}")

    def judge(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The labels with the best scores."""
        return self._decide(texts, self.features(texts), self._classifiers)

    def tensors(self) -> Tensors:
        """The classifiers and the chosen penalty."""
        tensors: Tensors = {"c": np.array([self.chosen])}
        for index, classifier in enumerate(self._classifiers):
            tensors |= classifier.tensors(f"classifiers.{index}")
        return tensors

    def restore(self, tensors: Tensors, vocabulary: Vocabulary) -> None:
        """See :class:`~tasks.baselines.baseline.Baseline`."""
        self.chosen = tensors["c"].item()
        count = max(1, len(self.space.aspects))
        self._classifiers = [LinearClassifier.restore(tensors, f"classifiers.{index}") for index in range(count)]
        if any(classifier.seen.max() >= len(self.space.labels) for classifier in self._classifiers):
            raise ValueError("the weights are of other labels")

    def parameter_counts(self) -> dict[str, int]:
        """Weights and biases; what they are is known after training."""
        sizes = [classifier.size for classifier in self._classifiers]
        return {"classifiers": sum(sizes)} if sizes else {}

    def _decide(
        self, texts: Sequence[Texts], features: csr_matrix, classifiers: Sequence[LinearClassifier]
    ) -> list[Prediction]:
        scores = [classifier.scores(features, len(self.space.labels)) for classifier in classifiers]
        return self.decide(texts, scores)
