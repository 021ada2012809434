from __future__ import annotations

import numpy as np
import pytest
import torch

from elmo_xlstm.embedding.pieces import PieceBatch
from elmo_xlstm.errors import UserError
from elmo_xlstm.modules import (
    LabelCollator,
    LabelledExample,
    Question,
    QuestionCollator,
    Sentence,
    TagScheme,
    Vocabulary,
    WordBatch,
    WordCollator,
)
from elmo_xlstm.modules.batches import sentence_lengths
from elmo_xlstm.text import WordPieces

SCHEME = TagScheme(["O", "B-X", "I-X"], "bio")
WORDS, CHARACTERS = Vocabulary(["di", "Bali"]), Vocabulary(list("Balid"))
LABELS = ["pos", "neg"]
ASK = QuestionCollator(WordCollator(TagScheme(("O", "B", "I"), "bio")))


def test_lengths_of_right_padded_masks() -> None:
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=torch.bool)
    assert sentence_lengths(mask).tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 1], [1, 1, 1]], "sentence 0 .* padding before"),
        ([[1, 1, 1], [1, 0, 1]], "sentence 1 .* padding before"),
        ([[1, 1, 1], [0, 0, 0]], "sentence 1 .* no words"),
    ],
)
def test_other_masks_are_refused(rows: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sentence_lengths(torch.tensor(rows, dtype=torch.bool))


def test_masks_of_other_types_and_shapes_are_refused() -> None:
    for mask in (torch.ones(2, 3), torch.ones(3, dtype=torch.bool), torch.ones(0, 3, dtype=torch.bool)):
        with pytest.raises(ValueError, match="a mask is bool"):
            sentence_lengths(mask)


def test_tensors_that_do_not_match_the_mask_are_refused() -> None:
    mask = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="tags has shape"):
        WordBatch(mask, tags=torch.zeros(2, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="characters has shape"):
        WordBatch(mask, characters=torch.zeros(2, 3, dtype=torch.long))


def test_moving_words_keeps_everything() -> None:
    batch = WordBatch(
        torch.ones(2, 3, dtype=torch.bool), layers=torch.rand(2, 3, 1, 4), words=torch.ones(2, 3, dtype=torch.long)
    )
    moved = batch.to("meta")
    assert len(moved) == 2 and moved.characters is None and moved.tags is None
    assert moved.mask.is_meta and moved.layers is not None and moved.layers.shape == (2, 3, 1, 4)
    assert moved.words is not None and moved.words.is_meta


def test_pieces_of_the_same_sentences() -> None:
    pieces = PieceBatch.of([WordPieces([2, 7, 8, 3], [1, 2], [1, 2]), WordPieces([2, 9, 3], [1], [1])])
    batch = WordBatch(torch.tensor([[True, True], [True, False]]), pieces=pieces)
    moved = batch.to("meta")
    assert moved.pieces is not None and moved.pieces.input_ids.is_meta and len(moved.pieces) == 2
    with pytest.raises(ValueError, match="pieces of 2 sentences, but the mask is of 1"):
        WordBatch(torch.ones(1, 3, dtype=torch.bool), pieces=pieces)


def layers(words: int) -> np.ndarray:
    return np.random.default_rng(words).normal(size=(words, 2, 3)).astype(np.float16)


def test_everything_is_encoded_and_padded() -> None:
    first, second = layers(3), layers(1)
    collate = WordCollator(SCHEME, WORDS, CHARACTERS)
    batch = collate([Sentence(["di", "Bali", "?"], ["O", "B-X", "I-X"], first), Sentence(["Bali"], ["O"], second)])
    assert batch.mask.tolist() == [[True, True, True], [True, False, False]]
    assert batch.words is not None and batch.words.tolist() == [[2, 3, 1], [3, 0, 0]]
    assert batch.tags is not None and batch.tags.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert batch.characters is not None and batch.characters.tolist() == [
        [[6, 5, 0, 0], [2, 3, 4, 5], [1, 0, 0, 0]],
        [[2, 3, 4, 5], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert batch.layers is not None and batch.layers.dtype == torch.float16
    assert np.array_equal(batch.layers[0].numpy(), first) and np.array_equal(batch.layers[1, :1].numpy(), second)
    assert (batch.layers[1, 1:] == 0).all()


def test_only_what_is_asked_for() -> None:
    batch = WordCollator(SCHEME)([Sentence(["di"])])
    assert batch.words is None and batch.characters is None and batch.tags is None
    assert batch.layers is None and batch.pieces is None


def test_pieces_are_padded() -> None:
    first, second = WordPieces([2, 7, 8, 3], [1, 2], [1, 2]), WordPieces([2, 9, 3], [1], [1])
    batch = WordCollator(SCHEME)([Sentence(["di", "Bali"], pieces=first), Sentence(["di"], pieces=second)])
    assert batch.layers is None and batch.pieces is not None
    assert batch.pieces.input_ids.tolist() == [[2, 7, 8, 3], [2, 9, 3, 0]]
    assert batch.pieces.first.tolist() == [1, 2, 5]


def test_long_words_keep_both_ends() -> None:
    batch = WordCollator(SCHEME, characters=CHARACTERS)([Sentence(["B" + "a" * 500 + "d", ""])])
    assert batch.characters is not None and batch.characters.shape == (1, 2, 64)
    assert batch.characters[0, 0, 0] == 2 and batch.characters[0, 0, -1] == 6
    assert (batch.characters[0, 1] == 0).all()


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([Sentence(["di"]), Sentence([])], "sentence 1 of the batch has no words"),
        ([Sentence(["di"], ["O"]), Sentence(["di"])], "some sentences of the batch have tags"),
        ([Sentence(["di"], ["O", "O"])], "sentence 0 has 1 words but 2 tags"),
        ([Sentence(["di"], None, layers(2))], "1 words but 2 layers"),
        ([Sentence(["di"], pieces=WordPieces([2, 7, 8, 3], [1, 2], [1, 2]))], "1 words but 2 pieces"),
        ([Sentence(["di"], pieces=WordPieces([7], [0], [0])), Sentence(["di"])], "some sentences .* have pieces"),
    ],
)
def test_sentences_that_do_not_fit_are_refused(sentences: list[Sentence], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordCollator(SCHEME, WORDS)(sentences)


def test_tags_that_break_the_scheme_are_refused() -> None:
    with pytest.raises(UserError, match="break scheme"):
        WordCollator(SCHEME)([Sentence(["di", "Bali"], ["O", "I-X"])])


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


def test_moving_labels_keeps_everything() -> None:
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


def test_runs_are_of_words_of_the_question_in_any_casing() -> None:
    batch = ASK(
        [
            Question(Sentence(["Siapa", "Pak", "Budi", "?"]), Sentence(["PAK", "BUDI", "itu", "guru"])),
            Question(Sentence(["guru", "?"]), Sentence(["ya"])),
        ]
    )
    assert batch.runs.tolist() == [[2, 2, 0, 0], [0, 0, 0, 0]]
    assert batch.question.mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert batch.passage.mask.tolist() == [[True] * 4, [True, False, False, False]]
    assert len(batch) == 2 and batch.passage.tags is None
    assert batch.to("cpu").runs.tolist() == batch.runs.tolist()


def test_tags_are_those_of_the_passages() -> None:
    batch = ASK([Question(Sentence(["a"]), Sentence(["b", "c"], ["B", "I"]))])
    assert batch.passage.tags.tolist() == [[1, 2]] and batch.question.tags is None
