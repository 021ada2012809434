"""Linear baselines: scikit-learn's classifiers on sparse features, their penalty chosen by the validation data."""

from __future__ import annotations

import logging
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from typing_extensions import Self

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.shared_words import SHARED, shared_words
from elmo_xlstm.progress import NullProgress
from elmo_xlstm.tasks.baselines.baseline import Baseline, BaselineSettings, Targets, Tensors
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.heads import label_heads, pair_heads
from elmo_xlstm.tasks.predictor import FitContext, LabelSpace, Prediction

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)

ClassifierName = Literal["logistic_regression", "linear_svm", "sgd_svm"]
MAX_ITERATIONS = {"logistic_regression": 1000, "linear_svm": 5000}
EPOCHS = 10  # of stochastic gradient descent, whose weights are averaged over all steps
Lengths = Annotated[tuple[int, int], Field(description="Shortest and longest.")]
PARTS = ("words", "characters")
OVERLAPS = (*SHARED, "cosine of word n-grams", "cosine of character n-grams")
"""Columns of :func:`overlaps`, each between 0 and 1."""


@dataclass(frozen=True)
class LinearClassifier:
    """Scores labels as w x + b.

    Attributes:
        seen: indices of the labels of the training data, ascending.
        weights: (R, F) float32; R is 0 if one label was seen, 1 if two (for the second of them), else a row for each.
        biases: (R,) float32.
    """

    seen: np.ndarray
    weights: np.ndarray
    biases: np.ndarray

    def __post_init__(self) -> None:
        rows = {1: 0, 2: 1}.get(len(self.seen), len(self.seen))
        shapes = self.weights.shape, self.biases.shape
        if shapes[0][:1] != (rows,) or len(shapes[0]) != 2 or shapes[1] != (rows,):
            raise ValueError(f"weights {shapes[0]} and biases {shapes[1]} do not fit {len(self.seen)} labels")

    @classmethod
    def fit(cls, features: csr_matrix, labels: np.ndarray, classifier: ClassifierName, c: float) -> Self:
        """Fit to training data, deterministically.

        Args:
            features: (N, F).
            labels: (N,) indices.
            classifier: multinomial logistic regression with an L2 penalty; one linear SVM for each label against the
                others, with squared hinge loss; or the same with hinge loss by ten epochs of averaged stochastic
                gradient descent (Bottou 2010), several times faster on the words of thousands of sentences.
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
        return {f"{name}.{part}": array for part, array in vars(self).items()}

    @classmethod
    def restore(cls, tensors: Tensors, name: str) -> Self:
        """Undo :meth:`tensors`; KeyError if a part is missing, ValueError if they do not fit together."""
        return cls(tensors[f"{name}.seen"], tensors[f"{name}.weights"], tensors[f"{name}.biases"])


class LinearBaseline(Baseline):
    """Features of decisions (rows), and a linear classifier for each aspect."""

    class Config(BaselineSettings):
        """Settings that linear baselines begin with."""

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
    def columns(self, targets: Targets) -> list[list[str]]:
        """The labels of N decisions, for each of A aspects."""

    @abstractmethod
    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """Predictions from (N, K) scores for each of A aspects."""

    def learn(self, train: Sequence[Texts], targets: Targets, valid: Sequence[Texts], context: FitContext) -> None:
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
        """Make ready for prediction."""
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


class TfidfLabels(LinearBaseline):
    """TF-IDF of word and character n-grams, and a linear classifier for each aspect.

    Each kind of n-gram has a vector of length 1 (sublinear counts, smoothed IDF). Character n-grams stay inside words,
    with a space at each end. Of a pair of texts there are the vectors of both, with weights of their own, and how far
    the texts overlap: :data:`OVERLAPS`.
    """

    @label_heads.register("tfidf")
    @pair_heads.register("tfidf")
    class Config(LinearBaseline.Config):
        """N-grams that are counted."""

        type: Literal["tfidf"] = "tfidf"
        word_ngrams: Lengths = (1, 2)
        """Shortest and longest sequence of words."""
        character_ngrams: Lengths = (2, 5)
        """Shortest and longest sequence of characters."""
        min_texts: Annotated[int, Field(gt=0)] = 2
        """Sequences of fewer training texts are left out."""

    def __init__(self, config: Config, space: LabelSpace, lower_case: bool) -> None:
        super().__init__(config, space, lower_case)
        self._vectorizers: dict[str, Any] = {}

    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Collect n-grams and their IDF."""
        single = [" ".join(words) for parts in texts for words in parts]
        self._vectorizers = {part: self._vectorizer(part) for part in PARTS}
        for part, vectorizer in self._vectorizers.items():
            try:
                vectorizer.fit(single)
            except ValueError as error:  # nothing is left
                raise UserError(f"no {part} to learn from in {len(single)} texts ({error}); lower min_texts") from None
            self.tensors[f"idf.{part}"] = vectorizer.idf_
            self.vocabulary[part] = vectorizer.get_feature_names_out().tolist()

    def features(self, texts: Sequence[Texts]) -> csr_matrix:
        """(N, F) for N texts or pairs."""
        from scipy.sparse import csr_matrix, hstack

        blocks = [
            [vectorizer.transform([" ".join(words) for words in column]) for vectorizer in self._vectorizers.values()]
            for column in zip(*texts, strict=True)
        ]
        more = [csr_matrix(overlaps(texts, *blocks))] if len(blocks) == 2 else []
        return hstack([*(vectors for block in blocks for vectors in block), *more], format="csr")

    def columns(self, targets: Targets) -> list[list[str]]:
        """The labels of each aspect."""
        return [list(column) for column in zip(*targets, strict=True)]

    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """The best labels, with probabilities if the classifier is logistic regression."""
        from scipy.special import softmax

        best = np.stack([aspect.argmax(axis=1) for aspect in scores], axis=1)  # (N, A)
        labels = [[self.space.labels[index] for index in row] for row in best]
        if self.config.classifier != "logistic_regression":
            return [Prediction(row) for row in labels]
        shares = softmax(np.stack(scores, axis=1).astype(np.float64), axis=-1)  # (N, A, K)
        return [Prediction(row, rows) for row, rows in zip(labels, shares.tolist(), strict=True)]

    def restore(self) -> None:
        """Make ready for prediction."""
        super().restore()
        self._vectorizers = {part: self._vectorizer(part, self.vocabulary[part]) for part in PARTS}
        for part, vectorizer in self._vectorizers.items():
            vectorizer.idf_ = self.tensors[f"idf.{part}"]

    def _vectorizer(self, part: str, ngrams: Sequence[str] | None = None) -> Any:
        """An unfitted vectorizer, or one that knows its n-grams."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(
            analyzer="word" if part == "words" else "char_wb",
            token_pattern=r"\S+" if part == "words" else None,  # the words as they have been split
            ngram_range=self.config.word_ngrams if part == "words" else self.config.character_ngrams,
            min_df=self.config.min_texts,
            lowercase=False,  # whoever reads the texts has done it if it is wanted
            sublinear_tf=True,
            vocabulary=ngrams,
        )


def overlaps(texts: Sequence[Texts], first: Sequence[csr_matrix], second: Sequence[csr_matrix]) -> np.ndarray:
    """(N, 7) overlaps of N pairs, whose vectors of words and of characters have rows of length 1."""
    cosines = [np.asarray(one.multiply(other).sum(axis=1)) for one, other in zip(first, second, strict=True)]
    return np.hstack([np.array([shared_words(one, other) for one, other in texts]), *cosines])
