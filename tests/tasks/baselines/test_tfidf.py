from __future__ import annotations

import numpy as np
import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.baselines import TfidfLabels
from elmo_xlstm.tasks.baselines.linear import OVERLAPS, overlaps

SAID = {"pos": "enak sekali", "neg": "buruk benar", "none": "biasa saja"}
TEXTS = [(f"makanan nomor {number} {said}".split(),) for number in range(8) for said in SAID.values()]
TARGETS = [(label,) for _ in range(8) for label in SAID]


def settings(**values) -> TfidfLabels.Config:
    return validate(TfidfLabels.Config, values)


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svm"])
@pytest.mark.parametrize("labels", [("pos", "neg", "none"), ("none", "more", "neg", "pos")])
def test_words_and_parts_of_words_are_learned(classifier, labels, train) -> None:
    predictor = train(settings(classifier=classifier), labels, TEXTS, TARGETS)
    new = [("layanan buruk benar".split(),), ("ini enak".split(),), ("biasanya".split(),)]  # the last by its letters
    predictions = predictor.predict_texts(new)
    assert [list(prediction.labels) for prediction in predictions] == [["neg"], ["pos"], ["none"]]
    for prediction in predictions:
        if classifier == "linear_svm":
            assert prediction.probabilities == ()
        else:
            (row,) = prediction.probabilities
            assert sum(row) == pytest.approx(1) and labels[int(np.argmax(row))] == prediction.labels[0]
            assert "more" not in labels or row[labels.index("more")] == 0
    words, characters = (len(predictor.vocabulary[part]) for part in ("words", "characters"))
    assert predictor.parameter_counts() == {"classifiers": 3 * (words + characters + 1)}


def test_what_is_counted(train) -> None:
    values = {"min_texts": 8, "word_ngrams": [1, 2], "character_ngrams": [2, 3]}
    predictor = train(settings(**values), tuple(SAID), TEXTS, TARGETS)
    terms = predictor.vocabulary
    assert set(terms["words"]) == {
        *("makanan", "nomor", "makanan nomor", "enak", "sekali", "enak sekali"),
        *("buruk", "benar", "buruk benar", "biasa", "saja", "biasa saja"),
    }
    assert {len(term) for term in terms["characters"]} == {2, 3} and " en" in terms["characters"]
    assert not any(term.strip().count(" ") for term in terms["characters"])
    features = predictor.features(TEXTS).toarray()
    lengths = np.linalg.norm(features[:, : len(terms["words"])], axis=1)
    np.testing.assert_allclose(lengths, 1)
    assert features.shape[1] == len(terms["words"]) + len(terms["characters"])


def test_each_aspect_has_its_own_classifier(train) -> None:
    targets = [(label, "pos" if label == "neg" else "neg") for (label,) in TARGETS]
    predictor = train(settings(), tuple(SAID), TEXTS, targets, aspects=("one", "other"))
    (prediction,) = predictor.predict_texts([("buruk benar".split(),)])
    assert list(prediction.labels) == ["neg", "pos"] and len(prediction.probabilities) == 2


def test_an_aspect_with_one_label_in_training_gets_that_label(train) -> None:
    targets = [(label, "none") for (label,) in TARGETS]
    predictor = train(settings(), tuple(SAID), TEXTS, targets, aspects=("one", "other"))
    (prediction,) = predictor.predict_texts([("buruk benar".split(),)])
    assert list(prediction.labels) == ["neg", "none"] and list(prediction.probabilities[1]) == [0, 0, 1]


def test_the_penalty_with_the_best_validation_score_is_kept(train) -> None:
    one_by_one = {c: train(settings(c=[c]), tuple(SAID), TEXTS, TARGETS) for c in (1e-9, 1.0, 2.0)}
    weak = one_by_one[1e-9].predict_texts(TEXTS)
    assert [tuple(p.labels) for p in weak] != TARGETS or all(max(p.probabilities[0]) < 0.34 for p in weak)
    chosen = train(settings(c=[1.0, 2.0]), tuple(SAID), TEXTS, TARGETS)
    assert chosen.tensors["c"] == 1.0  # the first of equals
    assert chosen.predict_texts(TEXTS) == one_by_one[1.0].predict_texts(TEXTS)


def test_pairs_are_compared(train) -> None:
    sentences = [words for (words,) in TEXTS]
    pairs = [(one, one) for one in sentences] + [
        (one, other) for one, other in zip(sentences, sentences[1:] + [["ada"]], strict=True)
    ]
    targets = [("same",)] * len(sentences) + [("other",)] * len(sentences)
    predictor = train(settings(c=[100.0]), ("same", "other"), pairs, targets)
    assert predictor.features(pairs).shape[1] == 2 * sum(map(len, predictor.vocabulary.values())) + len(OVERLAPS)
    right = [p.labels[0] == t[0] for p, t in zip(predictor.predict_texts(pairs), targets, strict=True)]
    assert all(right)


def test_overlaps() -> None:
    from scipy.sparse import csr_matrix

    vectors = [csr_matrix([[1.0, 0.0], [0.6, 0.8]]), csr_matrix([[0.0, 1.0], [1.0, 0.0]])]
    found = overlaps(
        [(("a", "b", "c", "d"), ("a", "b")), (("x",), ("y", "z"))],
        [vectors[0], vectors[1]],
        [vectors[0], vectors[0]],
    )
    np.testing.assert_allclose(found, [[0.5, 1, 1 / 3, 1, 0.5, 1, 0], [0, 0, 0, 0, 0.5, 1, 0.6]])
    assert found.shape[1] == len(OVERLAPS)


def test_texts_with_nothing_in_common(train) -> None:
    with pytest.raises(UserError, match="no words to learn from in 2 texts .*lower min_texts"):
        train(settings(), ("pos", "neg"), [(["satu"],), (["dua"],)], [("pos",), ("neg",)])
    with pytest.raises(UserError, match="no training examples"):
        train(settings(), ("pos", "neg"), [], [])
