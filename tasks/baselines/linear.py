"""Linear baselines: scikit-learn's classifiers on sparse features, their penalty chosen by the validation data."""

from __future__ import annotations

import logging
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.progress import NullProgress
from elmo_xlstm.tasks.baselines.baseline import Baseline, Tensors
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.predictor import FitContext, LabelSpace, Prediction

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)

ClassifierName = Literal["logistic_regression", "linear_svm", "sgd_svm"]
MAX_ITERATIONS = {"logistic_regression": 1000, "linear_svm": 5000}
EPOCHS = 10  # of stochastic gradient descent, whose weights are averaged over all steps


class LinearClassifier:
    """Scores labels as w x + b.

    Args:
        seen: indices of the labels of the training data, ascending.
        weights: (R, F) float32; R is 0 if one label was seen, 1 if two (for the second of them), else a row for each.
        biases: (R,) float32.
    """

    def __init__(self, seen: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> None:
        rows = {1: 0, 2: 1}.get(len(seen), len(seen))
        if weights.ndim != 2 or len(weights) != rows or biases.shape != (rows,):
            raise ValueError(f"weights {weights.shape} and biases {biases.shape} do not fit {len(seen)} labels")
        self.seen = seen
        self.weights = weights
        self.biases = biases

    @classmethod
    def fit(cls, features: csr_matrix, labels: np.ndarray, classifier: ClassifierName, c: float) -> Self:
        """Fit to training data.

        Args:
            features: (N, F).
            labels: (N,) indices.
            classifier: multinomial logistic regression with an L2 penalty; one linear SVM for each label against the
                others, with squared hinge loss; or the same with hinge loss by ten epochs of averaged stochastic
                gradient descent (Bottou 2010), several times faster on the words of thousands of sentences. All are
                deterministic.
            c: inverse strength of the penalty.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression, SGDClassifier
        from sklearn.svm import LinearSVC

        seen = np.unique(labels)
        if len(seen) == 1:
            return cls(seen, np.zeros((0, features.shape[1]), np.float32), np.zeros(0, np.float32))
        limit = MAX_ITERATIONS.get(classifier, EPOCHS)
        model: Any
        if classifier == "logistic_regression":
            model = LogisticRegression(C=c, max_iter=limit)
        elif classifier == "sgd_svm":
            penalty = 1 / (c * len(labels))
            model = SGDClassifier(alpha=penalty, max_iter=limit, tol=None, average=True, random_state=0)
        else:
            model = LinearSVC(C=c, max_iter=limit, dual="auto", random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said below, where and with what
            model.fit(features, labels)
        if classifier in MAX_ITERATIONS and np.max(model.n_iter_) >= limit:
            logger.warning("%s with C = %g has not converged in %d iterations", classifier, c, limit)
        return cls(seen, model.coef_.astype(np.float32), model.intercept_.astype(np.float32))

    def scores(self, features: csr_matrix, num_labels: int) -> np.ndarray:
        """(N, num_labels) float32 scores of (N, F) features; their soft-max are logistic regression's probabilities.

        Labels that were not seen have minus infinity.
        """
        scores = np.full((features.shape[0], num_labels), -np.inf, dtype=np.float32)
        linear = features @ self.weights.T + self.biases  # (N, R)
        if len(self.seen) == 2:
            linear = np.hstack([-linear / 2, linear / 2])
        scores[:, self.seen] = linear if len(self.seen) > 1 else 0
        return scores

    @property
    def size(self) -> int:
        """How many numbers were fitted."""
        return self.weights.size + self.biases.size

    def tensors(self, name: str) -> Tensors:
        """The arrays that :meth:`restore` reads."""
        return {f"{name}.seen": self.seen, f"{name}.weights": self.weights, f"{name}.biases": self.biases}

    @classmethod
    def restore(cls, tensors: Tensors, name: str) -> Self:
        """Undo :meth:`tensors`.

        Raises:
            KeyError: a part is missing.
            ValueError: parts do not fit together.
        """
        return cls(tensors[f"{name}.seen"], tensors[f"{name}.weights"], tensors[f"{name}.biases"])


class LinearBaseline(Baseline):
    """Features of decisions (rows), and a linear classifier for each aspect.

    Args:
        config: see :class:`Config`.
        space: of labels.
        lower_case: lower-case words before anything reads them.
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
        self._classifiers: list[LinearClassifier] = []

    @abstractmethod
    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Number the features."""

    @abstractmethod
    def features(self, texts: Sequence[Texts]) -> csr_matrix:
        """(N, F), a row for each of N decisions."""

    @abstractmethod
    def columns(self, targets: Sequence[Sequence[str]]) -> list[list[str]]:
        """The labels of N decisions, for each of A aspects."""

    @abstractmethod
    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """Predictions from (N, K) scores for each of A aspects."""

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
        """Fit with each penalty and keep the best one on the validation texts."""
        self.learn_features(train)
        ids = {label: index for index, label in enumerate(self.space.labels)}
        labels = [np.array([ids[label] for label in column]) for column in self.columns(targets)]
        features, known = self.features(train), self.features(valid)
        best = -np.inf
        with (context.progress or NullProgress()).task("fit", len(self.config.c)) as work:
            for c in self.config.c:
                fitted = [LinearClassifier.fit(features, column, self.config.classifier, c) for column in labels]
                score = context.evaluate(self._decide(valid, known, fitted))[context.monitor]
                logger.info("C = %g: %s %.4f", c, context.monitor, score)
                if score > best:
                    best = score
                    self.tensors |= {"c": np.array([c])}
                    for index, classifier in enumerate(fitted):
                        self.tensors |= classifier.tensors(f"classifiers.{index}")
                work.advance(score=f"{score:.4f}")

    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The labels with the best scores."""
        return self._decide(texts, self.features(texts), self._classifiers)

    def restore(self) -> None:
        """See :class:`~elmo_xlstm.tasks.baselines.baseline.Baseline`."""
        count = max(1, len(self.space.aspects))
        self._classifiers = [LinearClassifier.restore(self.tensors, f"classifiers.{index}") for index in range(count)]
        if any(classifier.seen.max() >= len(self.space.labels) for classifier in self._classifiers):
            raise ValueError("the weights are of other labels")

    def parameter_counts(self) -> dict[str, int]:
        """Weights and biases; known after training."""
        sizes = [classifier.size for classifier in self._classifiers]
        return {"classifiers": sum(sizes)} if sizes else {}

    def _decide(
        self, texts: Sequence[Texts], features: csr_matrix, classifiers: Sequence[LinearClassifier]
    ) -> list[Prediction]:
        scores = [classifier.scores(features, len(self.space.labels)) for classifier in classifiers]
        return self.decide(texts, scores)
