from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmo_xlstm.embedding.pieces import PieceBatch, pool_words, sentence_pieces
from elmo_xlstm.lm.model import Encoding

SENTENCES = [["Siti", "zz", "di"], [], ["rumah"]]
# Seven pieces a sentence, special pieces and padding among them; words of pieces [1], [2 3 4], [5] and then [1 2], [3].
FIRST, LAST = torch.tensor([1, 2, 5, 7 + 1, 7 + 3]), torch.tensor([1, 4, 5, 7 + 2, 7 + 3])
LAYERS = 3


def test_pieces_stand_between_begin_and_end(tiny_tokenizer) -> None:
    pieces, empty, _ = sentence_pieces(SENTENCES, tiny_tokenizer)
    assert [pieces.input_ids[0], pieces.input_ids[-1]] == [tiny_tokenizer.bos_id, tiny_tokenizer.eos_id]
    assert len(pieces.input_ids) == 2 + 4 and (pieces.first, pieces.last) == ([1, 2, 4], [1, 3, 4])
    assert len(empty.input_ids) == 2 and empty.first == empty.last == []


def test_a_batch_is_padded_on_the_right(tiny_tokenizer) -> None:
    batch = PieceBatch.of(sentence_pieces(SENTENCES, tiny_tokenizer))
    assert len(batch) == 3 and batch.input_ids.shape == (3, 6)
    assert batch.mask.sum(dim=1).tolist() == [6, 2, 3] and batch.mask[2].tolist() == [True] * 3 + [False] * 3
    assert batch.first.tolist() == [1, 2, 4, 2 * 6 + 1] and batch.last.tolist() == [1, 3, 4, 2 * 6 + 1]
    flat = batch.input_ids.flatten()
    assert flat[batch.first[3]] == tiny_tokenizer.encode_words(["rumah"]).input_ids[0]
    moved = batch.to("meta")
    assert all(part.is_meta for part in (moved.input_ids, moved.mask, moved.first, moved.last))


@pytest.mark.parametrize(("pooling", "forward", "backward"), [("boundary", 3, 2), ("first", 2, 2), ("last", 3, 3)])
def test_words_of_an_encoding(pooling, forward, backward, tiny_tokenizer) -> None:
    batch = PieceBatch.of(sentence_pieces(SENTENCES, tiny_tokenizer))
    embeddings, ahead, back = (torch.randn(3, 6, 2) for _ in range(3))
    words = batch.words(Encoding(embeddings, [ahead], [back]), pooling)
    assert words.shape == (4, 2, 4)
    assert torch.equal(words[1, 0], torch.cat([embeddings[0, forward], embeddings[0, backward]]))
    assert torch.equal(words[1, 1], torch.cat([ahead[0, forward], back[0, backward]]))


@pytest.fixture
def directions() -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    forward, backward = ([torch.randn(2, 7, 4, generator=generator) for _ in range(LAYERS)] for _ in range(2))
    return forward, backward


def rows(layers: list[Tensor], piece: Tensor) -> Tensor:
    """(layers, width) of one piece, by sentence and place in it."""
    sentence, place = divmod(int(piece), 7)
    return torch.stack([layer[sentence, place] for layer in layers])


@pytest.mark.parametrize(
    ("pooling", "forward_at", "backward_at"),
    [("boundary", LAST, FIRST), ("first", FIRST, FIRST), ("last", LAST, LAST)],
)
def test_one_piece_of_each_direction(directions, pooling, forward_at, backward_at) -> None:
    forward, backward = directions
    pooled = pool_words(forward, backward, FIRST, LAST, pooling)
    assert pooled.shape == (5, LAYERS, 8)
    for word in range(5):
        assert torch.equal(pooled[word, :, :4], rows(forward, forward_at[word]))
        assert torch.equal(pooled[word, :, 4:], rows(backward, backward_at[word]))


def test_mean_of_a_words_own_pieces(directions) -> None:
    forward, backward = directions
    pooled = pool_words(forward, backward, FIRST, LAST, "mean")
    for word, (first, last) in enumerate(zip(FIRST, LAST, strict=True)):
        own = range(int(first), int(last) + 1)
        for half, layers in ((pooled[word, :, :4], forward), (pooled[word, :, 4:], backward)):
            torch.testing.assert_close(half, torch.stack([rows(layers, torch.tensor(p)) for p in own]).mean(0))


def test_all_agree_on_words_of_one_piece(directions) -> None:
    forward, backward = directions
    alone = torch.tensor([1, 2, 3, 4, 5, 8, 9, 13])
    expected = [torch.cat([rows(forward, p), rows(backward, p)], dim=-1) for p in alone]
    for pooling in ("boundary", "first", "last", "mean"):
        pooled = pool_words(forward, backward, alone, alone, pooling)
        torch.testing.assert_close(pooled, torch.stack(expected))


@pytest.mark.parametrize("pooling", ["boundary", "mean"])
def test_no_words(directions, pooling) -> None:
    none = torch.empty(0, dtype=torch.long)
    assert pool_words(*directions, none, none, pooling).shape == (0, LAYERS, 8)
