"""Vectors of texts as features of scikit-learn's estimators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from typing_extensions import Self

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runtime.text_vectors import Layer, Pool, Vectors


class ElmoVectorizer(TransformerMixin, BaseEstimator):
    """Turns texts into vectors; there is nothing to fit.

    The model is read once a process for all that name it, also copies that ``clone`` and ``GridSearchCV`` make.

    Args:
        model: see :meth:`~elmo_xlstm.embedding.ElmoEmbedder.from_pretrained`.
        pool: ``mean`` or ``max`` over the words of a text.
        layer: a number, or ``mean`` of all.
        precision: of the projections.
    """

    def __init__(
        self, model: str = DEFAULT_MODEL, pool: Pool = "mean", layer: Layer = "mean", precision: Precision = "fp32"
    ) -> None:
        self.model = model
        self.pool = pool
        self.layer = layer
        self.precision = precision

    def fit(self, texts: Sequence[str], y: Any = None) -> Self:
        """Nothing is learnt of the texts."""
        return self

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(texts, dim).

        Raises:
            ValueError: there is no such pooling or layer, or one that gives no single vector of a text.
            UserError: there is no such model.
        """
        if self.pool == "words" or self.layer == "all":
            raise ValueError("expected a vector of each text: pool is mean or max, and layer is a number or mean")
        return np.asarray(embedder_of(self.model, self.precision).encode(list(texts), self.pool, self.layer))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns, ``elmo0`` and so on."""
        dim = embedder_of(self.model, self.precision).dim
        return np.array([f"elmo{column}" for column in range(dim)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


@lru_cache(maxsize=2)
def embedder_of(model: str, precision: Precision) -> ElmoEmbedder:
    """The embedder of a model, read once."""
    return ElmoEmbedder.from_pretrained(model, precision=precision)
