from __future__ import annotations

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import validate
from elmo_xlstm.tasks.baselines import LinearWindow
from elmo_xlstm.tasks.predictor import LabelSpace

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BIOES = ("O", *(f"{mark}-LOC" for mark in "BIES"))


def tagger(**values) -> LinearWindow:
    config = validate(LinearWindow.Config, values)
    labels = {"bioes": BIOES, "bio": BIO, "none": ("NN", "VB")}[config.scheme]
    return LinearWindow.for_training(config, LabelSpace(labels), [], None, False)


@pytest.mark.parametrize("classifier", ["logistic_regression", "linear_svm", "sgd_svm"])
def test_words_and_their_neighbours_are_learned(classifier, train) -> None:
    sentences = [
        ("di", "Batu", "hari", "ini"),
        ("Pak", "Batu", "pergi"),
        ("di", "Medan", "ramai"),
        ("Pak", "Joko", "diam"),
    ]
    texts = [(list(words),) for words in sentences] * 2
    tags = [["O", "B-LOC", "O", "O"], ["O", "B-PER", "O"], ["O", "B-LOC", "O"], ["O", "B-PER", "O"]] * 2
    predictor = train(validate(LinearWindow.Config, {"classifier": classifier, "c": [100.0]}), BIO, texts, tags)
    new = [(["di", "Solo", "ramai"],), (["Pak", "Solo", "diam"],)]  # known by the words beside it
    found = [list(prediction.labels) for prediction in predictor.predict_texts(new)]
    assert found == [["O", "B-LOC", "O"], ["O", "B-PER", "O"]]
    assert predictor.parameter_counts() == {"classifiers": 3 * (len(predictor.vocabulary["features"]) + 1)}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(["bio", "bioes", "none"]))
def test_of_the_permitted_paths_the_best(seed, length, scheme) -> None:
    predictor = tagger(scheme=scheme)
    size = len(predictor.space.labels)
    scores = torch.randn(length, size, generator=torch.Generator().manual_seed(seed))
    path = predictor.path(scores)
    permitted = filter(predictor.scheme.permits, itertools.product(range(size), repeat=length))
    best = max(permitted, key=lambda ids: sum(scores[word, tag].item() for word, tag in enumerate(ids)))
    assert path == list(best)


def test_tags_that_training_lacks_are_never_given(train) -> None:
    texts, tags = [(["a", "b"],)] * 3, [["O", "B-PER"]] * 3
    predictor = train(LinearWindow.Config(), BIO, texts, tags)
    words = [random.Random(0).choice("abcxyz") for _ in range(50)]
    assert {tag for p in predictor.predict_texts([(words,)]) for tag in p.labels} <= {"O", "B-PER"}


LABELS = ("O", "B", "I")
PLACES = ["Bogor", "Medan", "Solo", "Batu"]
NAMES = ["Budi", "Siti", "Joko", "Rina"]


def questions() -> tuple[list, list]:
    """Who, or where to: only the question tells which."""
    texts, tags = [], []
    for name, place in itertools.product(NAMES, PLACES):
        passage = ["Kemarin", name, "ke", place, "."]
        texts += [(["siapa", "?"], passage), (["ke", "mana", "?"], passage)]
        tags += [["O", "B", "O", "O", "O"], ["O", "O", "O", "B", "O"]]
    return texts, tags


def test_the_question_decides(train) -> None:
    texts, tags = questions()
    predictor = train(validate(LinearWindow.AnswersConfig, {"c": [1.0]}), LABELS, texts, tags)
    assert [list(prediction.labels) for prediction in predictor.predict_texts(texts)] == tags
    assert predictor.vocabulary["asked"] == ["?", "ke", "mana", "siapa"]
    features = set(predictor.vocabulary["features"])
    assert {"asked siapa budi", "asked mana shape Xx", "held yes", "held no no no"} <= features


def test_there_is_an_answer_if_there_is_to_be_one_always(train) -> None:
    texts, tags = questions()
    for always in (True, False):
        config = validate(LinearWindow.AnswersConfig, {"c": [1.0], "always_answer": always})
        predictor = train(config, LABELS, texts, tags)
        (prediction,) = predictor.predict_texts([(["berapa", "?"], ["tidak", "ada", "di", "sini"])])
        assert (list(prediction.labels).count("B") == 1) == always
        assert list(prediction.labels).count("O") >= 3 or always
    certain = torch.tensor([[9.0, 0, 0], [9, 4, 0], [9, -1, 5]])
    assert predictor.path(certain) == [0, 0, 0]
    predictor.config = validate(LinearWindow.AnswersConfig, {})
    assert predictor.path(certain) == [0, 1, 0]
    assert predictor.path(torch.tensor([[9.0, 0, 0], [0, 4, 0], [0, 0, 5]])) == [0, 1, 2]
