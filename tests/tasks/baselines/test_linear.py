from __future__ import annotations

import logging

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from elmo_xlstm.tasks.baselines import linear
from elmo_xlstm.tasks.baselines.linear import LinearClassifier

CLASSIFIERS = ["logistic_regression", "linear_svm", "sgd_svm"]


def clusters(labels: int, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    """60 points that a line keeps apart, and their labels: 1, 3, 5, ..."""
    generator = np.random.default_rng(seed)
    which = np.arange(60) % labels
    return csr_matrix(4 * np.eye(labels)[which] + generator.normal(0, 0.3, (60, labels))), 2 * which + 1


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [1, 2, 3, 4])
def test_separable_points_are_learned(classifier, labels) -> None:
    features, gold = clusters(labels)
    fitted = LinearClassifier.fit(features, gold, classifier, 10.0)
    scores = fitted.scores(features, 9)
    assert scores.shape == (60, 9) and (scores.argmax(axis=1) == gold).all()
    unseen = [label for label in range(9) if label not in gold]
    assert np.isneginf(scores[:, unseen]).all() and np.isfinite(scores[:, np.unique(gold)]).all()
    assert fitted.size == {1: 0, 2: 1}.get(labels, labels) * (labels + 1)


@pytest.mark.parametrize("labels", [2, 3])
def test_the_soft_max_of_scores_is_what_scikit_learn_says(labels) -> None:
    features, gold = clusters(labels)
    scores = LinearClassifier.fit(features, gold, "logistic_regression", 0.3).scores(features, 9)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = LogisticRegression(C=0.3, max_iter=1000).fit(features, gold).predict_proba(features)
    np.testing.assert_allclose(shares[:, np.unique(gold)], expected, atol=1e-5)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_tensors_are_all_there_is_to_keep(classifier) -> None:
    features, gold = clusters(3)
    fitted = LinearClassifier.fit(features, gold, classifier, 1.0)
    tensors = fitted.tensors("some")
    restored = LinearClassifier.restore(tensors, "some")
    assert (restored.scores(features, 9) == fitted.scores(features, 9)).all() and restored.size == fitted.size
    with pytest.raises(ValueError, match="do not fit 2 labels"):
        LinearClassifier.restore({**tensors, "some.seen": np.array([1, 2])}, "some")
    with pytest.raises(KeyError):
        LinearClassifier.restore(tensors, "other")


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svm"])
def test_fits_that_do_not_converge_are_reported(classifier, monkeypatch, caplog) -> None:
    features, gold = clusters(3)
    with caplog.at_level(logging.WARNING):
        LinearClassifier.fit(features, gold, classifier, 1.0)
        assert not caplog.records
        monkeypatch.setitem(linear.MAX_ITERATIONS, classifier, 1)
        LinearClassifier.fit(features, gold, classifier, 100.0)
    assert f"{classifier} with C = 100 has not converged in 1 iterations" in caplog.text
