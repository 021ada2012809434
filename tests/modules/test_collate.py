import numpy as np
import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.collate import Sentence, WordCollator
from elmo_xlstm.modules.tag_scheme import TagScheme
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.text import WordPieces

SCHEME = TagScheme(["O", "B-X", "I-X"], "bio")
WORDS, CHARACTERS = Vocabulary(["di", "Bali"]), Vocabulary(list("Balid"))


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
