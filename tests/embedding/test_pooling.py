from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmo_xlstm.embedding.pooling import pool_words

# Seven pieces a sentence, special pieces and padding among them; words of pieces [1], [2 3 4], [5] and then [1 2], [3].
FIRST, LAST = torch.tensor([1, 2, 5, 7 + 1, 7 + 3]), torch.tensor([1, 4, 5, 7 + 2, 7 + 3])
LAYERS = 3


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
