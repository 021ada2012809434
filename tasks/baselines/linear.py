"""Linear classifiers on sparse features, fitted with scikit-learn and kept as plain arrays."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from typing_extensions import Self

from tasks.baselines.baseline import Tensors

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
        """What :meth:`restore` reads."""
        return {f"{name}.seen": self.seen, f"{name}.weights": self.weights, f"{name}.biases": self.biases}

    @classmethod
    def restore(cls, tensors: Tensors, name: str) -> Self:
        """Undo :meth:`tensors`.

        Raises:
            KeyError: a part is missing.
            ValueError: parts do not fit together.
        """
        return cls(tensors[f"{name}.seen"], tensors[f"{name}.weights"], tensors[f"{name}.biases"])
