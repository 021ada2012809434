import pytest
import torch

from elmo_xlstm.embedding.pieces import PieceBatch
from elmo_xlstm.modules.batch import WordBatch, sentence_lengths
from elmo_xlstm.text import WordPieces


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


def test_moving_keeps_everything() -> None:
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
