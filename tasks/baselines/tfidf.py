"""Linear models on TF-IDF of words and character sequences, and on how far the two texts of a pair overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.shared_words import SHARED, shared_words
from tasks.baselines.linear import LinearBaseline
from tasks.data.examples import Texts
from tasks.heads import label_heads, pair_heads
from tasks.predictor import LabelSpace, Prediction, PredictorClass

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Lengths = Annotated[tuple[int, int], Field(description="Shortest and longest.")]
PARTS = ("words", "characters")
OVERLAPS = (*SHARED, "cosine of word n-grams", "cosine of character n-grams")
"""Columns of :func:`overlaps`, each between 0 and 1."""


class TfidfLabels(LinearBaseline):
    """TF-IDF of word and character n-grams, and a linear classifier for each aspect.

    Each kind of n-gram has a vector of length 1 (sublinear counts, smoothed IDF). Character n-grams stay inside words,
    with a space at each end. Of a pair of texts there are the vectors of both, with weights of their own, and how far
    the texts overlap: :data:`OVERLAPS`.
    """

    @label_heads.register("tfidf")
    @pair_heads.register("tfidf")
    class Config(LinearBaseline.Config):
        """Settings of :class:`TfidfLabels`."""

        type: Literal["tfidf"] = "tfidf"
        word_ngrams: Lengths = (1, 2)
        """Shortest and longest sequence of words."""
        character_ngrams: Lengths = (2, 5)
        """Shortest and longest sequence of characters."""
        min_texts: Annotated[int, Field(gt=0)] = 2
        """Sequences of fewer training texts are left out."""

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return TfidfLabels

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

    def columns(self, targets: Sequence[Sequence[str]]) -> list[list[str]]:
        """The labels of each aspect."""
        return [list(column) for column in zip(*targets, strict=True)]

    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """The best labels, with probabilities if the classifier is logistic regression."""
        best = np.stack([aspect.argmax(axis=1) for aspect in scores], axis=1)  # (N, A)
        labels = [[self.space.labels[index] for index in row] for row in best]
        if self.config.classifier != "logistic_regression":
            return [Prediction(row) for row in labels]
        stacked = np.stack(scores, axis=1).astype(np.float64)  # (N, A, K)
        shares = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return [Prediction(row, rows) for row, rows in zip(labels, shares.tolist(), strict=True)]

    def restore(self) -> None:
        """See :class:`~tasks.baselines.baseline.Baseline`."""
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
    """(N, 7) overlaps of N pairs.

    Args:
        texts: the pairs.
        first: vectors of the first texts, those of words and those of characters, with rows of length 1.
        second: of the second texts.
    """
    cosines = [np.asarray(one.multiply(other).sum(axis=1)) for one, other in zip(first, second, strict=True)]
    return np.hstack([np.array([shared_words(one, other) for one, other in texts]), *cosines])
