from __future__ import annotations

import pytest

from elmo_xlstm.tasks.baselines import MajorityLabels, MajorityTags
from elmo_xlstm.tasks.predictor import LabelSpace

TEXT = (["apa", "saja"],)


def labels_of(predictor, *texts) -> list[list[str]]:
    return [list(prediction.labels) for prediction in predictor.predict_texts(texts)]


def test_the_most_frequent_label(train) -> None:
    predictor = train(MajorityLabels.Config(), "abc", [TEXT] * 5, ["c", "b", "c", "b", "c"])
    (prediction,) = predictor.predict_texts([(["lain"],)])
    assert prediction.labels == ["c"] and prediction.probabilities == [[0, 0.4, 0.6]]
    assert predictor.parameter_counts() == {"labels": 1}


def test_of_equally_frequent_labels_the_one_declared_first(train) -> None:
    assert labels_of(train(MajorityLabels.Config(), "abc", [TEXT] * 4, "cbbc"), TEXT) == [["b"]]


def test_each_aspect_has_its_own(train) -> None:
    targets = [("a", "b"), ("a", "c"), ("b", "c")]
    predictor = train(MajorityLabels.Config(), "abc", [TEXT] * 3, targets, aspects=("one", "other"))
    (prediction,) = predictor.predict_texts([TEXT])
    assert prediction.labels == ["a", "c"] and len(prediction.probabilities) == 2
    assert predictor.parameter_counts() == {"labels": 2}


SENTENCES = [(["di", "Kota", "Batu"],), (["Kota", "Batu", "dan", "kota", "di"],)]
TAGS = [["O", "B-L", "I-L"], ["B-L", "I-L", "O", "O", "B-L"]]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("bio", ["O", "B-L", "I-L", "O", "B-L"]),  # a stray I- is a B-
        ("none", ["O", "B-L", "I-L", "O", "I-L"]),
    ],
)
def test_the_most_frequent_tag_of_known_words(scheme, tags, train) -> None:
    predictor = train(MajorityTags.Config(scheme=scheme), ("O", "B-L", "I-L"), SENTENCES, TAGS)
    # di: O and B-L are equally frequent; unknown words: O is the most frequent of all
    assert labels_of(predictor, (["di", "Kota", "Batu", "asing", "Batu"],)) == [tags]
    assert labels_of(predictor, (["KOTA", "kota"],)) == [["O", "O"]]
    assert predictor.parameter_counts() == {"tags": 6}


def test_unknown_words_have_the_most_frequent_tag_of_all_words(train) -> None:
    predictor = train(MajorityTags.Config(scheme="none"), ("X", "Y"), [(["a", "b", "c", "c"],)], [["X", "Y", "Y", "Y"]])
    assert labels_of(predictor, (["z", "a"],)) == [["Y", "X"]]


def test_lower_case(train) -> None:
    predictor = train(MajorityTags.Config(), ("O", "B-L", "I-L"), SENTENCES, TAGS, lower_case=True)
    assert labels_of(predictor, (["KOTA"],)) == [["B-L"]]


def test_of_a_question_the_passage_alone_is_read(train) -> None:
    predictor = train(MajorityTags.AnswersConfig(), "OBI", [(["siapa"], ["budi", "pergi"])], [["B", "O"]])
    assert labels_of(predictor, (["budi", "?"], ["pergi", "budi", "siapa"])) == [["O", "B", "O"]]


def test_nothing_is_said_before_training() -> None:
    for config in (MajorityLabels.Config(), MajorityTags.Config()):
        predictor = config.predictor_class.for_training(config, LabelSpace(("O",)), [], None, False)
        assert predictor.predict_texts([]) == []
        with pytest.raises(RuntimeError, match="comes first"):
            predictor.predict_texts([TEXT])
