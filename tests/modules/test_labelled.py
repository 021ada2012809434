from __future__ import annotations

import pytest
import torch

from elmo_xlstm.modules import LabelCollator, LabelledExample, Sentence, Vocabulary

LABELS = ["pos", "neg"]


def example(*texts: str, labels=None) -> LabelledExample:
    return LabelledExample(tuple(Sentence(text.split()) for text in texts), labels)


def test_texts_and_labels_of_a_batch() -> None:
    collate = LabelCollator(LABELS, Vocabulary(["a", "b"]))
    batch = collate([example("a b a", "b", labels=["neg"]), example("b", "a a", labels=["pos"])])
    assert len(batch) == 2 and batch.labels.tolist() == [[1], [0]]
    first, second = batch.texts
    assert first.words.tolist() == [[2, 3, 2], [3, 0, 0]] and second.words.tolist() == [[3, 0], [2, 2]]
    assert first.mask.tolist() == [[True] * 3, [True, False, False]]


def test_labels_of_several_aspects_and_none() -> None:
    collate = LabelCollator(LABELS)
    assert collate([example("a", labels=["neg", "pos", "neg"])]).labels.tolist() == [[1, 0, 1]]
    assert collate([example("a")]).labels is None


def test_moving_keeps_everything() -> None:
    batch = LabelCollator(LABELS)([example("a b", labels=["neg"])]).to("meta")
    assert batch.labels.device.type == batch.texts[0].mask.device.type == "meta"
    assert LabelCollator(LABELS)([example("a")]).to(torch.device("cpu")).labels is None


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([example("a", labels=["pos"]), example("b")], "some examples of the batch have labels and some have none"),
        ([example("a", labels=["other"])], "label 'other' is not among pos, neg"),
        ([example("a"), example("a", "b")], "zip"),
        ([example("")], "no words"),
    ],
)
def test_what_does_not_fit_together(examples, message) -> None:
    with pytest.raises(ValueError, match=message):
        LabelCollator(LABELS)(examples)
