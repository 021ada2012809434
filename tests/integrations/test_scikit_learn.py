from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from elmo_xlstm.integrations.scikit_learn import ElmoVectorizer, embedder_of

TEXTS = ["Siti tiba", "Budi tiba", "Siti di rumah", "Budi di rumah"] * 3
LABELS = [0, 0, 1, 1] * 3


def test_in_a_grid_search_over_its_own_settings(model_directory) -> None:
    embedder_of.cache_clear()
    pipeline = Pipeline([("vectors", ElmoVectorizer(str(model_directory))), ("label", LogisticRegression())])
    search = GridSearchCV(pipeline, {"vectors__pool": ["mean", "max"], "vectors__layer": [0, "mean"]}, cv=2)
    search.fit(TEXTS, LABELS)
    assert search.best_score_ == 1.0 and set(search.best_params_) == {"vectors__pool", "vectors__layer"}
    assert search.predict(["Rina tiba", "Rina di rumah"]).tolist() == [0, 1]
    assert embedder_of.cache_info().misses == 1, "copies share one model"


def test_copies_and_pickles_carry_settings_alone(model_directory, embedder) -> None:
    vectorizer = ElmoVectorizer(str(model_directory), "max", -1)
    for copy in (clone(vectorizer), pickle.loads(pickle.dumps(vectorizer))):
        assert copy.get_params() == vectorizer.get_params()
        np.testing.assert_array_equal(copy.fit(TEXTS).transform(TEXTS), embedder.encode(TEXTS, "max", -1))
    assert len(pickle.dumps(vectorizer)) < 1000
    assert len(vectorizer.get_feature_names_out()) == embedder.dim


def test_no_vector_of_a_text(model_directory) -> None:
    with pytest.raises(ValueError, match="a vector of each text"):
        ElmoVectorizer(str(model_directory), "words").transform(TEXTS)
